"""What a grade of suspension means for a step; never which suspensions there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.relabel import is_relabelling
from agent.core.values import Action, Cause, Grade, Held, Standing, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.core.values import Key, Plan

REPAIRS = frozenset({Cause.DRIFT, Cause.GONE})
STOPS = frozenset({Grade.ALL, Grade.APPLY, Grade.UPGRADES})
"""Grades under which no new revision comes in."""


def repairs(step: Step) -> bool:
    """Whether the step only undoes what others did live, and brings nothing new from Git."""
    return (
        step.action in {Action.CREATE, Action.UPDATE}
        and bool(step.changes)
        and all(change.cause in REPAIRS for change in step.changes)
    )


def _grade_holds(grade: Grade, step: Step) -> bool:
    match grade:
        case Grade.ALL | Grade.APPLY:
            return True
        case Grade.PRUNE:
            return step.action is Action.PRUNE
        case Grade.DRIFT:
            return repairs(step)
        case Grade.UPGRADES:
            return not repairs(step)
        case Grade.JOBS:
            return step.key.kind == "Job" and step.key.group == "batch"


def holds(standing: Standing, step: Step) -> bool:
    """Whether a standing hold keeps this step from running."""
    if step.action is Action.KEEP or step.restores:
        return False
    if is_relabelling(step):
        return holds_labels(standing)
    if standing.keys is not None and step.key not in standing.keys:
        return False
    return any(_grade_holds(grade, step) for grade in standing.grades)


def holds_labels(standing: Standing) -> bool:
    """Whether the package's labels stay while this stands.

    They wait for what holds new revisions, and for whatever another label would get around.
    """
    return standing.keys is None and (bool(standing.grades & STOPS) or standing.by_labels)


def rule(standings: Iterable[Standing], plan: Plan) -> tuple[Held, ...]:
    """Each standing hold with the steps of the plan that it keeps from running."""
    return tuple(
        Held(
            standing.hold,
            frozenset(step.key for step in plan.steps if holds(standing, step)),
            whole=standing.keys is None,
            stops=bool(standing.grades & STOPS),
        )
        for standing in standings
    )


def graded(standings: Iterable[Standing], grade: Grade, key: Key | None = None) -> Standing | None:
    """The first standing hold of this grade over the whole package, or over `key`."""
    for standing in standings:
        if grade in standing.grades and (standing.keys is None or key in standing.keys):
            return standing
    return None
