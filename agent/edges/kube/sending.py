"""Sends one write: asks before, tells the journal after, and says what is known of its end.

Never decides what to write, and never sends a write again that may have landed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from agent.core.errors import ClusterError
from agent.edges import failpoints
from agent.edges.kube.failures import NoAnswerError
from agent.edges.kube.refusal import TOO_MANY_REQUESTS, is_refused, is_taken
from agent.edges.kube.seam import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.edges.kube.seam import Request, Transport

TRIES: Final = 4
"""Of a request that the server asks to send later."""
LONGEST_WAIT: Final = 10.0
"""Seconds between two tries, whatever Retry-After says: a pass does not wait, the next one does."""


class Fence(Protocol):
    """What knows whether this agent may still write."""

    def holds(self) -> bool:
        """Whether the lease is ours for long enough to send a request now."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """One attempted write, for the journal: no bodies, nothing secret."""

    effect: str
    method: str
    path: str
    status: int
    """The server's code; 0 where no answer came."""
    says: str = ""
    package: str = ""
    impersonate: str = ""


@dataclass(frozen=True, slots=True)
class Barred:
    """It was not sent, or the server put it off: nothing changed."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """It was sent and nobody knows what became of it."""

    why: str


Sent: TypeAlias = "Response | Barred | Lost"
Bar: TypeAlias = "Callable[[], str]"
"""Why a write may not be sent now; empty: it may."""


def unbarred() -> str:
    """Bar nothing but what the fence bars."""
    return ""


class Sender:
    """The one way of a write to the cluster; safe to share between threads."""

    def __init__(
        self,
        transport: Transport,
        fence: Fence,
        wait: Callable[[float], object],
        on_write: Callable[[Record], None],
    ) -> None:
        """Take what answers, what fences, what waits some seconds, and the journal."""
        self._transport = transport
        self._fence = fence
        self._wait = wait
        self._on_write = on_write

    def send(
        self, effect: str, request: Request, *, package: str = "", bar: Bar = unbarred
    ) -> Sent:
        """Send one write; `effect` names its failpoints.

        A Response is either a success or a refusal that surely changed nothing.
        """
        failpoints.reach(f"{effect}:before")
        sent = self._until_answered(effect, request, package, bar)
        if not isinstance(sent, Barred):
            failpoints.reach(f"{effect}:after")
        return sent

    def _until_answered(self, effect: str, request: Request, package: str, bar: Bar) -> Sent:
        for turn in range(TRIES):
            if why := bar() or self._fenced():
                return Barred(why)
            sent = self._attempt(effect, request, package)
            if not (isinstance(sent, Response) and sent.status == TOO_MANY_REQUESTS):
                return sent
            if turn + 1 < TRIES:
                self._wait(_pause(sent, turn))
        return Barred("the API server asks to write less (429)")

    def _fenced(self) -> str:
        return "" if self._fence.holds() else "the lease is not ours"

    def _attempt(self, effect: str, request: Request, package: str) -> Sent:
        try:
            response = self._transport.send(request)
        except ClusterError as error:
            self._note(effect, request, package, says=str(error))
            # Who can't say that it was not sent has to assume that it was.
            unsent = isinstance(error, NoAnswerError) and not error.sent
            return Barred(str(error)) if unsent else Lost(str(error))
        self._note(effect, request, package, response.status)
        if is_taken(response) or is_refused(response):
            return response
        return Lost(f"the API server failed with {response.status}")

    def _note(
        self, effect: str, request: Request, package: str, status: int = 0, says: str = ""
    ) -> None:
        method, path, user = request.method, request.path, request.impersonate
        self._on_write(Record(effect, method, path, status, says, package, user))


def _pause(response: Response, turn: int) -> float:
    """Return the seconds to wait: Retry-After where given, else 0.5, 1, 2."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked) if asked.isdecimal() else 0.5 * 2**turn, LONGEST_WAIT)
