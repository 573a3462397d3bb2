"""What comparing told of objects, for the inventory: what is as wanted, and where live values won.

Never adds an object that planning did not find to be ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.core.inventory import learn
from agent.core.ownership import KEPT_LIVE, expected
from agent.core.values import Action, Complete, Entry, Reason, WasApplied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.values import Decision, Facts, Inventory, Outcome, Step


def recognised(
    inventory: Inventory, facts: Facts, decision: Decision, outcomes: Sequence[Outcome]
) -> Inventory:
    """Return the inventory with what the pass learned by looking.

    A write whose answer was lost, and one after which the agent was killed, are found to have
    landed: without this a Job that was made and forgotten would run again after its time to live.
    """
    steps = {(step.key, step.digest) for step in decision.plan.steps}
    renders = (render for render in (facts.base, facts.new) if isinstance(render, Complete))
    objects = (one for render in renders for one in render.objects)
    desired = {one.key: one for one in objects if (one.key, one.digest) in steps}
    landed = tuple(_landed(inventory, facts, decision))
    known = learn(
        inventory, landed, desired, lambda live, one: expected(live, one, facts), facts.now
    )
    return _with_live_values(known, decision, outcomes)


def _landed(inventory: Inventory, facts: Facts, decision: Decision) -> Iterator[WasApplied]:
    """Objects that are as wanted, but not as remembered: what an answer would have told."""
    for step in decision.plan.steps:
        live = facts.live.get(step.key)
        is_as_wanted = step.action is Action.KEEP and bool(step.digest) and not _told(step)
        if not is_as_wanted or live is None:
            continue
        entry = inventory.entries.get(step.key, Entry())
        known = (entry.uid, entry.digest) == (live.uid, step.digest)
        if not known or entry.expected == KEPT_LIVE:
            yield WasApplied(step.key, step.digest, live)


def _told(step: Step) -> bool:
    """Whether the object is kept for another reason than that nothing differs."""
    return bool(step.reason or step.notice or step.says)


# --- live values that stay ---------------------------------------------------------------------


def _with_live_values(
    inventory: Inventory, decision: Decision, outcomes: Sequence[Outcome]
) -> Inventory:
    """Note where the object is not what Git's words make of it, so that it is compared again."""
    written = {o.key for o in outcomes if isinstance(o, WasApplied) and o.digest}
    entries = dict(inventory.entries)
    for step in decision.plan.steps:
        entry = entries.get(step.key)
        done = step.key in written or step.action is Action.KEEP
        if entry is None or not done:
            continue
        if step.reason is Reason.CONFLICTED:
            entries[step.key] = replace(entry, digest=step.digest, expected=KEPT_LIVE)
        elif step.notice is not None and step.key in written:
            entries[step.key] = replace(entry, expected="")
    return inventory if entries == inventory.entries else replace(inventory, entries=entries)
