"""The server is for the one user who started it: HTTPS, a token, on loopback."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import ssl
import stat
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from sandbox.conftest import served

from agent.edges import clock
from agent.edges.kube.seam import Request
from agent.edges.kube.transport import connect
from agent.sandbox.api import Sandbox
from agent.sandbox.certificates import throw_away
from agent.sandbox.server import NoCertificatesError, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAPS = "/api/v1/namespaces/default/configmaps"
BODY = b'{"metadata":{"name":"web"}}'


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that answers."""
    with served(Sandbox(clock.now)) as found:
        yield found


def trusting(server: Server) -> ssl.SSLContext:
    """Trust what the kubeconfig says, strictly."""
    cluster = orjson.loads(server.kubeconfig())["clusters"][0]["cluster"]
    context = ssl.create_default_context(
        cadata=ssl.DER_cert_to_PEM_cert(
            ssl.PEM_cert_to_DER_cert(_decoded(cluster["certificate-authority-data"]))
        )
    )
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def _decoded(data: str) -> str:
    import base64  # noqa: PLC0415

    return base64.b64decode(data).decode()


def asked(
    server: Server, method: str, body: bytes | None = None, host: str = "127.0.0.1", **headers: str
) -> tuple[int, Any]:
    """Send one request on a connection of its own."""
    line = http.client.HTTPSConnection(host, server.port, context=trusting(server), timeout=30)
    with closing(line):
        line.request(method, MAPS, body, {"Content-Type": "application/json", **headers})
        answer = line.getresponse()
        return answer.status, orjson.loads(answer.read())


def test_our_own_client_reaches_it(server: Server, tmp_path: Path) -> None:
    """By the kubeconfig alone."""
    transport = connect(str(server.write_kubeconfig(tmp_path / "kubeconfig")), None, "one/1")
    with closing(transport):
        made = transport.send(Request("POST", MAPS, (), BODY, "application/json"))
    assert made.status == 201


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_whoever_has_the_token_is_answered(server: Server, host: str) -> None:
    """By either name of this machine, under the strictest rules for certificates."""
    code, _ = asked(server, "GET", host=host, Authorization=f"Bearer {server.token}")
    assert code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer sandbox"}],
    ids=["no token", "an empty token", "another token"],
)
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", BODY)])
def test_nobody_else_reads_or_writes(
    server: Server, method: str, body: bytes | None, headers: dict[str, str]
) -> None:
    """Other users of the machine get a 401, and nothing is changed."""
    code, said = asked(server, method, body, **headers)
    assert (code, said["reason"], said["message"]) == (401, "Unauthorized", "Unauthorized")
    _, listed = asked(server, "GET", Authorization=f"Bearer {server.token}")
    assert listed["items"] == []


def test_a_token_that_is_no_text_is_refused(server: Server) -> None:
    """Bytes above 127 are compared like any others."""
    assert asked(server, "GET", Authorization="Bearer \xff")[0] == 401


def test_another_authority_is_not_trusted(server: Server) -> None:
    """Whoever takes the port has not the certificate."""
    context = ssl.create_default_context(cadata=throw_away().authority.decode())
    line = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=30)
    with closing(line), pytest.raises(ssl.SSLCertVerificationError):
        line.request("GET", MAPS)


def test_a_silent_client_keeps_nobody_waiting(server: Server) -> None:
    """One that never shakes hands has a thread of its own."""
    with socket.create_connection(("127.0.0.1", server.port), 30):
        assert asked(server, "GET", Authorization=f"Bearer {server.token}")[0] == 200


def test_the_server_listens_on_loopback_only(server: Server) -> None:
    """And says so."""
    assert server.url == f"https://127.0.0.1:{server.port}"
    assert server._server.server_address[0] == "127.0.0.1"


def test_a_body_has_a_limit(server: Server) -> None:
    """413, before it is read."""
    length = str(3 * 1024 * 1024 + 1)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Length": length}
    code, said = asked(server, "POST", **headers)
    assert (code, said["reason"]) == (413, "RequestEntityTooLarge")


def test_only_this_user_reads_the_kubeconfig(server: Server, tmp_path: Path) -> None:
    """0600, whatever was there before; a link is replaced, not followed."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "kubeconfig"
    path.symlink_to(victim)
    umask = os.umask(0)
    try:
        server.write_kubeconfig(path)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert victim.read_text() == "precious"
    assert server.token in path.read_text()


def test_every_server_has_its_own_secrets() -> None:
    """Neither token nor authority is used twice."""
    first, second = Server(Sandbox(clock.now)), Server(Sandbox(clock.now))
    with closing(first), closing(second):
        assert first.token != second.token
        assert trusting(first).get_ca_certs() != trusting(second).get_ca_certs()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent runs without; only the server needs it."""
    monkeypatch.delitem(sys.modules, "agent.sandbox.certificates", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(NoCertificatesError, match=r"pip install 'tidegate\[demo\]'"):
        Server(Sandbox(clock.now))


def test_tokens_are_long_enough(server: Server) -> None:
    """As many bits as a key."""
    assert len(server.token) >= len(secrets.token_urlsafe(32))
