"""The status pass: what all packages last told → files → one commit, at the pace of `pace`.

Never delays syncing, never decides a state, and never waits: it says when to come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from agent.core.encode import digest
from agent.core.errors import AgentError
from agent.core.report.files import Telling, files, subject, trailers
from agent.core.report.pace import Pace, due, failed, landed, noticed
from agent.core.report.status import entry
from agent.core.report.transitions import unpushed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from agent.core.declared import Snapshot
    from agent.core.report.status import Redact
    from agent.core.report.values import Report
    from agent.core.values import Inventory, PackageName

Change: TypeAlias = "Callable[[Mapping[str, bytes] | None], Mapping[str, bytes | None]]"
"""The files there are (None: no branch yet) → the files to write, None for those to remove."""


class Publisher(Protocol):
    """The status branch of one cluster."""

    def publish(
        self,
        change: Change,
        subject: str,
        trailers: Mapping[str, str],
        *,
        even_if_same: bool = False,
    ) -> object:
        """Commit what `change` makes of the files and push it; `change` may be called again.

        With `even_if_same` there is a commit even where no file differs: a heartbeat.

        Raises:
            AgentError: it could not be pushed; nothing is lost, the next try says it all.
        """
        ...


class Source(Protocol):
    """What Git declares."""

    def snapshot(self) -> Snapshot | None:
        """The newest revision that was read whole, or None before the first."""
        ...


class Memory(Protocol):
    """What packages last told."""

    def packages(self) -> frozenset[PackageName]:
        """Every package that has an inventory."""
        ...

    def reports(self) -> Mapping[PackageName, tuple[Report, Inventory]]:
        """The last report of every package that was looked at since the start."""
        ...

    def departed(self) -> Mapping[PackageName, Inventory]:
        """What is still remembered of packages that are gone."""
        ...


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells, and what it may look at."""

    cluster: str
    instance: str
    version: str
    source: Source
    memory: Memory
    publisher: Publisher
    redact: Redact


@dataclass(frozen=True, slots=True)
class Told:
    """A status pass that ran: how pushing goes, what is in Git now, and when to come back."""

    pace: Pace
    pushed: tuple[tuple[PackageName, int], ...] = ()
    """The highest number of each package's transitions that is in Git."""
    wake: datetime | None = None
    problem: str = ""
    """Why the last push did not work."""


def tell(teller: Teller, pace: Pace, at: datetime, *, at_once: bool = False) -> Told:
    """Push what is new if it is time; `at_once` (the end of a run) does not wait for the pace."""
    if _waits(pace, at) and not at_once:
        return Told(pace, wake=due(pace))
    telling = _telling(teller)
    content = _content(telling, teller.redact)
    pace = noticed(pace, content, at)
    has_news = pace.changed is not None
    when = due(pace)
    is_time = when is not None and at >= when
    if not is_time and not (at_once and has_news):
        return Told(pace, wake=when)
    try:
        _publish(teller, telling, heartbeat=not has_news)
    except AgentError as error:
        pace = failed(pace, at)
        return Told(pace, wake=due(pace), problem=teller.redact(str(error)))
    pace = landed(pace, content, at)
    return Told(pace, tuple(_pushed(telling)), due(pace))


def _waits(pace: Pace, at: datetime) -> bool:
    """Whether there is news for a later instant: what it is by then need not be known before."""
    when = due(pace)
    return pace.changed is not None and when is not None and at < when


def _publish(teller: Teller, telling: Telling, *, heartbeat: bool) -> None:
    def change(existing: Mapping[str, bytes] | None) -> Mapping[str, bytes | None]:
        return files(telling, existing or {}, teller.redact)

    says, signed = subject(telling), trailers(telling, teller.version)
    teller.publisher.publish(change, says, signed, even_if_same=heartbeat)


def _pushed(telling: Telling) -> Iterator[tuple[PackageName, int]]:
    for inventory in telling.inventories:
        if unpushed(inventory.told):
            yield inventory.package, inventory.told.seq


# --- what there is to say ----------------------------------------------------------------------


def _telling(teller: Teller) -> Telling:
    snapshot, reports = teller.source.snapshot(), teller.memory.reports()
    return Telling(
        teller.cluster,
        teller.instance,
        snapshot.declared.commit if snapshot else "",
        tuple(reports[name] for name in sorted(reports)),
        _known(snapshot, teller.memory.packages()),
        tuple(teller.memory.departed().values()),
    )


def _known(
    snapshot: Snapshot | None, remembered: frozenset[PackageName]
) -> frozenset[PackageName] | None:
    """Packages that exist somewhere; None while the set of them is not known."""
    if snapshot is None or not snapshot.declared.complete:
        return None
    return remembered | snapshot.declared.packages.keys() | snapshot.declared.invalid.keys()


def _content(telling: Telling, redact: Redact) -> str:
    """Return what tells this saying from another one; that it is in Git by now makes none."""
    told = [
        [entry(report, inventory.told, redact), inventory.told.seq]
        for report, inventory in telling.packages
    ]
    known = None if telling.known is None else sorted(map(str, telling.known))
    gone = [[*inventory.package, inventory.told.seq] for inventory in telling.departed]
    return digest([telling.revision, told, known, gone])
