"""A loopback HTTPS server before the sandbox, so that kubectl and the agent's own client can talk.

Never listens to the world, never answers whoever has not the token: it is in the kubeconfig, which
only the user who wrote that can read. All who have it are the one user there is.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import ssl
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from agent.core.errors import AgentError
from agent.edges.kube.seam import Request, Response
from agent.sandbox.refusals import LARGEST_BODY, RefusalError, too_large, unauthorized

if TYPE_CHECKING:
    from pathlib import Path

    from agent.sandbox.api import Sandbox
    from agent.sandbox.certificates import Identity
    from agent.sandbox.watch import WatchStream

STEP_SECONDS: Final = 0.05
"""Between two steps of the controllers."""
_HANDSHAKE_SECONDS: Final = 10.0
_BROKEN: Final = (BrokenPipeError, ConnectionError, TimeoutError, ssl.SSLError)


class NoCertificatesError(AgentError):
    """The package that makes certificates is not installed."""


class Server:
    """Serves one sandbox and steps its controllers; `agent.runtime.serving` gives it a thread."""

    def __init__(self, sandbox: Sandbox, port: int = 0) -> None:
        """Bind now, on loopback, with a new certificate and a new token; port 0 means any.

        Raises:
            OSError: the port can't be had.
            NoCertificatesError: the extra `demo` is not installed.
        """
        identity = _identity()
        self._authority = identity.authority
        self.token: Final = secrets.token_urlsafe(32)
        self._sandbox = sandbox
        self._server = _Listener(("127.0.0.1", port), _Handler)
        self._server.sandbox = sandbox
        self._server.expected = f"Bearer {self.token}".encode()
        self._server.context = identity.context

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Answer until `stop`."""
        self._server.serve_forever(STEP_SECONDS)

    def stop(self) -> None:
        """End `serve`, from another thread, and all watches."""
        self._server.shutdown()
        self._sandbox.close()

    def close(self) -> None:
        """Give the address back."""
        self._server.server_close()

    def kubeconfig(self) -> str:
        """Give a kubeconfig with the token in it, as JSON, which is YAML."""
        authority = base64.b64encode(self._authority).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        context = {"cluster": "sandbox", "user": "sandbox", "namespace": "default"}
        return orjson.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "sandbox", "cluster": cluster}],
                "contexts": [{"name": "sandbox", "context": context}],
                "users": [{"name": "sandbox", "user": {"token": self.token}}],
                "current-context": "sandbox",
            },
            option=orjson.OPT_INDENT_2,
        ).decode()

    def write_kubeconfig(self, path: Path) -> Path:
        """Write it where only this user reads it; gives the path.

        Raises:
            OSError: it can't be written.
        """
        # A file that is there keeps its mode when it is opened, and a link its target.
        path.unlink(missing_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w") as file:
            file.write(self.kubeconfig())
        return path


def _identity() -> Identity:
    try:
        from agent.sandbox.certificates import throw_away  # noqa: PLC0415 - it needs an extra
    except ImportError as error:
        raise NoCertificatesError(
            "the sandbox's HTTPS server needs the package cryptography to make its certificate:"
            " install it with `pip install 'tidegate[demo]'`"
        ) from error
    return throw_away()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    sandbox: Sandbox
    context: ssl.SSLContext
    expected: bytes

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread: a silent client keeps nobody waiting."""
        request.settimeout(_HANDSHAKE_SECONDS)
        with self.context.wrap_socket(request, server_side=True) as secured:
            secured.settimeout(None)
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: that is how a watch ends."""
        if not isinstance(sys.exc_info()[1], _BROKEN):
            super().handle_error(request, client_address)

    def service_actions(self) -> None:
        """Let the controllers work between two looks at the socket."""
        self.sandbox.step()


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        try:
            answer = self._answered()
            if isinstance(answer, Response):
                self._whole(answer)
            else:
                self._stream(answer)
        except _BROKEN:
            self.close_connection = True

    def _answered(self) -> Response | WatchStream:
        try:
            request = _request(self)  # read whole: what is left over would be the next one
            given = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, self.server.expected):
                raise unauthorized()
        except RefusalError as error:
            self.close_connection = True
            headers = {"content-type": "application/json", "connection": "close"}
            return Response(error.code, orjson.dumps(error.status()), headers)
        return self.server.sandbox.handle(request, self.headers.get("User-Agent", ""))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

    def _whole(self, answer: Response) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def _stream(self, answer: WatchStream) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        try:
            for line in answer:
                self.wfile.write(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        finally:
            answer.close()

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


def _request(handler: BaseHTTPRequestHandler) -> Request:
    parts = urlsplit(handler.path)
    length = int(handler.headers.get("Content-Length") or 0)
    if length > LARGEST_BODY:
        raise too_large()
    return Request(
        handler.command,
        parts.path,
        tuple(parse_qsl(parts.query, keep_blank_values=True)),
        handler.rfile.read(length) if length else b"",
        handler.headers.get("Content-Type", ""),
        handler.headers.get("Accept", "application/json"),
        impersonate=handler.headers.get("Impersonate-User", ""),
    )
