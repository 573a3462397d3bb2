"""The transport against a real API server."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import orjson
import pytest
from control_plane.processes import free_ports

from agent.core.errors import ClusterError
from agent.edges.kube.failures import NoAnswerError, RefusedError
from agent.edges.kube.seam import Request
from agent.edges.kube.transport import HttpTransport, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from control_plane.server import ControlPlane

AGENT = "tidegate/0.1 (transport test)"


@pytest.fixture
def transport(control_plane: ControlPlane) -> Iterator[HttpTransport]:
    """Give a transport as admin."""
    with closing(connect(str(control_plane.kubeconfig()), None, AGENT)) as opened:
        yield opened


def test_a_request_is_answered(transport: HttpTransport):
    """Bytes in, bytes out."""
    response = transport.send(Request("GET", "/version"))

    assert (response.status, "gitVersion" in orjson.loads(response.body)) == (200, True)


def test_a_refusal_is_a_response(transport: HttpTransport):
    """404 is an answer, not an exception; header names are lower case."""
    response = transport.send(Request("GET", "/api/v1/namespaces/no-such-namespace"))

    assert (response.status, response.headers["content-type"]) == (404, "application/json")


def test_every_request_is_counted(control_plane: ControlPlane):
    """By verb and resource, with the status."""
    seen: list[tuple[str, str, int]] = []
    config = str(control_plane.kubeconfig())
    count = lambda *request: seen.append(request)  # noqa: E731
    with closing(connect(config, None, AGENT, on_request=count)) as transport:
        transport.send(Request("GET", "/api/v1/namespaces/default"))
        transport.send(Request("GET", "/apis/apps/v1/deployments"))

    assert seen == [("get", "namespaces", 200), ("list", "apps/deployments", 200)]


def test_the_server_sees_who_asks(control_plane: ControlPlane, transport: HttpTransport):
    """User agent and impersonation reach the audit log."""
    who = "system:serviceaccount:default:deployer"
    since = control_plane.marker()
    forbidden = transport.send(Request("GET", "/api/v1/pods", impersonate=who))

    asked = [(each.user, each.code) for each in control_plane.audit(since, user_agent_prefix=AGENT)]
    assert (forbidden.status, asked) == (403, [(who, 403)])


def test_a_refused_connection_was_not_sent(tmp_path: Path):
    """Only then a write surely did not land."""
    (port,) = free_ports(1)
    config = tmp_path / "config"
    config.write_bytes(
        orjson.dumps(
            {
                "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "a", "user": {}}],
                "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
                "current-context": "a",
            }
        )
    )
    with (
        closing(connect(str(config), None, AGENT)) as transport,
        pytest.raises(NoAnswerError) as caught,
    ):
        transport.send(Request("DELETE", "/api/v1/pods"))

    assert not caught.value.sent


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path):
    """The error says which file, and what to do."""
    with pytest.raises(ClusterError, match=r"kubeconfig .*/nowhere.*--kubeconfig"):
        connect(str(tmp_path / "nowhere"), None, AGENT)


def test_a_token_that_was_replaced_is_read_again_once(control_plane: ControlPlane):
    """401 → the kubeconfig is read anew, and the request sent again."""
    config = control_plane.kubeconfig(token="no-such-token")  # noqa: S106
    with closing(connect(str(config), None, AGENT)) as transport:
        refused = transport.send(Request("GET", "/api/v1/namespaces"))
        config.write_bytes(control_plane.kubeconfig().read_bytes())
        renewed = transport.send(Request("GET", "/api/v1/namespaces"))

    assert (refused.status, renewed.status) == (401, 200)


def test_a_plugin_gives_the_token(control_plane: ControlPlane):
    """As managed clusters do it: the kubeconfig names a command."""
    config = control_plane.kubeconfig()
    parsed = orjson.loads(config.read_bytes())
    status = {"token": parsed["users"][0]["user"]["token"]}
    version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": status}
    plugin = {
        "apiVersion": version,
        "command": "echo",
        "args": [orjson.dumps(credential).decode()],
        "interactiveMode": "Never",
    }
    parsed["users"][0]["user"] = {"exec": plugin}
    config.write_bytes(orjson.dumps(parsed))

    with closing(connect(str(config), "test", AGENT)) as transport:
        assert transport.send(Request("GET", "/api/v1/namespaces")).status == 200


def test_a_watch_can_not_be_opened_where_there_is_nothing(transport: HttpTransport):
    """The server's code is in the exception."""
    with pytest.raises(RefusedError) as caught:
        transport.stream(Request("GET", "/api/v1/nothing", (("watch", "1"),)))

    assert caught.value.status == 404


def test_closing_a_watch_wakes_its_blocked_reader(transport: HttpTransport, namespace: str):
    """From another thread, at once, without an exception."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    version = orjson.loads(transport.send(Request("GET", path)).body)["metadata"]["resourceVersion"]
    query = (("watch", "1"), ("resourceVersion", version))
    stream = transport.stream(Request("GET", path, query, timeout=90))
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.extend(stream))
    reader.start()

    stream.close()
    reader.join(10)

    assert (reader.is_alive(), lines) == (False, [])
