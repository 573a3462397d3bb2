"""A loopback HTTP server before the sandbox, so that kubectl and the agent's own client can talk.

Never listens to the world unless told, never asks who one is: everybody is the one user there is.
"""

from __future__ import annotations

import ssl
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from agent.edges.kube.seam import Request, Response

if TYPE_CHECKING:
    from pathlib import Path

    from agent.sandbox.api import Sandbox
    from agent.sandbox.watch import WatchStream

STEP_SECONDS: Final = 0.05
"""Between two steps of the controllers."""
_BROKEN: Final = (BrokenPipeError, ConnectionError, TimeoutError)


class Server:
    """Serves one sandbox and steps its controllers; the caller gives it a thread."""

    def __init__(
        self,
        sandbox: Sandbox,
        address: tuple[str, int] = ("127.0.0.1", 0),
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        """Bind now; port 0 means any.

        Args:
            sandbox: What answers.
            address: Host and port.
            certificate: Files of a certificate and its key; without them it speaks plain HTTP.

        Raises:
            OSError: the address can't be had.
        """
        self._sandbox = sandbox
        self._server = _Listener(address, _handler(sandbox))
        self._server.sandbox = sandbox
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self._scheme}://{self._server.server_address[0]!s}:{self.port}"

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

    def kubeconfig(self, authority: str = "") -> str:
        """Write a kubeconfig, as JSON, which is YAML; `authority` is a file of certificates."""
        cluster = {"server": self.url}
        if authority:
            cluster["certificate-authority"] = authority
        context = {"cluster": "sandbox", "user": "sandbox", "namespace": "default"}
        return orjson.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "sandbox", "cluster": cluster}],
                "contexts": [{"name": "sandbox", "context": context}],
                # kubectl asks for a name where a user has no credentials at all.
                "users": [{"name": "sandbox", "user": {"token": "sandbox"}}],
                "current-context": "sandbox",
            },
            option=orjson.OPT_INDENT_2,
        ).decode()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    sandbox: Sandbox

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: that is how a watch ends."""
        if not isinstance(sys.exc_info()[1], _BROKEN):
            super().handle_error(request, client_address)

    def service_actions(self) -> None:
        """Let the controllers work between two looks at the socket."""
        self.sandbox.step()


def _handler(sandbox: Sandbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _answer(self) -> None:
            request = _request(self)
            answer = sandbox.handle(request, self.headers.get("User-Agent", ""))
            try:
                if isinstance(answer, Response):
                    self._whole(answer)
                else:
                    self._stream(answer)
            except _BROKEN:
                self.close_connection = True

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

    return Handler


def _request(handler: BaseHTTPRequestHandler) -> Request:
    parts = urlsplit(handler.path)
    length = int(handler.headers.get("Content-Length") or 0)
    return Request(
        handler.command,
        parts.path,
        tuple(parse_qsl(parts.query, keep_blank_values=True)),
        handler.rfile.read(length) if length else b"",
        handler.headers.get("Content-Type", ""),
        handler.headers.get("Accept", "application/json"),
        impersonate=handler.headers.get("Impersonate-User", ""),
    )
