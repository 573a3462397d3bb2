"""Answers /healthz, /readyz and /metrics; what probes and Prometheus ask of the agent.

Never changes anything, never reads a body, and never starts a thread of its own to listen: whoever
calls `serve` gives one. Each connection has one request, few bytes and little time.
"""

from __future__ import annotations

import io
import socket
import socketserver
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from agent.core.errors import AgentError
from agent.edges import clock
from agent.edges.lean import stand_in, standing_in

with standing_in(stand_in("html")):  # a table of 1 MiB, for error pages that nobody gets
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.edges.metrics import Metrics

SECONDS: Final = 5.0
"""For a whole request; a probe that takes longer has given up."""
LONGEST: Final = 16 * 1024
"""Bytes of a request, headers and all."""
CONNECTIONS: Final = 16
"""At a time; more are closed at once, so that nobody can keep the probes away with threads."""
_TEXT: Final = "text/plain; charset=utf-8"


class ListenError(AgentError):
    """The address can't be listened on."""


class Server:
    """The listener; bound when made, so that a wrong address stops the start and not the run."""

    def __init__(
        self,
        address: str,
        metrics: Metrics,
        is_live: Callable[[], bool],
        is_ready: Callable[[], tuple[bool, str]],
    ) -> None:
        """Bind.

        Args:
            address: `host:port`; without a host, every interface; port 0 takes a free one.
            metrics: What /metrics shows.
            is_live: Whether the process still does its work.
            is_ready: Whether it knows enough to work, and a sentence either way.

        Raises:
            ListenError: it is no address, or somebody else has it.
        """
        host, port = parse(address)
        pages = {
            "/healthz": lambda: _probe(is_live(), "ok", "no pass has ended for too long"),
            "/readyz": lambda: _ready(*is_ready()),
            "/metrics": lambda: (HTTPStatus.OK, *metrics.text()),
        }
        try:
            self._server = _Listener(host, port, pages)
        except OSError as error:
            raise ListenError(
                f"--listen {address}: {error.strerror or error}; choose another address"
            ) from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def serve(self) -> None:
        """Answer until `stop`; blocks."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """Answer nobody any more; only while another thread serves."""
        self._server.shutdown()

    def close(self) -> None:
        """Give the address back."""
        self._server.server_close()


def parse(address: str) -> tuple[str, int]:
    """Return host and port of `:8080`, `127.0.0.1:0` or `[::1]:8080`; an empty host means all.

    Raises:
        ListenError: it is none of these.
    """
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    has_brackets = len(host) == len(bare) + 2
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ListenError(f"--listen {address}: write host:port, such as :8080 or 127.0.0.1:8080")
    if ":" in bare and not has_brackets:
        raise ListenError(f"--listen {address}: write an IPv6 host in brackets: [{bare}]:{port}")
    return bare, int(port)


_Page = tuple[HTTPStatus, bytes, str]


def _probe(is_good: bool, good: str, bad: str) -> _Page:  # noqa: FBT001 - a predicate's answer
    status = HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE
    return status, f"{good if is_good else bad}\n".encode(), _TEXT


def _ready(is_ready: bool, says: str) -> _Page:  # noqa: FBT001
    return _probe(is_ready, says or "ok", says or "not ready")


class _Listener(ThreadingHTTPServer):
    """A thread per connection, but only so many."""

    daemon_threads = True
    allow_reuse_port = False
    request_queue_size = CONNECTIONS

    def __init__(self, host: str, port: int, pages: dict[str, Callable[[], _Page]]) -> None:
        self.pages = pages
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._both = not host and socket.has_dualstack_ipv6()
        if self._both or ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind; not as HTTPServer does, which asks the DNS for the host's name."""
        if self._both:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, or not at all."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, then make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no event."""


class _Patience(io.RawIOBase):
    """What a client says, until its bytes or its time are used up."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = clock.monotonic() + SECONDS
        self._left = LONGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        seconds = self._deadline - clock.monotonic()
        if seconds <= 0 or self._left <= 0:
            raise TimeoutError("the request took too long, or said too much")
        self._connection.settimeout(seconds)
        read = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= read
        return read


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = SECONDS
    server_version = "tidegate"
    sys_version = ""
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = _TEXT

    def setup(self) -> None:
        super().setup()
        # A timeout by read alone lets a client stay for ever, a byte at a time.
        self.rfile = io.BufferedReader(_Patience(self.connection), 1024)

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        status, body, content_type = page()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Write no access log: probes come every few seconds."""
