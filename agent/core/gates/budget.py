"""Budget: many deletions at once wait for somebody who saw that very plan.

More than `objects`, or more than `percent` of what we have (and at least five), and a second
package that leaves Git in one revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core import overrides
from agent.core.policies import AgentPolicy
from agent.core.values import Action, Held, Hold, Reason, Ruling

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.values import Facts, Key, Plan

GATE = "budget"
FEW = 5
"""A percentage of a handful says nothing: below this many deletions it is not asked."""


def _exceeded(count: int, facts: Facts) -> str:
    limits = facts.policies.agent or AgentPolicy()
    total = len(facts.inventory.entries)
    if count > limits.prune_objects:
        return f"{count} deletions are more than the {limits.prune_objects} allowed at once"
    if facts.declaration is None:
        return _removals(facts)
    if count >= FEW and count * 100 > limits.prune_percent * total:
        return (
            f"{count} of {total} objects would be deleted, more than {limits.prune_percent} percent"
        )
    return ""


def _removals(facts: Facts) -> str:
    together = facts.removed_together
    if len(together) < 2:  # noqa: PLR2004 - one removal per revision needs nobody's word
        return ""
    return f"{len(together)} packages left Git together: {', '.join(map(str, together))}"


def judge(plan: Plan, facts: Facts, at: datetime) -> Ruling:
    """Hold every deletion of a plan that deletes too much."""
    keys: frozenset[Key] = frozenset(s.key for s in plan.steps if s.action is Action.PRUNE)
    says = _exceeded(len(keys), facts) if keys else ""
    if not says or overrides.passing(facts, "Budget", at, plan.digest):
        return Ruling()
    says += f"; an Override with passes: [Budget] and plan: {plan.digest} lets it happen"
    next_change = min(overrides.edges(facts, at), default=None)
    return Ruling((Held(Hold(GATE, Reason.BUDGET_EXCEEDED, says), keys),), next_change)
