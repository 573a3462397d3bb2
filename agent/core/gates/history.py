"""History: a commit that does not descend from the applied one needs somebody's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core import overrides
from agent.core.standing import repairs
from agent.core.values import Action, Held, Hold, Reason, Ruling

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.values import Facts, Plan

GATE = "history"


def hold(facts: Facts, at: datetime) -> Hold | None:
    """Why a rewritten history keeps new revisions and prunes waiting, or None."""
    if not facts.rewritten or overrides.passing(facts, "History", at):
        return None
    applied = facts.inventory.applied
    commit = getattr(facts.new, "commit", "")
    says = (
        f"commit {commit[:12]} does not descend from the applied {applied.commit[:12]}: "
        if applied
        else ""
    ) + (
        "history was rewritten; an Override with passes: [History] and "
        f"revision: {commit[:12]} lets it in"
    )
    return Hold(GATE, Reason.HISTORY_REWRITTEN, says)


def judge(plan: Plan, facts: Facts, at: datetime) -> Ruling:
    """Hold all but repair while the history is not what was applied."""
    refused = hold(facts, at)
    if refused is None:
        return Ruling()
    keys = frozenset(
        step.key
        for step in plan.steps
        if step.action is not Action.KEEP and not step.restores and not repairs(step)
    )
    next_change = min(overrides.edges(facts, at), default=None)
    return Ruling((Held(refused, keys, whole=True),), next_change)
