"""A pass and its outcomes → what matters for telling: held, pending, drifted, unwell.

Counts and sorts, but never finds the word for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.core import admit, answers, immutable, relabel
from agent.core.gates import history, suspension
from agent.core.grace import ends, health_of
from agent.core.standing import REPAIRS, graded
from agent.core.target import newest
from agent.core.values import (
    Action,
    Cause,
    Complete,
    Grade,
    GroupKind,
    Health,
    HealthStatus,
    Reason,
    Unknown,
    WasApplied,
    WasDeleted,
    WasRefused,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from agent.core.values import Held, Hold, Inventory, Key, Live, Result, Step

SERVER: Final = "server"
"""The gate that `agent.core.answers` names for what the API server refused."""
DIFFERING: Final = REPAIRS | {Cause.CONFLICT}
_CRD: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")


@dataclass(frozen=True, slots=True)
class Situation:
    """One package after a pass."""

    result: Result
    inventory: Inventory
    failure: Unknown | None
    """Why nobody can say what the newest revision wants."""
    whole: tuple[Hold, ...]
    """Holds over the whole package, whether or not they hold something now."""
    stopped: tuple[Hold, ...]
    """Those of them under which no new revision comes in."""
    waits: tuple[Hold, ...]
    """Holds because of which something is not done, in the order in which the gates were asked."""
    waiting: frozenset[Key]
    """Objects whose steps are held."""
    refused: tuple[Hold, ...]
    """What the server says no to, so that asking again is of no use."""
    pending: frozenset[Key]
    """Objects with steps that nothing holds, and that are not done yet."""
    leaving: frozenset[Key]
    """Objects that are being deleted, by us or by somebody else."""
    drifted: frozenset[Key]
    unwell: Mapping[Key, Health]
    """Objects of ours that are not Current, or are missing."""
    grace: datetime | None
    """When the first of them counts as Current although its controller never answered."""
    failed_jobs: tuple[Step, ...]
    """Jobs that failed and were removed since."""
    skipped: tuple[Step, ...]
    wrote: bool

    @property
    def repairs_only(self) -> bool:
        """Whether what is held would only undo what others did: nothing of Git waits."""
        plan = self.result.decision.plan
        steps = [step for step in plan.steps if step.key in self.waiting]
        return not plan.held_commit and all(differs(step) and not _is_news(step) for step in steps)


def differs(step: Step) -> bool:
    """Whether the live object is not as it was applied."""
    return step.notice is not None or any(change.cause in DIFFERING for change in step.changes)


def _is_news(step: Step) -> bool:
    causes = {change.cause for change in step.changes}
    return step.action in {Action.PRUNE, Action.REPLACE} or not causes <= DIFFERING


def situation(result: Result, inventory: Inventory) -> Situation:
    """Sort out a pass, given what is remembered after it."""
    done = frozenset(_done(result, inventory))
    held = [one for one in result.decision.verdict.held if one.hold.gate != SERVER]
    waiting = frozenset(key for one in held for key in one.keys)
    refused = tuple(_refused(result))
    plan = result.decision.plan
    idle = {step.key for step in plan.steps if step.action is Action.KEEP}
    stuck = {step.key for step in plan.steps if _is_refused(step, result)}
    stuck |= {one.key for one in result.outcomes if isinstance(one, WasRefused) and _final(one)}
    leaving = frozenset(_leaving(result, inventory))
    new = newest(result.facts)
    unwell = dict(_unwell(result, inventory, leaving, done))
    return Situation(
        result,
        inventory,
        failure=new if isinstance(new, Unknown) else None,
        whole=tuple(one.hold for one in held if one.whole),
        stopped=tuple(one.hold for one in held if one.whole and one.stops),
        waits=tuple(_waits(result, held)),
        waiting=waiting,
        refused=refused,
        pending=frozenset(s.key for s in plan.steps) - idle - done - waiting - stuck - leaving,
        leaving=leaving,
        drifted=frozenset(
            s.key for s in plan.steps if s.notice or (differs(s) and s.key not in done)
        ),
        unwell=unwell,
        grace=min(_graces(result, unwell), default=None),
        failed_jobs=tuple(step for step in plan.steps if step.reason is Reason.JOB_FAILED),
        skipped=tuple(step for step in plan.steps if step.reason is Reason.JOB_SKIPPED),
        wrote=any(isinstance(one, WasApplied | WasDeleted) for one in result.outcomes),
    )


def _done(result: Result, inventory: Inventory) -> Iterator[Key]:
    """Objects that are as wanted now: an adoption or a deletion to replace is half of it."""
    if relabel.is_let_in(result.facts, inventory):
        yield relabel.key_of(result.facts.package)
    applied = {o.key for o in result.outcomes if isinstance(o, WasApplied) and o.digest}
    for step in result.decision.plan.steps:
        if step.key in applied and step.action is not Action.REPLACE:
            yield step.key


# --- what does not go on -----------------------------------------------------------------------


def _waits(result: Result, held: list[Held]) -> Iterator[Hold]:
    """Holds with an effect: on steps, on fields of one, or on a whole newer revision."""
    upgrades = _holds_revision(result, held)
    notices = [step.notice for step in result.decision.plan.steps]
    for one in held:
        if one.keys or one.hold == upgrades or (not one.whole and one.hold in notices):
            yield one.hold


def _holds_revision(result: Result, held: list[Held]) -> Hold | None:
    """What keeps a newer revision waiting as a whole, so that no single step is held."""
    if not result.decision.plan.held_commit:
        return None
    facts = result.facts
    standing = graded(admit.standings(facts, facts.now), Grade.UPGRADES)
    if standing is not None:
        return standing.hold
    whole = (one.hold for one in held if one.whole)
    return history.hold(facts, facts.now) or next(whole, None)


def _refused(result: Result) -> Iterator[Hold]:
    for step in result.decision.plan.steps:
        if step.refusal is not None and _is_refused(step, result):
            yield step.refusal
    for outcome in result.outcomes:
        if isinstance(outcome, WasRefused) and _final(outcome):
            hold = answers.failed(outcome.key, outcome.says)
            if hold is not None:
                yield hold


def _final(outcome: WasRefused) -> bool:
    """Whether the next pass will not find a way: not a replacement, not somebody else's object."""
    return outcome.says.code != answers.CONFLICT and not immutable.immutable(outcome.says)


def _is_refused(step: Step, result: Result) -> bool:
    held = step.refusal is not None and step.refusal.gate == SERVER
    return held and not _is_awaited(step, result)


def _is_awaited(step: Step, result: Result) -> bool:
    """Whether the kind is not served yet, but a definition of the same package will change that.

    The name of a CustomResourceDefinition is `<plural>.<group>` (apiextensions validation).
    """
    key, kinds = step.key, result.facts.kinds
    if not kinds or GroupKind(key.group, key.kind) in kinds:
        return False
    return any(
        (other.key.group, other.key.kind) == _CRD and other.key.name.endswith(f".{key.group}")
        for other in result.decision.plan.steps
    )


# --- how the objects are -----------------------------------------------------------------------


def _live(result: Result) -> Mapping[Key, Live]:
    applied = {one.key: one.live for one in result.outcomes if isinstance(one, WasApplied)}
    return {**result.facts.live, **applied}


def _leaving(result: Result, inventory: Inventory) -> Iterator[Key]:
    live = result.facts.live
    yield from (one.key for one in result.outcomes if isinstance(one, WasDeleted))
    for step in result.decision.plan.steps:
        found = live.get(step.key)
        ours = step.key in inventory.entries or step.reason is Reason.PROGRESSING
        if step.action is Action.KEEP and found is not None and found.leaving and ours:
            yield step.key


def _unwell(
    result: Result, inventory: Inventory, leaving: frozenset[Key], done: frozenset[Key]
) -> Iterator[tuple[Key, Health]]:
    """Objects of ours that are wanted and not Current, in the order of the plan."""
    live = _live(result)
    package = result.facts.declaration or inventory.declared
    for step in result.decision.plan.steps:
        key, found = step.key, live.get(step.key)
        if key in leaving or not _is_judged(step, inventory):
            continue
        if found is None:
            if key not in done and any(c.cause is Cause.GONE for c in step.changes):
                yield key, Health(HealthStatus.NOT_FOUND, "it was deleted by somebody else")
            continue
        health = health_of(key, found, result.facts, package)
        if health.status is not HealthStatus.CURRENT:
            yield key, health


def _graces(result: Result, unwell: Mapping[Key, Health]) -> Iterator[datetime]:
    live = _live(result)
    for key in unwell.keys() & live.keys():
        if (end := ends(key, live[key], result.facts)) is not None:
            yield end


def _is_judged(step: Step, inventory: Inventory) -> bool:
    """Whether the object's health is ours to tell: remembered, wanted, and there to stay."""
    return (
        step.key in inventory.entries
        and step.key not in inventory.intents
        and step.action not in {Action.PRUNE, Action.REPLACE}
        and bool(step.digest)
        and step.reason is not Reason.JOB_SKIPPED
    )


def is_half_applied(now: Situation) -> bool:
    """Whether some of our objects have the newest content already, and had another before."""
    inventory, facts = now.inventory, now.result.facts
    if not isinstance(facts.new, Complete):
        return False
    if inventory.applied is not None and not isinstance(facts.base, Complete):
        return False
    base = facts.base.objects if isinstance(facts.base, Complete) else ()
    before = {one.key: one.digest for one in base}
    return any(
        (entry := inventory.entries.get(one.key)) is not None
        and entry.digest == one.digest != before.get(one.key, "")
        for one in facts.new.objects
    )


def suspensions(holds: tuple[Hold, ...]) -> tuple[Hold, ...]:
    """Return those of the suspension gate."""
    return tuple(hold for hold in holds if hold.gate == suspension.GATE)
