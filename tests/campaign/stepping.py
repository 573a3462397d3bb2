"""Time and turns: a clock that only jumps, alarms, and loops of which one moves at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from agent.runtime.loops import Loop

TICK = timedelta(microseconds=1)
BEGIN = datetime(2026, 10, 20, 8, 0, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """The time; it passes when somebody says so."""

    at: datetime = BEGIN

    def now(self) -> datetime:
        """The time of day, UTC."""
        return self.at

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.at - BEGIN).total_seconds()

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class Alarms:
    """Alarm clocks, in the order of their instants; see `agent.edges.timers`."""

    clock: Clock
    _set: dict[str, tuple[datetime, timedelta | None, Callable[[], None]]] = field(
        default_factory=dict
    )

    def at(self, key: Hashable, when: datetime | None, call: Callable[[], None]) -> None:
        """Call once at an instant, replacing the key's earlier one; None only removes it."""
        self._set.pop(str(key), None)
        if when is not None:
            self._set[str(key)] = (when, None, call)

    def every(self, key: Hashable, interval: timedelta, call: Callable[[], None]) -> None:
        """Call again and again, the first time after one interval."""
        self._set[str(key)] = (self.clock.at + interval, interval, call)

    def stop(self) -> None:
        """Call nobody any more."""
        self._set.clear()

    def due(self) -> list[str]:
        """Name what should ring now."""
        return [key for key, (when, _, _) in self._set.items() if when <= self.clock.at]

    def ring(self, key: str) -> None:
        """Call; an interval begins anew, and one that was missed does not ring twice."""
        _, interval, call = self._set.pop(key)
        if interval is not None:
            self._set[key] = (self.clock.at + interval, interval, call)
        call()

    def next(self) -> datetime | None:
        """Tell the next instant."""
        return min((when for when, _, _ in self._set.values()), default=None)


@dataclass(slots=True, eq=False)
class Turn:
    """One loop, between two of its steps."""

    name: str
    steps: Loop
    due: datetime
    over: bool = False
    works: bool = False
    """It serves a queue."""
    parked: Callable[[], bool] | None = None
    """Tells whether the stream it reads has anything to say; None: it reads none."""

    def stop(self) -> None:
        """Let it not go on."""
        self.over = True

    def join(self, _: float) -> bool:
        """Nothing runs between steps."""
        return True


@dataclass(slots=True)
class Loops:
    """All loops of one process."""

    clock: Clock
    ready: Callable[[str], bool]
    """Whether the queue that a worker reads has anything for it."""
    turns: list[Turn] = field(default_factory=list)
    idle: Callable[[], bool] | None = None
    """Set by a stream that has nothing to tell: how to know when it has."""

    def __call__(self, name: str, loop: Callable[[], Loop]) -> Turn:
        """Take a loop in; of several workers on one queue one is enough."""
        works = name.startswith(("package-", "slow-"))
        turn = Turn(name, loop(), self.clock.at, works=works)
        if not works or name.endswith("-0"):
            self.turns.append(turn)
        return turn

    def movable(self) -> list[Turn]:
        """List the loops that can do something now."""
        self.turns = [each for each in self.turns if not each.over]
        return [each for each in self.turns if self._can_move(each)]

    def _can_move(self, turn: Turn) -> bool:
        if turn.due > self.clock.at:
            return False
        if turn.works:
            return self.ready(turn.name)
        return turn.parked is None or turn.parked()

    def move(self, turn: Turn) -> None:
        """Let a loop do one step."""
        self.idle = None
        pause = next(turn.steps, None)
        if pause is None:
            turn.over = True
            return
        # Time passes in microseconds here: a shorter pause would never end.
        turn.due = self.clock.at + max(timedelta(seconds=pause), TICK if pause else timedelta(0))
        turn.parked = self.idle

    def next(self) -> datetime | None:
        """Tell when a loop that rests goes on."""
        return min((each.due for each in self.turns if each.due > self.clock.at), default=None)


class Inline:
    """An executor that does the work at once; see `concurrent.futures.Executor`."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Call the function for each item, in order."""
        return iter([function(item) for item in items])

    def submit(self, *_: Any) -> Any:
        """Nobody asks for this."""
        raise AssertionError("the writer maps")

    def shutdown(self, **_: Any) -> None:
        """Nothing runs."""


def chosen(dice: random.Random | None, among: list[Any]) -> Any:
    """Pick one: the first where nobody throws dice."""
    return among[0] if dice is None or len(among) == 1 else dice.choice(among)
