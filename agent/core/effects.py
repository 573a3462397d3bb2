"""Verdict and inventory → the effects of this wave; the last pure step before anything is written.

One pass does what is possible now: the first unfinished group of the order of applying, and
repairs, which never wait for an earlier wave. Deletions come last, in reverse order, a group at a
time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.core import contest, grace, immutable, prune
from agent.core.gates import budget, suspension
from agent.core.order import place, teardown, waves
from agent.core.relabel import is_relabelling
from agent.core.standing import holds_labels, repairs
from agent.core.target import aim
from agent.core.values import (
    Action,
    Adopt,
    Apply,
    Delete,
    Effect,
    Entry,
    HealthStatus,
    Intent,
    Inventory,
    Reason,
    Remember,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from agent.core.target import Aim
    from agent.core.values import Facts, Key, Plan, Standing, Step, Verdict


def _healthy(step: Step, facts: Facts) -> bool:
    """Current, or done and gone: a completed or skipped Job does not keep a wave waiting."""
    if step.reason is Reason.JOB_FAILED:
        return False
    live = facts.live.get(step.key)
    if live is None or step.reason is Reason.JOB_SKIPPED:
        return step.action is Action.KEEP
    health = grace.health_of(step.key, live, facts, facts.declaration)
    return health.status is HealthStatus.CURRENT


def _is_left_alone(step: Step, verdict: Verdict) -> bool:
    """Held in a way that keeps nothing else waiting.

    By name, as one object: somebody wants this one left alone, and the others to go on. Or a
    repair, by whatever gate: waves order what is new, and this object was applied.
    """
    if step.refusal is not None:
        return step.refusal.gate == contest.GATE
    holds = [held for held in verdict.held if step.key in held.keys]
    by_name = any(not held.whole and held.hold.gate == suspension.GATE for held in holds)
    return by_name or (bool(holds) and repairs(step))


def _written(steps: Iterable[Step], verdict: Verdict) -> bool:
    return all(step.action is Action.KEEP or _is_left_alone(step, verdict) for step in steps)


def _finished(steps: Iterable[Step], verdict: Verdict, facts: Facts) -> bool:
    return all(_healthy(step, facts) or _is_left_alone(step, verdict) for step in steps)


def _writes(plan: Plan, verdict: Verdict, facts: Facts) -> Iterator[Step]:
    """Admitted steps of the first unfinished group, and all admitted repairs.

    The next wave waits until all before it are healthy. Stages within a wave only wait until what
    is before them was written: a Job that patches a webhook needs the webhook to be there.
    """
    admitted = {step.key for step in verdict.admitted}
    before: list[Step] = []
    ahead = True
    for steps in waves(step for step in plan.steps if step.digest):
        if before and place(before[-1]).wave != place(steps[0]).wave:
            ahead = ahead and _finished(before, verdict, facts)
        for step in steps:
            if step.key in admitted and (ahead or step.restores or repairs(step)):
                yield step
        ahead = ahead and _written(steps, verdict)
        before.extend(steps)


def _deletions(plan: Plan, verdict: Verdict, facts: Facts) -> Iterator[Step]:
    """The last group of what may be deleted, once everything wanted is applied."""
    if any(
        step.action not in {Action.KEEP, Action.PRUNE} and not _is_left_alone(step, verdict)
        for step in plan.steps
        if not is_relabelling(step)
    ):
        return
    going = [s for s in plan.steps if _is_going(s, facts) or _is_doomed(s, verdict)]
    admitted = {step.key for step in verdict.admitted}
    for last in teardown(going)[:1]:
        yield from (step for step in last if step.key in admitted)


def _is_doomed(step: Step, verdict: Verdict) -> bool:
    """To be deleted now or later; one that moves away, or is left alone, keeps no other waiting."""
    if step.action is not Action.PRUNE or _is_left_alone(step, verdict):
        return False
    return step.refusal is None or step.refusal.until is not None


def _is_going(step: Step, facts: Facts) -> bool:
    live = facts.live.get(step.key)
    unwanted = not step.digest and step.action is Action.KEEP
    return unwanted and live is not None and live.leaving and step.key in facts.inventory.entries


def _delete(step: Step) -> Delete:
    return Delete(step.key, step.uid, step.version)


def _write(step: Step) -> Effect:
    if step.action is Action.REPLACE:
        return Delete(step.key, step.uid, step.version, immutable.propagation(step.key))
    if step.fold:
        return Adopt(step.key, step.uid, step.version, step.fold)
    return Apply(step.key, step.body or {}, step.digest, step.uid, step.version)


def _intended(steps: Sequence[Step], inventory: Inventory) -> dict[Key, Entry]:
    """Entries for objects about to be made ours, so that a crash leaks none of them.

    One that is made again has no uid until it is known: by the old one it could not be told ours.
    """
    known = inventory.entries
    new = {s.key: Entry(wave=s.wave) for s in steps if s.digest and s.key not in known}
    again = {
        step.key: replace(known[step.key], uid="")
        for step in steps
        if step.action is Action.CREATE and step.key in known and known[step.key].uid
    }
    return {**new, **again}


def _replaced(steps: Iterable[Step]) -> dict[Key, Intent]:
    return {
        step.key: Intent(step.uid, step.digest) for step in steps if step.action is Action.REPLACE
    }


def _closed_intents(plan: Plan, facts: Facts, steered: Aim) -> Iterator[Key]:
    """Replacements that are over: put back, taken back, or wanted by nobody any more."""
    steps = {step.key: step for step in plan.steps if step.digest}
    for key, intent in facts.inventory.intents.items():
        step, live = steps.get(key), facts.live.get(key)
        if step is None:
            if steered.proves_absence:
                yield key
        elif live is not None and not live.leaving:
            if live.uid != intent.uid or step.digest != intent.digest:
                yield key
        elif live is None and step.action is Action.KEEP:
            yield key


def _is_unwanted(step: Step) -> bool:
    waits = step.notice is not None and step.notice.gate == prune.GATE
    return step.action is Action.PRUNE or waits


def _tombstoned(entries: Mapping[Key, Entry], plan: Plan, facts: Facts) -> dict[Key, Entry]:
    """Since when each object is unwanted; a revision nobody can read says nothing of that."""
    doomed = {step.key for step in plan.steps if _is_unwanted(step)}
    wanted = {step.key for step in plan.steps if step.digest}

    def since(key: Key, entry: Entry) -> datetime | None:
        if key in wanted:
            return None
        return entry.tombstone or (facts.now if key in doomed else None)

    return {
        key: entry if entry.tombstone == (at := since(key, entry)) else replace(entry, tombstone=at)
        for key, entry in entries.items()
    }


def _skipped(entries: Mapping[Key, Entry], plan: Plan) -> dict[Key, Entry]:
    """Contents that policy skipped: they do not run because the old Job went away."""
    return {
        step.key: replace(entries[step.key], skipped=step.digest)
        for step in plan.steps
        if step.reason is Reason.JOB_SKIPPED and step.key in entries
    }


def _ruled(entries: Mapping[Key, Entry], steered: Aim) -> dict[Key, Entry]:
    """What Git says of deleting each object, for when it says nothing of it any more."""
    keeps = {desired.key: not desired.rules.prune for desired in steered.objects}
    return {
        key: replace(entry, keeps=keeps[key])
        if keeps.get(key, entry.keeps) != entry.keeps
        else entry
        for key, entry in entries.items()
    }


def _labels_let_in(facts: Facts, steered: Aim, held: Sequence[Standing]) -> bool:
    """Whether the newest revision counts, policies are known, and none of them stops it."""
    stopped = any(map(holds_labels, held))
    return steered.proves_absence and facts.policies.valid and not stopped


def _forgotten(facts: Facts, steered: Aim) -> frozenset[Key]:
    if not steered.proves_absence:
        return frozenset()
    return frozenset(prune.forgotten(steered.objects, facts))


def bookkeeping(plan: Plan, facts: Facts, standings: Sequence[Standing]) -> Inventory:
    """The inventory as it is known now: what is gone forgotten, what is unwanted marked."""
    inventory, steered = facts.inventory, aim(facts, standings)
    forgotten = _forgotten(facts, steered)
    over = frozenset(_closed_intents(plan, facts, steered))
    kept = {key: entry for key, entry in inventory.entries.items() if key not in forgotten}
    labels = inventory.labels
    if facts.declaration is not None and _labels_let_in(facts, steered, standings):
        labels = facts.declaration.labels
    entries = _ruled(_tombstoned(kept, plan, facts), steered)
    entries |= _skipped(entries, plan)
    return replace(
        inventory,
        declared=facts.declaration or inventory.declared,
        labels=labels,
        gone=(inventory.gone or facts.now) if facts.declaration is None else None,
        entries=entries,
        intents={key: one for key, one in inventory.intents.items() if key not in over},
        cleared=budget.clearance(plan, facts, entries.values()),
    )


def effects(
    plan: Plan, verdict: Verdict, facts: Facts, standings: Sequence[Standing]
) -> tuple[Effect, ...]:
    """The writes of this pass, in order; the inventory first wherever a crash would need it."""
    writes = tuple(_writes(plan, verdict, facts))
    deletions = tuple(_deletions(plan, verdict, facts))
    if not writes and not deletions:
        return ()
    known = bookkeeping(plan, facts, standings)
    intended = _intended(writes, known)
    intents = _replaced(writes)
    attempted = (
        plan.commit
        if any(not (repairs(step) or step.restores) for step in writes)
        else known.attempted
    )
    remembered = replace(
        known,
        attempted=attempted,
        entries=_ruled({**known.entries, **intended}, aim(facts, standings)),
        intents={**known.intents, **intents},
    )
    replaces = any(step.action is Action.REPLACE for step in writes)
    unsaved = remembered != facts.inventory or not facts.saved
    cleared = known.cleared != facts.inventory.cleared
    must = unsaved and bool(intended or replaces or deletions or cleared)
    first: tuple[Effect, ...] = (Remember(remembered),) if must else ()
    return (*first, *map(_write, writes), *map(_delete, deletions))
