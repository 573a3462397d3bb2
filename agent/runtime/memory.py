"""What the agent remembers between passes: inventories, answers, last results; one lock.

Values are swapped whole, never changed; nothing is called while the lock is held.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.core.contest import Fight, fought, repaired
from agent.core.immutable import immutable
from agent.core.report.transitions import pushed, unpushed
from agent.core.values import Answer, Found, Inventory, NotThere, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from agent.core.report.values import Report
    from agent.core.values import Key, PackageName, Standing
    from agent.passes.package import Passed

BACKOFF: Final = timedelta(seconds=10)
BACKOFF_MAX: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Known:
    """One package's share of the memory."""

    inventory: Inventory
    is_saved: bool = True
    answers: tuple[tuple[Answer, datetime | None], ...] = ()
    """Each with the instant it stops counting; None: as long as its digest and uid."""
    failures: int = 0
    report: Report | None = None
    """All that is kept of a pass: its facts and its plan are many times what it found out."""
    standings: tuple[Standing, ...] = ()


def _expires(answer: Answer) -> bool:
    """Whether the server may say something else later, though nothing of ours changed."""
    says = answer.says
    if isinstance(says, Rejected):
        return not immutable(says)
    return isinstance(says, Found | NotThere)


class _Kept:
    """Answers that still count, found again by value: what they say may hold a whole object."""

    def __init__(self, answers: Iterable[tuple[Answer, datetime | None]], now: datetime) -> None:
        counting = (pair for pair in answers if pair[1] is None or pair[1] > now)
        self._known = {(answer.key, answer.ask): (answer, until) for answer, until in counting}

    def __contains__(self, answer: Answer) -> bool:
        known = self._known.get((answer.key, answer.ask))
        return known is not None and known[0] == answer

    def __getitem__(self, answer: Answer) -> datetime | None:
        return self._known[answer.key, answer.ask][1]


class Memory:
    """See `agent.passes.ports.Memory` for what each question means."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[PackageName, _Known] = {}
        self._holders: dict[Key, PackageName] = {}
        self._fights: dict[Key, Fight] = {}
        self._departed: dict[PackageName, Inventory] = {}
        """Packages that are gone, while Git does not have all that is to be told of that."""

    # --- what passes ask -----------------------------------------------------------------------

    def inventory(self, package: PackageName) -> Inventory:
        """What is remembered of a package; empty for one that was never seen."""
        with self._lock:
            known, departed = self._known.get(package), self._departed.get(package)
        if known is None and departed is not None:
            return Inventory(package, told=departed.told)
        return known.inventory if known else Inventory(package)

    def is_saved(self, package: PackageName) -> bool:
        """Whether the cluster has this inventory as it is."""
        with self._lock:
            known = self._known.get(package)
        return known.is_saved if known else True

    def answers(self, package: PackageName, at: datetime) -> tuple[Answer, ...]:
        """What the server said and still counts."""
        with self._lock:
            known = self._known.get(package)
        if known is None:
            return ()
        return tuple(answer for answer, until in known.answers if until is None or at < until)

    def holder(self, key: Key) -> PackageName | None:
        """The package in whose inventory the object is."""
        with self._lock:
            return self._holders.get(key)

    def fights(self, keys: Iterable[Key]) -> Mapping[Key, Fight]:
        """Those of these objects that were repaired lately."""
        with self._lock:
            return {key: self._fights[key] for key in keys if key in self._fights}

    def standings(self, package: PackageName) -> tuple[Standing, ...]:
        """The holds in force at the package's last pass."""
        with self._lock:
            known = self._known.get(package)
        return known.standings if known else ()

    def report(self, package: PackageName) -> Report | None:
        """What the package's last pass told, if there was one since the start."""
        with self._lock:
            known = self._known.get(package)
        return known.report if known else None

    def packages(self) -> frozenset[PackageName]:
        """Every package that has an inventory with something in it."""
        with self._lock:
            return frozenset(self._known)

    # --- what the runtime tells ----------------------------------------------------------------

    def load(self, inventories: Mapping[PackageName, Inventory]) -> None:
        """Begin with what the cluster remembers."""
        with self._lock:
            for name, inventory in inventories.items():
                if inventory.gone and not inventory.entries and unpushed(inventory.told):
                    self._departed[name] = inventory
                    continue
                self._known[name] = _Known(inventory)
                self._holders.update(dict.fromkeys(inventory.entries, name))

    def put(self, passed: Passed, standings: tuple[Standing, ...]) -> datetime | None:
        """Take in a pass; returns when an answer stops counting and is to be asked again."""
        name, now = passed.result.facts.package, passed.result.facts.now
        with self._lock:
            before = self._known.get(name) or _Known(Inventory(name))
            self._release(name, before.inventory)
            for key, by in repaired(passed.result):
                self._fights[key] = fought(self._fights.get(key, Fight()), by, now)
            self._departed.pop(name, None)
            if passed.over:
                self._known.pop(name, None)
                if unpushed(passed.inventory.told):
                    self._departed[name] = passed.inventory
            else:
                self._known[name] = self._after(before, passed, standings, now)
                self._holders.update(dict.fromkeys(passed.inventory.entries, name))
            known = self._known.get(name)
        untils = [until for _, until in known.answers if until] if known else []
        return min(untils, default=None)

    def _release(self, name: PackageName, inventory: Inventory) -> None:
        for key in inventory.entries:
            if self._holders.get(key) == name:
                del self._holders[key]

    def _after(
        self, before: _Known, passed: Passed, standings: tuple[Standing, ...], now: datetime
    ) -> _Known:
        kept = _Kept(before.answers, now)
        failing = any(_expires(answer) for answer in passed.answers)
        fresh = any(answer not in kept for answer in passed.answers)
        failures = before.failures + fresh if failing else 0
        until = now + self._backoff(passed, failures)
        answers = tuple(
            (answer, kept[answer] if answer in kept else (until if _expires(answer) else None))
            for answer in passed.answers
        )
        pushed = max(before.inventory.told.pushed, passed.inventory.told.pushed)
        inventory = replace(passed.inventory, told=replace(passed.inventory.told, pushed=pushed))
        return _Known(
            inventory,
            passed.saved,
            answers,
            failures,
            passed.report,
            standings,
        )

    @staticmethod
    def _backoff(passed: Passed, failures: int) -> timedelta:
        package = passed.result.facts.declaration
        first = (package and package.retry_backoff) or BACKOFF
        most = (package and package.retry_max) or BACKOFF_MAX
        doubled: timedelta = first * 2 ** min(max(failures - 1, 0), 16)
        return min(doubled, most)

    def forget_answers(self, package: PackageName) -> None:
        """Ask the server again: something it may have complained of has changed."""
        with self._lock:
            known = self._known.get(package)
            if known is not None:
                self._known[package] = replace(known, answers=(), failures=0)

    def pushed(self, package: PackageName, seq: int) -> None:
        """Note that the status branch has the transitions up to `seq`.

        Worth no write of its own: what is pushed twice is one line in the history.
        """
        with self._lock:
            if (gone := self._departed.get(package)) is not None:
                self._departed[package] = replace(gone, told=pushed(gone.told, seq))
            known = self._known.get(package)
            if known is not None and known.inventory.told.pushed < seq:
                told = replace(known.inventory.told, pushed=seq)
                inventory = replace(known.inventory, told=told)
                self._known[package] = replace(known, inventory=inventory)

    def departed(self) -> Mapping[PackageName, Inventory]:
        """What is still remembered of packages that are gone, for the sake of what Git is told."""
        with self._lock:
            return dict(self._departed)

    def forgettable(self) -> tuple[PackageName, ...]:
        """Packages that are gone, and Git has all that was to be told of them."""
        return tuple(name for name, one in self.departed().items() if not unpushed(one.told))

    def reports(self) -> Mapping[PackageName, tuple[Report, Inventory]]:
        """The last report of every package that was looked at."""
        with self._lock:
            return {
                name: (known.report, known.inventory)
                for name, known in self._known.items()
                if known.report is not None
            }
