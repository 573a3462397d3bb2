"""How little `tidegate status` does before it answers: what it imports, and what it asks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOT_FOR_STATUS = (
    "agent.core.decide",
    "agent.core.kinds",
    "agent.core.windows",
    "agent.edges.git.repository",
    "agent.edges.render",
    "agent.passes",
    "agent.runtime",
    "apscheduler",
    "asyncio",
    "git",
    "icalendar",
    "kubernetes.client.models",
    "oauthlib",
    "prometheus_client",
    "pydantic",
    "requests",
    "ruamel",
)
SCRIPT = """
import sys
from agent.cli import main
try: main(["status", "--kubeconfig", sys.argv[1], "-o", "name"])
except SystemExit as end: print("ended with", end.code)
print(sorted(set(sys.argv[2].split()) & set(sys.modules)))
"""


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve lists with nothing in them; gives a kubeconfig, and the paths that are asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path.partition("?")[0])
            body = b'{"metadata": {}, "items": []}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    config = folder / "config"
    content = {
        "clusters": [{"name": "a", "cluster": {"server": address}}],
        "users": [{"name": "a", "user": {"token": "t"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    config.write_text(json.dumps(content))
    try:
        yield str(config), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_status_imports_and_asks_only_what_it_shows(tmp_path: Path) -> None:
    """Packages, what an agent said of itself, and what is remembered: no discovery, no schemas."""
    with cluster(tmp_path) as (config, asked):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, config, " ".join(NOT_FOR_STATUS)],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": ""},
        )
    loaded = done.stdout.splitlines()[-1]
    assert (loaded, asked) == (
        "[]",
        [
            "/apis/tidegate.io/v1alpha1/packages",
            "/api/v1/namespaces/tidegate-system/configmaps/tidegate-state",
            "/api/v1/namespaces/tidegate-system/configmaps",
        ],
    ), done.stderr
