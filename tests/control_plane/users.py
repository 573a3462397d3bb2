"""Answers the API server's question who a token belongs to; never decides what they may do.

The server reads a token file once, at its start. Tests name users and groups later, so these
tokens are files in a folder, looked up through the TokenReview webhook (kubernetes.io,
"Webhook Token Authentication").
"""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def mint(folder: Path, user: str, groups: tuple[str, ...]) -> str:
    """Make a new token for that user in those groups, valid from now on."""
    token = secrets.token_hex(16)
    unfinished = folder / f"{token}.new"
    unfinished.write_text(json.dumps({"username": user, "groups": groups}))
    unfinished.rename(folder / token)
    return token


def review(folder: Path, token: str) -> dict[str, Any]:
    """Give the `status` of a TokenReview."""
    known = token.isalnum() and (folder / token).is_file()
    if not known:
        return {"authenticated": False}
    return {"authenticated": True, "user": json.loads((folder / token).read_text())}


class TokenReviews:
    """The webhook: a loopback server in a thread, over one folder of tokens."""

    def __init__(self, folder: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="token-reviews"
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the API server asks."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked["status"] = review(folder, asked["spec"]["token"])
            body = json.dumps(asked).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    return Handler
