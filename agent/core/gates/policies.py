"""Policies: while no good set was ever read, nobody can say what may happen, so nothing does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.values import Action, Held, Hold, Reason, Ruling

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.values import Facts, Plan

GATE = "policies"


def judge(plan: Plan, facts: Facts, at: datetime) -> Ruling:  # noqa: ARG001 - no clock in it
    """Hold every step while the policies are not known."""
    if facts.policies.valid:
        return Ruling()
    says = f"the policies cannot be read and none were read before: {facts.policies.says}"
    keys = frozenset(
        step.key for step in plan.steps if step.action is not Action.KEEP and not step.restores
    )
    return Ruling((Held(Hold(GATE, Reason.POLICY_INVALID, says), keys, whole=True),))
