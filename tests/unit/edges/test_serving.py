"""The listener answers probes and scrapes, and nobody can keep it from that."""

from __future__ import annotations

import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING

import pytest

from agent.edges import serving
from agent.edges.metrics import Metrics
from agent.edges.serving import ListenError, Server, parse
from agent.runtime.serving import Heartbeat, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator


class World:
    """What the probes ask."""

    live = True
    ready = (False, "the repository was not read yet")


@pytest.fixture
def world() -> World:
    """A process that lives and is not ready."""
    return World()


@pytest.fixture
def port(world: World) -> Iterator[int]:
    """The port of a listener that runs meanwhile."""
    server = Server("127.0.0.1:0", Metrics(), lambda: world.live, lambda: world.ready)
    running = Serving(server)
    running.start()
    yield running.port
    assert running.stop()


def _ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def _said(port: int, *data: bytes) -> bytes:
    """All that comes back when these bytes are sent and nothing more."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for each in data:
            client.sendall(each)
        try:
            return client.recv(65536)
        except ConnectionError:
            return b""


def test_healthz_says_whether_the_process_works(port: int, world: World) -> None:
    """A process whose workers are stuck asks to be restarted."""
    answers = [_ask(port, "/healthz")]
    world.live = False
    answers.append(_ask(port, "/healthz"))
    assert answers == [(200, "ok\n"), (503, "no pass has ended for too long\n")]


def test_readyz_says_what_is_missing(port: int, world: World) -> None:
    """Who is not ready says why; who stands by is ready, and says that."""
    answers = [_ask(port, "/readyz")]
    world.ready = (True, "standing by: agent-b leads")
    answers.append(_ask(port, "/readyz?verbose"))
    assert answers == [
        (503, "the repository was not read yet\n"),
        (200, "standing by: agent-b leads\n"),
    ]


def test_metrics_are_in_the_text_format(port: int) -> None:
    """Prometheus reads what it is told by the content type."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        answer: HTTPResponse = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert b"tidegate_leader 0.0" in answer.read()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("HEAD", "/healthz", 200), ("POST", "/metrics", 501)],
)
def test_everything_else_is_refused(port: int, method: str, path: str, status: int) -> None:
    """There are three pages, and nothing can be sent to them."""
    assert _ask(port, path, method)[0] == status


def test_a_request_that_says_too_much_gets_no_answer(port: int) -> None:
    """More headers than a probe has use for end the connection."""
    line = b"X: " + b"y" * 1000 + b"\r\n"
    assert (
        _said(port, b"GET /healthz HTTP/1.1\r\n", line * (serving.LONGEST // len(line) + 1)) == b""
    )


def test_a_slow_client_is_sent_away(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for the whole request, so a byte now and then does not buy more of it."""
    monkeypatch.setattr(serving, "SECONDS", 0.05)
    assert _said(port, b"GET /healthz") == b""


def test_slow_clients_leave_room(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many connections a new one is closed at once, instead of given a thread."""
    monkeypatch.setattr(serving, "SECONDS", 10)
    waiting = [
        socket.create_connection(("127.0.0.1", port), timeout=10)
        for _ in range(serving.CONNECTIONS)
    ]
    try:
        assert _said(port) == b""
    finally:
        for client in waiting:
            client.close()


def test_an_address_in_use_is_told_at_start(port: int) -> None:
    """The start fails, not the first scrape."""
    with pytest.raises(ListenError, match="in use; choose another address"):
        Server(f"127.0.0.1:{port}", Metrics(), lambda: True, lambda: (True, ""))


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [(":8080", "", 8080), ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:8080", "::1", 8080)],
)
def test_addresses(address: str, host: str, port: int) -> None:
    """Addresses are written as everywhere."""
    assert parse(address) == (host, port)


@pytest.mark.parametrize("address", ["8080", "host:", "host:port", ":65536", "::1:8080", ":-1"])
def test_no_addresses(address: str) -> None:
    """What is no address is refused with an example of one."""
    with pytest.raises(ListenError, match="write "):
        parse(address)


def test_every_interface_by_default() -> None:
    """Without a host it listens for both families where the machine has both."""
    server = Server(":0", Metrics(), lambda: True, lambda: (True, ""))
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10):
            pass
    finally:
        server.close()


def test_a_listener_that_never_began_can_be_stopped() -> None:
    """A start that fails elsewhere still gives the address back."""
    assert Serving(Server("127.0.0.1:0", Metrics(), lambda: True, lambda: (True, ""))).stop()


def test_heartbeat_stops_after_its_limit() -> None:
    """Alive until the limit has passed since the last beat: made at 0, beaten at 9."""
    heartbeat = Heartbeat(iter((0.0, 9.0, 9.0, 18.9, 19.0)).__next__, limit=10)
    heartbeat.beat()
    assert [heartbeat.is_live() for _ in range(3)] == [True, True, False]
