"""Budget: many deletions at once wait for somebody who saw that very plan.

More than `objects`, or more than `percent` of what we have (and at least five), and a second
package that leaves Git in one revision. Deletions change the plan they belong to, so what an
Override let happen is remembered: it goes on while the Override is in force, and one deletion that
was not in that plan ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core import overrides
from agent.core.policies import AgentPolicy
from agent.core.values import Action, Clearance, Held, Hold, Reason, Ruling

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from agent.core.values import Entry, Facts, Plan, Step

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


def _doomed(plan: Plan) -> tuple[Step, ...]:
    return tuple(step for step in plan.steps if step.action is Action.PRUNE)


def _strangers(doomed: Iterable[Step], facts: Facts, at: datetime) -> int | None:
    """How many deletions were in no plan that an Override lets happen; None where there is none."""
    cleared = facts.inventory.cleared
    if cleared is None or not overrides.passing(facts, "Budget", at, cleared.plan):
        return None
    return len({step.uid for step in doomed}.difference(cleared.uids))


def clearance(plan: Plan, facts: Facts, entries: Iterable[Entry]) -> Clearance | None:
    """Return what is to be remembered: deletions let happen now, or let happen and not done yet.

    Args:
        plan: what this pass would do.
        facts: what it knows.
        entries: what is remembered after it; a deletion is done when nothing is left of it there.
    """
    doomed, cleared = _doomed(plan), facts.inventory.cleared
    word = overrides.passing(facts, "Budget", facts.now, plan.digest)
    if word is not None and word.plan and doomed and _exceeded(len(doomed), facts):
        return Clearance(plan.digest, tuple(sorted(step.uid for step in doomed)))
    going = {entry.uid for entry in entries if entry.tombstone is not None}
    return cleared if cleared is not None and not going.isdisjoint(cleared.uids) else None


def judge(plan: Plan, facts: Facts, at: datetime) -> Ruling:
    """Hold every deletion of a plan that deletes too much."""
    doomed = _doomed(plan)
    says = _exceeded(len(doomed), facts) if doomed else ""
    if not says or overrides.passing(facts, "Budget", at, plan.digest):
        return Ruling()
    strangers = _strangers(doomed, facts, at)
    if strangers == 0:
        return Ruling()
    if strangers:
        says += f", and {strangers} of them not in the plan that was let happen"
    says += f"; an Override with passes: [Budget] and plan: {plan.digest} lets it happen"
    next_change = min(overrides.edges(facts, at), default=None)
    hold = Hold(GATE, Reason.BUDGET_EXCEEDED, says)
    return Ruling((Held(hold, frozenset(step.key for step in doomed)),), next_change)
