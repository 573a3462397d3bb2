"""The transport of a simulated process: the sandbox behind it, faults in between.

Reads are tried again by the real transport's code, on the clock of the simulation.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.edges.kube.failures import NoAnswerError
from agent.edges.kube.seam import Response
from agent.edges.kube.status import refused
from agent.edges.kube.transport import Patience, patiently
from campaign.faults import KILLS, OF_LISTS, OF_READS, OF_STREAMS, OF_WRITES, Fault, Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.edges.kube.seam import Request
    from agent.sandbox.api import Sandbox
    from agent.sandbox.watch import WatchStream
    from campaign.faults import Faults
    from campaign.stepping import Clock, Loops

SILENCE = 20.0
"""Seconds for which a watch that fell silent holds back what it has."""


class Wire:
    """See `agent.edges.kube.seam.Transport`; dead once its process was killed."""

    def __init__(
        self,
        cluster: Sandbox,
        agent: str,
        faults: Faults,
        clock: Clock,
        loops: Loops,
        wait: Callable[[float], object],
    ) -> None:
        self._cluster = cluster
        self._agent = agent
        self._faults = faults
        self.clock = clock
        self.loops = loops
        self._wait = wait
        self._dead = False
        self._listed: dict[str, Response] = {}
        """The answer to each list as it once was."""

    def send(self, request: Request) -> Response:
        """Answer one request, with the patience of the real transport."""
        patience = Patience(self._wait, self.clock.monotonic)
        return patiently(self._once, request, patience)

    def stream(self, request: Request) -> Lines:
        """Open a watch."""
        path = f"WATCH {request.path}"
        fault = self._cross(path, OF_STREAMS)
        if fault is Fault.UNSENT:
            raise NoAnswerError(f"{path}: no connection", sent=False)
        if fault is Fault.FAILS_BEFORE:
            raise refused(path, _status(500, "InternalError", "etcd is away"))
        if fault is Fault.EXPIRED:
            raise refused(path, _status(410, "Expired", "too old resource version"))
        answer = self._cluster.handle(request, self._agent)
        if isinstance(answer, Response):
            raise refused(path, answer)
        return Lines(answer, self, self._faults)

    def close(self) -> None:
        """Nothing is open that anybody else could see."""

    def _once(self, request: Request) -> Response:
        if request.path.startswith("/openapi/v3/"):
            return self._document(request)
        fault = self._cross(f"{request.method} {request.path}", _possible(request))
        early = self._early(request, fault)
        if early is not None:
            return early
        answer = self._cluster.handle(request, self._agent)
        assert isinstance(answer, Response)
        if request.method == "GET":
            self._listed.setdefault(f"{request.path}?{request.query}", answer)
        if fault is Fault.KILL_AFTER:
            self._die()
        if fault is Fault.LOST:
            raise NoAnswerError("timeout", sent=True)
        if fault is Fault.FAILS_AFTER:
            return _status(500, "InternalError", "etcd answered too late")
        return answer

    def _document(self, request: Request) -> Response:
        """Serve what never changes under its address: it is read once for all lives."""
        answer = self._cluster.handle(request, "")
        assert isinstance(answer, Response)
        return answer

    def _early(self, request: Request, fault: Fault | None) -> Response | None:
        """Answer before the server has seen anything, or let the request through."""
        match fault:
            case Fault.UNSENT:
                raise NoAnswerError("no connection", sent=False)
            case Fault.CONFLICT:
                return _status(409, "Conflict", "the object has been modified")
            case Fault.BUSY:
                return _status(429, "TooManyRequests", "later", {"retry-after": "2"})
            case Fault.FAILS_BEFORE:
                return _status(500, "InternalError", "etcd is away")
            case Fault.STALE:
                return self._listed.get(f"{request.path}?{request.query}")
            case _:
                return None

    def _cross(self, what: str, among: tuple[Fault, ...]) -> Fault | None:
        if self._dead:
            raise Killed
        fault = self._faults.at(what, among)
        if fault is Fault.KILL_BEFORE or (fault in KILLS and what.startswith("WATCH")):
            self._die()
        return fault

    def _die(self) -> None:
        self._dead = True
        raise Killed


class Lines:
    """One watch: an empty line where there is nothing to tell, so that its loop gives way."""

    def __init__(self, stream: WatchStream, wire: Wire, faults: Faults) -> None:
        self._stream = stream
        self._wire = wire
        self._faults = faults
        self._silent_until = 0.0

    def __iter__(self) -> Iterator[bytes]:
        """Yield what is there, with faults, and empty lines."""
        while True:
            lines = [] if self._is_silent() else self._stream.take()
            for line in lines:
                yield from self._told(line)
            if self._stream.is_over and not lines:
                return
            if not lines:
                self._wire.loops.idle = self._has_news
                yield b""

    def close(self) -> None:
        """End it."""
        self._stream.close()

    def _told(self, line: bytes) -> Iterator[bytes]:
        match self._faults.on_line():
            case Fault.CUT:
                raise NoAnswerError("the watch was cut", sent=True)
            case Fault.HALF:
                yield line[: len(line) // 2]
            case Fault.TWICE:
                yield line
                yield line
            case Fault.SILENT:
                self._silent_until = self._wire.clock.monotonic() + SILENCE
                yield line
            case _:
                yield line

    def _is_silent(self) -> bool:
        return bool(self._silent_until) and self._wire.clock.monotonic() < self._silent_until

    def _has_news(self) -> bool:
        return not self._is_silent() and (self._stream.has_news or self._stream.is_over)


def _possible(request: Request) -> tuple[Fault, ...]:
    if request.method != "GET":
        return OF_WRITES
    return OF_LISTS if ("limit", "500") in request.query else OF_READS


def _status(code: int, reason: str, says: str, headers: dict[str, str] | None = None) -> Response:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": says}
    return Response(code, json.dumps(body).encode(), headers or {})
