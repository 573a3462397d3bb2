"""What comparing told of objects, for the inventory: what is as wanted, and where live values won.

Never adds an object that planning did not find to be ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.core.ownership import KEPT_LIVE, expected
from agent.core.values import Action, Complete, Entry, Reason, WasApplied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.values import Decision, Desired, Facts, Inventory, Live, Outcome, Step


def recognised(
    inventory: Inventory, facts: Facts, decision: Decision, outcomes: Sequence[Outcome]
) -> Inventory:
    """Return the inventory with what the pass learned by looking.

    A write whose answer was lost, and one after which the agent was killed, are found to have
    landed: without this a Job that was made and forgotten would run again after its time to live.
    """
    written = {o.key: o.live for o in outcomes if isinstance(o, WasApplied) and o.digest}
    live = {**facts.live, **written}
    desired = {(one.key, one.digest): one for one in _objects(facts)}
    entries = dict(inventory.entries)
    for step in decision.plan.steps:
        one, found = desired.get((step.key, step.digest)), live.get(step.key)
        is_there = step.key in written or step.action is Action.KEEP
        if one is not None and found is not None and is_there:
            entry = entries.get(step.key, Entry(wave=step.wave))
            entries[step.key] = _looked_at(entry, step, found, one, facts)
    return inventory if entries == inventory.entries else replace(inventory, entries=entries)


def _objects(facts: Facts) -> tuple[Desired, ...]:
    renders = (facts.base, facts.new)
    return tuple(one for r in renders if isinstance(r, Complete) for one in r.objects)


def _looked_at(entry: Entry, step: Step, live: Live, desired: Desired, facts: Facts) -> Entry:
    if step.reason is Reason.CONFLICTED:
        return replace(_seen(entry, live), digest=step.digest, expected=KEPT_LIVE)
    if step.action is not Action.KEEP:
        # The body repeats live values that stay for now: they are not what is expected.
        return replace(entry, expected="") if step.notice is not None else entry
    told = step.reason is not None or step.notice is not None or step.says
    known = (entry.uid, entry.digest) == (live.uid, step.digest) and entry.expected != KEPT_LIVE
    if told or known:
        return entry
    learned = expected(live, desired, facts)
    return replace(_seen(entry, live), digest=step.digest, expected=learned, skipped="")


def _seen(entry: Entry, live: Live) -> Entry:
    if entry.uid == live.uid:
        return entry
    return replace(entry, uid=live.uid, finished=None)
