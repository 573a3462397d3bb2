"""What of the official client is loaded, and that the rest is there when it is needed."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from agent.edges.kube import connection
from agent.edges.kube.connection import Connection
from agent.edges.kube.official import official

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

READS_A_KUBECONFIG = """
import sys
from agent.edges.kube.connection import Connection
print(Connection(sys.argv[1], None, 1).line().headers)
print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[2].split())))
print('kubernetes.client.models' in sys.modules)
"""
LEFT_OUT = "oauthlib requests requests_oauthlib charset_normalizer pydantic websocket asyncio"
ASKS_FOR_MORE = """
from agent.edges.kube.official import official
official()
import kubernetes
from kubernetes.client import V1ConfigMap, CoreV1Api
from kubernetes import watch
print(V1ConfigMap(data={'a': 'b'}).data, watch.Watch.__name__)
print(kubernetes.dynamic.DynamicClient.__name__)
"""


def run(script: str, *arguments: str, **environment: str) -> list[str]:
    """Run a script in an interpreter that has loaded nothing yet; give the lines it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", **environment},
    )
    return done.stdout.splitlines()


def kubeconfig(folder: Path, **user: object) -> str:
    """Write a kubeconfig of one user."""
    config = folder / "config"
    content = {
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": user}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    config.write_bytes(orjson.dumps(content))
    return str(config)


def test_a_kubeconfig_is_read_without_models_and_without_oauth(tmp_path: Path):
    """The client's packages that nobody calls are not imported."""
    found = run(READS_A_KUBECONFIG, kubeconfig(tmp_path, token="t"), LEFT_OUT)  # noqa: S106

    assert found == ["{'Authorization': 'Bearer t'}", "[]", "False"]


def test_what_was_left_out_is_there_when_it_is_asked_for():
    """The modules are the client's own: every public name of it can be imported."""
    assert run(ASKS_FOR_MORE) == ["{'a': 'b'} Watch", "DynamicClient"]


def test_a_plugin_is_run(tmp_path: Path):
    """As managed clusters do it: a command prints the credential."""
    version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": "p"}}
    plugin = {
        "apiVersion": version,
        "command": "echo",
        "args": [orjson.dumps(credential).decode()],
        "interactiveMode": "Never",
    }

    line = Connection(kubeconfig(tmp_path, exec=plugin), None, 1).line()

    assert line.headers == {"Authorization": "Bearer p"}


def test_a_client_certificate_reaches_the_pool(tmp_path: Path):
    """Its data are put into files, for the TLS library reads nothing else."""
    data = {
        f"client-{name}-data": base64.b64encode(name.encode()).decode()
        for name in ("certificate", "key")
    }

    line = Connection(kubeconfig(tmp_path, **data), None, 1).line()

    pool: Any = line.pool
    contents = [Path(path).read_text() for path in (pool.cert_file, pool.key_file)]
    assert contents == ["certificate", "key"]


def test_a_pod_has_its_own_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without a kubeconfig the token and the authority of the service account are taken."""
    loader = official().config.incluster_config
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("pod")
    authority.write_text("authority")
    monkeypatch.setattr(connection, "_IN_CLUSTER_TOKEN", token)
    monkeypatch.setattr(loader, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(loader, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setattr(
        official().config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none")
    )
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    line = Connection(None, None, 1).line()

    assert (line.url, line.headers) == ("https://10.0.0.1:443", {"Authorization": "bearer pod"})


def test_an_expired_oidc_token_is_refreshed(tmp_path: Path):
    """The one thing that needs OAuth: its libraries are loaded then, and work."""
    payload = base64.urlsafe_b64encode(b'{"exp": 1}').decode().rstrip("=")
    with issuer() as url:
        provider = {
            "name": "oidc",
            "config": {
                "client-id": "us",
                "client-secret": "hush",
                "id-token": f"e30.{payload}.c2ln",
                "idp-issuer-url": url,
                "refresh-token": "again",
            },
        }
        config = kubeconfig(tmp_path, **{"auth-provider": provider})
        found = run(READS_A_KUBECONFIG, config, "oauthlib", OAUTHLIB_INSECURE_TRANSPORT="1")

    assert found[:2] == ["{'Authorization': 'Bearer new'}", "['oauthlib']"]


@contextmanager
def issuer() -> Iterator[str]:
    """Serve the discovery and the tokens of an identity provider."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({"token_endpoint": f"{address}/token"})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(
                {
                    "access_token": "a",
                    "token_type": "Bearer",
                    "id_token": "new",
                    "refresh_token": "next",
                }
            )

        def answer(self, body: object) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(orjson.dumps(body))

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


PRINTS_THE_PROXY = """
import sys
from agent.edges.kube.connection import Connection
pool = Connection(sys.argv[1], None, 1).line().pool
print(getattr(getattr(pool, 'proxy', None), 'url', None))
"""


def _proxy(folder: Path, server: str, **cluster: str) -> str:
    """Give the proxy that a cluster is reached through where the environment names one."""
    config = folder / "config"
    content = orjson.loads(Path(kubeconfig(folder)).read_bytes())
    content["clusters"][0]["cluster"] = {"server": server, **cluster}
    config.write_bytes(orjson.dumps(content))
    return run(PRINTS_THE_PROXY, str(config), HTTPS_PROXY="http://proxy.example.com:3128")[0]


def test_a_cluster_on_this_machine_is_reached_without_the_proxy_of_the_environment(tmp_path: Path):
    """As kubectl does; else a sandbox behind a company's proxy would be out of reach."""
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert _proxy(tmp_path, f"https://{host}:6443") == "None"


def test_a_cluster_elsewhere_is_reached_through_the_proxy(tmp_path: Path):
    """Of the environment; or of the kubeconfig, wherever the cluster is."""
    assert _proxy(tmp_path, "https://10.0.0.1:6443") == "http://proxy.example.com:3128"
    own = {"proxy-url": "http://bastion.example.com:8080"}
    assert _proxy(tmp_path, "https://127.0.0.1:6443", **own) == "http://bastion.example.com:8080"
