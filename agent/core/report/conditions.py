"""A situation and its word → Kubernetes conditions, read the right way by kstatus.

Never keeps a condition that is normal, but for Ready and Healthy: the others are there only while
they are True (API conventions, "abnormal-true"). kstatus takes Stalled=True for Failed and
Reconciling=True for InProgress (cli-utils pkg/kstatus/status/generic.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core.report.situation import suspensions
from agent.core.report.values import READY, Condition
from agent.core.values import Action, HealthStatus, Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.core.report.situation import Situation
    from agent.core.values import Hold

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"

HEALTHY: Final = "Healthy"

_BY_REASON: Final[Mapping[str, frozenset[Reason]]] = {
    "WindowClosed": frozenset({Reason.WINDOW_CLOSED, Reason.WINDOW_INVALID}),
    "ApprovalRequired": frozenset({Reason.APPROVAL_REQUIRED, Reason.BUDGET_EXCEEDED}),
    "ReplacementHeld": frozenset({Reason.REPLACEMENT_HELD}),
    "Conflicted": frozenset({Reason.CONFLICTED}),
}
"""Conditions that are True while a hold with such a reason is in force."""


def conditions(now: Situation, state: State, reason: Reason, message: str) -> tuple[Condition, ...]:
    """Return the conditions in a fixed order: Ready and Healthy always, others while True."""
    return (
        _ready(now, state, reason, message),
        *_activity(state, reason, message),
        _healthy(now),
        *_extras(now),
    )


def _ready(now: Situation, state: State, reason: Reason, message: str) -> Condition:
    """Ready; while suspended it keeps its last value, for who waits for it did not ask to stop."""
    match state:
        case State.SYNCED:
            status = TRUE
        case State.UNKNOWN | State.PENDING:
            status = UNKNOWN
        case State.SUSPENDED:
            status = _last_ready(now)
        case _:
            status = FALSE
    return Condition(READY, status, reason, message)


def _last_ready(now: Situation) -> str:
    told = {kind: status for kind, status, _ in now.result.facts.inventory.told.conditions}
    if READY in told:
        return told[READY]
    # Nothing was told before: as ready as it would be without the suspension.
    is_done = now.inventory.applied is not None and not now.waiting and not now.unwell
    return TRUE if is_done else FALSE


def _activity(state: State, reason: Reason, message: str) -> Iterator[Condition]:
    if state is State.PROGRESSING or (state is State.DELETING and reason is Reason.PROGRESSING):
        yield Condition("Reconciling", TRUE, reason, message)
    if state is State.FAILED:
        yield Condition("Stalled", TRUE, reason, message)


def _healthy(now: Situation) -> Condition:
    """Healthy, whatever the revision: Unknown while there is nothing to judge."""
    for key, health in now.unwell.items():
        if health.status is HealthStatus.FAILED:
            return Condition(HEALTHY, FALSE, Reason.UNHEALTHY, f"{key}: {health.says}")
    for step in now.failed_jobs:
        return Condition(HEALTHY, FALSE, Reason.JOB_FAILED, f"{step.key}: {step.says}")
    for key, health in now.unwell.items():
        return Condition(HEALTHY, FALSE, Reason.PROGRESSING, f"{key}: {health.says}")
    if not now.inventory.entries:
        return Condition(HEALTHY, UNKNOWN, Reason.PROGRESSING, "no object is applied yet")
    return Condition(HEALTHY, TRUE, Reason.SYNCED, "every object is Current")


def _extras(now: Situation) -> Iterator[Condition]:
    holds = tuple(one.hold for one in now.result.decision.verdict.held)
    for hold in suspensions(holds)[:1]:
        yield _while("Suspended", hold)
    for hold in [hold for hold in suspensions(holds) if hold.origin.object][:1]:
        says = f"held in the cluster and not in Git ({hold.origin.object}): {hold.says}"
        yield Condition("Undeclared", TRUE, hold.reason, says)
    for kind, reasons in _BY_REASON.items():
        for hold in [hold for hold in holds if hold.reason in reasons][:1]:
            yield _while(kind, hold)
    yield from _prunes(now)
    if now.drifted:
        says = f"changed live: {', '.join(sorted(map(str, now.drifted)))}"
        yield Condition("Drifted", TRUE, _why_drifted(now), says)
    for step in now.skipped[:1]:
        yield Condition("JobSkipped", TRUE, Reason.JOB_SKIPPED, f"{step.key}: {step.says}")


def _while(kind: str, hold: Hold) -> Condition:
    return Condition(kind, TRUE, hold.reason, hold.says)


def _why_drifted(now: Situation) -> Reason:
    """What keeps the drift from being repaired; Progressing where nothing does."""
    steps = {step.key: step for step in now.result.decision.plan.steps}
    notices = (steps[key].notice for key in sorted(now.drifted))
    held = (one.hold for one in now.result.decision.verdict.held if one.keys & now.drifted)
    first = next((hold for hold in (*notices, *held) if hold is not None), None)
    return first.reason if first else Reason.PROGRESSING


def _prunes(now: Situation) -> Iterator[Condition]:
    """Deletions that something holds: of objects, or of all that is left of a package."""
    decision = now.result.decision
    doomed = {step.key for step in decision.plan.steps if step.action is Action.PRUNE}
    for held in decision.verdict.held:
        if held.keys & doomed:
            gone = now.result.facts.declaration is None
            yield _while("DeletionHeld" if gone else "PruneHeld", held.hold)
            return
