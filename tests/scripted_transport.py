"""A transport that plays a script: what a server might send, in the order a test needs."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

from agent.edges.kube.seam import Request, Response, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator


class ScriptedStream:
    """Lines, then an exception or the end, or silence until it is closed."""

    def __init__(self, *lines: Any, ends: BaseException | None = None, stays: bool = False) -> None:
        self._lines = lines
        self._ends = ends
        self._stays = stays
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            yield line if isinstance(line, bytes) else orjson.dumps(line)
        if self._ends is not None:
            raise self._ends
        if self._stays:
            self._closed.wait(30)

    def close(self) -> None:
        """End the silence."""
        self._closed.set()


class ScriptedTransport:
    """Answers requests in turn: a (status, object) to send, a stream or an exception to stream."""

    def __init__(self, *script: Any) -> None:
        self._script = deque(script)
        self.requests: list[Request] = []

    def send(self, request: Request) -> Response:
        """Play the next answer."""
        step = self._next(request)
        status, body = step if isinstance(step, tuple) else (200, step)
        return Response(status, orjson.dumps(body))

    def stream(self, request: Request) -> Stream:
        """Play the next stream."""
        step: Stream = self._next(request)
        return step

    def queries(self, *names: str) -> list[dict[str, str]]:
        """Give these query parameters of every request."""
        return [
            {name: value for name, value in request.query if name in names}
            for request in self.requests
        ]

    def _next(self, request: Request) -> Any:
        self.requests.append(request)
        step = self._script.popleft()
        if isinstance(step, BaseException):
            raise step
        return step
