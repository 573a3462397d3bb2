"""`--once`: waits until nothing more happens by itself, and says how that ended."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from agent.core.report import reference
from agent.core.values import PackageName, Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.core.report.values import Report
    from agent.runtime.agent import Agent

OK: Final = 0
FAILED: Final = 3
TIMEOUT: Final = 7
GRACE: Final = timedelta(seconds=12)
"""A refusal of the server is tried again once before it counts: a CRD may have come meanwhile."""
MOVING: Final = frozenset({State.PENDING, State.PROGRESSING})


Words: TypeAlias = "Mapping[PackageName, tuple[State, Reason, str]]"


class Settling:
    """Told after every pass; waits for claims about what passes left behind."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stopped = False

    def notify(self) -> None:
        """A pass ended."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """Release everybody who waits."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait(self, agent: Agent, seconds: float, *, observing: bool) -> bool:
        """Wait until every package has settled; False when time ran out or the run was stopped."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopped or is_settled(agent, observing=observing), seconds
            )
        return is_settled(agent, observing=observing)

    def wait_while(self, agent: Agent, before: Words, seconds: float) -> None:
        """Wait until anything is told differently, or is looked at again, for a while."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopped or words(agent) != before or not agent.is_quiet(),
                seconds,
            )


def expected(agent: Agent) -> frozenset[PackageName]:
    """Every package a pass has to have looked at."""
    snapshot = agent.world.source.snapshot()
    if snapshot is None:
        return frozenset()
    declared = snapshot.declared
    return frozenset({*declared.packages, *declared.invalid, *agent.world.memory.packages()})


def reports(agent: Agent) -> dict[PackageName, Report]:
    """The newest report of every package."""
    return {name: report for name, (report, _) in agent.world.memory.reports().items()}


def words(agent: Agent) -> Words:
    """What every package is doing, in words: what a person would call the same."""
    return {
        name: (report.state, report.reason, report.message)
        for name, report in reports(agent).items()
    }


def is_settled(agent: Agent, *, observing: bool) -> bool:
    """Whether every package was looked at and none of them moves by itself."""
    polled = agent.world.source.polled
    if polled.at is None and not polled.problem:
        return False
    if not (agent.leads() and agent.is_quiet()):
        return False
    known = reports(agent)
    if expected(agent) - known.keys():
        return False
    return observing or not any(_moves(report) for report in known.values())


def _moves(report: Report) -> bool:
    if report.state is State.DELETING:
        return not report.holds
    return report.state in MOVING


def is_refused(known: Iterable[Report]) -> bool:
    """Whether the server, or a missing namespace, keeps any package from going on."""
    return any(hold.gate in {"server", "namespace"} for one in known for hold in one.holds)


def exit_code(agent: Agent, *, observing: bool) -> int:
    """How it ended: failed before out of time before held before fine."""
    snapshot, polled = agent.world.source.snapshot(), agent.world.source.polled
    if snapshot is None or polled.problem:
        return FAILED
    declared, known = snapshot.declared, reports(agent)
    policies = declared.policies
    if not declared.complete or declared.invalid or not policies.valid or policies.says:
        return FAILED
    if not agent.leads():
        return TIMEOUT
    told = [(report.state, report.reason) for report in known.values()]
    unseen = [(State.PENDING, Reason.PROGRESSING) for _ in expected(agent) - known.keys()]
    code = reference.once([*told, *unseen])
    return OK if observing and code == TIMEOUT else code
