"""Dependencies: new revisions wait until what the package depends on is healthy.

Repair never waits, nor does ending a package, nor a change of its labels: no object needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.relabel import is_relabelling
from agent.core.standing import repairs
from agent.core.values import Action, Dependency, Held, Hold, Origin, Reason, Ruling

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.values import Facts, Key, Plan

GATE = "dependencies"
WAITING = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})


def _held_keys(plan: Plan) -> frozenset[Key]:
    return frozenset(
        step.key
        for step in plan.steps
        if step.action in WAITING and not (repairs(step) or step.restores or is_relabelling(step))
    )


def _held(dependency: Dependency, origin: Origin, keys: frozenset[Key]) -> Held:
    says = f"waits for {dependency.name}: {dependency.says or 'it is not ready'}"
    return Held(Hold(GATE, Reason.DEPENDENCY_NOT_READY, says, origin), keys)


def judge(plan: Plan, facts: Facts, at: datetime) -> Ruling:  # noqa: ARG001 - no clock in it
    """Hold what is new while a dependency is not ready."""
    keys = _held_keys(plan)
    package = facts.declaration
    if package is None or not keys:
        return Ruling()
    waiting = (dependency for dependency in facts.dependencies if not dependency.ready)
    return Ruling(tuple(_held(dependency, package.origin, keys) for dependency in waiting))
