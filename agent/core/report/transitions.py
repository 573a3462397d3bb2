"""What was last told + a report → what is told now, with every change of state as a record.

Never reads what was told elsewhere: the inventory's memory of it is enough, also after a restart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.core.values import Reason, State, Transition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from agent.core.report.values import Report
    from agent.core.values import Told

TAIL: Final = 20
LONGEST_TAIL: Final = 200
"""How many are kept while they can't be pushed: an inventory has to fit into a few ConfigMaps."""

_ARRIVES: Final = frozenset(
    {State.SYNCED, State.FAILED, State.WAITING, State.DRIFTED, State.INTERRUPTED}
)
"""States that are told apart from the writing that led to them, however fast it was."""


def advance(told: Told, report: Report, at: datetime) -> Told:
    """Add the transitions that a report makes true; the same report twice adds none.

    `since` is when the state began, and while Progressing when something was last written: the
    health timeout counts from there.
    """
    added = transitions(told, report, at)
    seq = told.seq + len(added)
    same = told.state == report.state and not (report.wrote and report.state is State.PROGRESSING)
    return replace(
        told,
        state=report.state.value,
        reason=report.reason.value,
        since=told.since if same else at,
        seq=seq,
        tail=_trimmed((*told.tail, *added), unpushed=seq - told.pushed),
        conditions=_conditions(told, report, at),
    )


def transitions(told: Told, report: Report, at: datetime) -> tuple[Transition, ...]:
    """Return what changed between the two: state, reason, or the revision that is synced."""
    before = told.state
    found: list[Transition] = []
    for state, reason in _passed_through(told, report):
        record = Transition(
            told.seq + len(found) + 1,
            at,
            before,
            state.value,
            reason.value,
            _revision(state, report),
            report.cause,
            report.actor,
        )
        found.append(record)
        before = state.value
    return tuple(found)


def _passed_through(told: Told, report: Report) -> Iterator[tuple[State, Reason]]:
    was_writing = told.state == State.PROGRESSING
    if report.wrote and report.state in _ARRIVES and not was_writing:
        yield State.PROGRESSING, Reason.PROGRESSING
        yield report.state, report.reason
    elif (told.state, told.reason) != (report.state, report.reason) or _is_newer(told, report):
        yield report.state, report.reason


def _is_newer(told: Told, report: Report) -> bool:
    """Whether another revision is synced than the one last told, without anything to write."""
    last = told.tail[-1].revision if told.tail else ""
    return report.state is State.SYNCED and last != report.applied


def _revision(state: State, report: Report) -> str:
    """The commit a record is about: what is live when synced, else what was last seen in Git."""
    return report.applied if state is State.SYNCED else report.observed


def _trimmed(tail: tuple[Transition, ...], unpushed: int) -> tuple[Transition, ...]:
    return tail[-max(TAIL, min(unpushed, LONGEST_TAIL)) :]


def _conditions(told: Told, report: Report, at: datetime) -> tuple[tuple[str, str, datetime], ...]:
    """When each condition got its status (lastTransitionTime of the API conventions)."""
    since = {(kind, status): when for kind, status, when in told.conditions}
    return tuple(
        (one.type, one.status, since.get((one.type, one.status), at)) for one in report.conditions
    )


def unpushed(told: Told) -> tuple[Transition, ...]:
    """Return the records that are not known to be in Git, oldest first."""
    return tuple(record for record in told.tail if record.seq > told.pushed)


def pushed(told: Told, seq: int) -> Told:
    """Return what is told once all records up to `seq` are in Git."""
    known = max(told.pushed, min(seq, told.seq))
    return replace(told, pushed=known, tail=_trimmed(told.tail, unpushed=told.seq - known))
