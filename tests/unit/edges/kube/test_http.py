"""The transport over real sockets: what a server may do to a connection."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.edges.kube.failures import NoAnswerError
from agent.edges.kube.seam import Request
from agent.edges.kube.transport import HttpTransport, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Handle = Callable[[BaseHTTPRequestHandler], None]

GET = Request("GET", "/api/v1/pods", timeout=5)
WATCH = Request("GET", "/api/v1/pods", (("watch", "1"),), timeout=5)


@contextmanager
def served(folder: Path, *steps: Handle) -> Iterator[HttpTransport]:
    """Answer one request with each step."""
    script = iter(steps)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            next(script)(self)

        do_PATCH = do_GET  # noqa: N815  # the library's name

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    config = folder / "config"
    config.write_bytes(orjson.dumps(_kubeconfig(server.server_port)))
    try:
        with closing(connect(str(config), None, "tidegate/0.1 (http)")) as transport:
            yield transport
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _kubeconfig(port: int) -> object:
    return {
        "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "a", "user": {"token": "t"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }


def answering(status: int, body: bytes = b"{}", **headers: str) -> Handle:
    """Answer whole."""

    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return handle


def streaming(*chunks: bytes, whole: bool = True) -> Handle:
    """Answer in chunks, and end properly or cut the connection."""

    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for chunk in chunks:
            handler.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if whole:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return handle


def dropping(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def test_lines_are_split_at_line_feeds_only(tmp_path: Path):
    """JSON text may hold U+0085 and U+2028; lines may come in pieces."""
    line = '{"a":"x\x85y\u2028z"}'.encode()
    pieces = (line[:5], line[5:] + b"\n" + b'{"b"', b":1}\n\n")

    with served(tmp_path, streaming(*pieces)) as transport:
        assert list(transport.stream(WATCH)) == [line, b'{"b":1}']


def test_half_a_line_is_dropped(tmp_path: Path):
    """A connection that is cut in the middle of an event."""
    with served(tmp_path, streaming(b'{"a":1}\n{"b', whole=False)) as transport:
        stream = iter(transport.stream(WATCH))
        assert next(stream) == b'{"a":1}'
        with pytest.raises(NoAnswerError) as caught:
            next(stream)

    assert (caught.value.sent, caught.value.silent) == (True, False)


def test_a_silent_watch_is_given_up(tmp_path: Path):
    """Its read timeout has passed: the connection is taken for dead."""
    release = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        streaming(b"{}\n", whole=False)(handler)
        release.wait(10)

    with served(tmp_path, silent) as transport:
        stream = iter(transport.stream(Request("GET", "/api/v1/pods", timeout=0.2)))
        assert next(stream) == b"{}"
        with pytest.raises(NoAnswerError) as caught:
            next(stream)
        release.set()

    assert caught.value.silent


def test_a_read_is_tried_again(tmp_path: Path):
    """After a busy server, a failing one, and a broken connection."""
    steps = (answering(429, Retry_After="0"), answering(503), dropping, answering(200, b"[]"))

    with served(tmp_path, *steps) as transport:
        response = transport.send(GET)

    assert (response.status, response.body) == (200, b"[]")


def patching(*query: tuple[str, str]) -> Request:
    """Make a write, or a dry run."""
    return Request("PATCH", "/api/v1/namespaces/a/pods/b", query, b"{}", timeout=5)


def test_a_dry_run_is_tried_again(tmp_path: Path):
    """It changes nothing, so it may be asked twice."""
    with served(tmp_path, answering(429), answering(503), answering(200)) as transport:
        assert transport.send(patching(("dryRun", "All"))).status == 200


def test_a_write_is_sent_once(tmp_path: Path):
    """It may have been executed, and the lease may be gone: its sender decides."""
    with served(tmp_path, answering(429), answering(503), dropping) as transport:
        assert [transport.send(patching()).status for _ in range(2)] == [429, 503]
        with pytest.raises(NoAnswerError) as caught:
            transport.send(patching())

    assert caught.value.sent


def test_a_closing_transport_does_not_wait(tmp_path: Path):
    """The last answer is given as it is."""
    with served(tmp_path, answering(429, Retry_After="9")) as transport:
        transport.close()
        assert transport.send(GET).status == 429


def test_a_redirect_is_an_answer(tmp_path: Path):
    """Following one would send our token to another host."""
    with served(tmp_path, answering(302, Location="http://192.0.2.1/")) as transport:
        assert transport.send(GET).status == 302
