"""What goes wrong at the two borders of a process: the wire to the server, and Git.

Each crossing of a border is numbered. A plan says what happens at a number, or dice do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping
    from datetime import datetime


class Killed(BaseException):
    """The process was killed: nothing in it runs any more, not even what handles errors."""


class Fault(StrEnum):
    """One thing that may go wrong when a border is crossed."""

    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"
    CONFLICT = "409"
    BUSY = "429"
    FAILS_BEFORE = "500 before commit"
    FAILS_AFTER = "500 after commit"
    UNSENT = "no connection"
    LOST = "timeout after commit"
    STALE = "stale list"
    CUT = "watch cut"
    HALF = "half a line"
    TWICE = "duplicate event"
    EXPIRED = "410"
    SILENT = "watch gap"


KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
OF_WRITES = (
    Fault.CONFLICT,
    Fault.BUSY,
    Fault.FAILS_BEFORE,
    Fault.FAILS_AFTER,
    Fault.UNSENT,
    Fault.LOST,
)
OF_READS = (Fault.BUSY, Fault.FAILS_BEFORE, Fault.UNSENT, Fault.LOST)
OF_LISTS = (*OF_READS, Fault.STALE)
OF_STREAMS = (Fault.FAILS_BEFORE, Fault.UNSENT, Fault.EXPIRED)
OF_LINES = (Fault.CUT, Fault.HALF, Fault.TWICE, Fault.SILENT)
OF_GIT = (Fault.UNSENT, Fault.LOST)


Meddler: TypeAlias = "Callable[[], Fault | None]"


@dataclass(slots=True)
class Faults:
    """Decides at every crossing; counts them all."""

    dice: random.Random | None = None
    odds: float = 0.0
    """Of a fault at one crossing."""
    kill_odds: float = 0.0
    plan: Mapping[int, Fault] = field(default_factory=dict)
    count: int = 0
    crossings: list[str] = field(default_factory=list)
    """What was crossed, for people; a plan is made from it."""
    instants: list[datetime] = field(default_factory=list)
    """When each was crossed, where a world set its clock."""
    now: Callable[[], datetime] | None = None
    meddles: dict[str, list[Meddler]] = field(default_factory=dict)
    """Who acts just before what is crossed, one each time; they may also say what goes wrong."""
    injected: Counter[Fault] = field(default_factory=Counter)
    """What went wrong so far, and how often."""

    def at(self, what: str, among: tuple[Fault, ...]) -> Fault | None:
        """Tell what goes wrong at this crossing."""
        number, self.count = self.count, self.count + 1
        self.crossings.append(what)
        if self.now is not None:
            self.instants.append(self.now())
        return self._noted(self._thrown(number, among))

    def _thrown(self, number: int, among: tuple[Fault, ...]) -> Fault | None:
        if waiting := self.meddles.get(self.crossings[-1]):
            return waiting.pop(0)()
        if number in self.plan:
            return self.plan[number]
        if self.dice is None:
            return None
        if self.kill_odds and self.dice.random() < self.kill_odds:
            return self.dice.choice(KILLS)
        if self.odds and self.dice.random() < self.odds:
            return self.dice.choice(among)
        return None

    def on_line(self) -> Fault | None:
        """Tell what goes wrong with one line of a watch; lines are not numbered."""
        if self.dice is None or not self.odds or self.dice.random() >= self.odds:
            return None
        return self._noted(self.dice.choice(OF_LINES))

    def _noted(self, fault: Fault | None) -> Fault | None:
        if fault is not None:
            self.injected[fault] += 1
        return fault

    def heal(self) -> None:
        """Nothing goes wrong from here on."""
        self.odds = self.kill_odds = 0.0
        self.plan = {}
