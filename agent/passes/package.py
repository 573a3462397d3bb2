"""The package pass: look, decide, act, tell, end. It never waits and it never decides itself.

It gets a name and looks at the world, so running it again at any moment is always right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from agent.core.admit import standings
from agent.core.answers import CONFLICT
from agent.core.decide import decide
from agent.core.effects import bookkeeping
from agent.core.inventory import finish, learn
from agent.core.ownership import expected
from agent.core.recognise import recognised
from agent.core.relabel import is_relabelling
from agent.core.report.judge import judge
from agent.core.report.transitions import advance
from agent.core.standing import repairs
from agent.core.target import aim
from agent.core.values import (
    Action,
    Answer,
    Applied,
    Ask,
    Complete,
    Decision,
    Facts,
    Found,
    Inventory,
    Remember,
    Result,
    WasApplied,
    WasDeleted,
    WasRefused,
)
from agent.passes.observe import observe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from agent.core.report.values import Report
    from agent.core.values import Outcome, PackageName
    from agent.passes.ports import Cluster, World, Writer

ROUNDS = 3
"""An answer may raise one more question (is the replacement valid?), and that one no other."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass that ran: what it knew, did and told, and when to come back."""

    result: Result
    report: Report
    inventory: Inventory
    saved: bool
    answers: tuple[Answer, ...]
    over: bool = False
    """The package is gone: its objects, its Package and what was remembered of it."""
    again: bool = False
    """There is more to do at once: the next wave, or a refusal to plan around."""
    wake: datetime | None = None


def consider(facts: Facts, cluster: Cluster) -> tuple[Facts, Decision]:
    """Decide, asking the server what only it can say; the same for everyone who only looks."""
    decision = decide(facts)
    for _ in range(ROUNDS):
        if not decision.questions:
            break
        heard = cluster.ask(facts.declaration, decision.questions)
        facts = replace(facts, answers=(*_superseded(facts.answers, heard), *heard))
        decision = decide(facts)
    return facts, decision


def _superseded(before: Sequence[Answer], heard: Sequence[Answer]) -> tuple[Answer, ...]:
    newer = {(answer.key, answer.ask) for answer in heard}
    return tuple(answer for answer in before if (answer.key, answer.ask) not in newer)


def _answers(decision: Decision, outcomes: Sequence[Outcome]) -> tuple[Answer, ...]:
    """Refusals are facts for the next pass; so is the object that an adoption prepared."""
    digests = {step.key: step.digest for step in decision.plan.steps}
    found = []
    for outcome in outcomes:
        if isinstance(outcome, WasRefused) and not _is_stale(outcome):
            answer = Answer(outcome.key, Ask.APPLY, outcome.digest, outcome.says, outcome.uid)
            found.append(answer)
        elif isinstance(outcome, WasApplied) and not outcome.digest:
            digest, prepared = digests.get(outcome.key, ""), Found(outcome.live)
            found.append(Answer(outcome.key, Ask.READ, digest, prepared))
    return tuple(found)


def _is_stale(outcome: WasRefused) -> bool:
    """The object changed under the write: nothing to remember, the next look tells more."""
    return bool(outcome.uid) and outcome.says.code == CONFLICT


def _remaining(facts: Facts, outcomes: Sequence[Outcome]) -> tuple[Answer, ...]:
    done = {outcome.key for outcome in outcomes if isinstance(outcome, WasApplied)}
    return tuple(answer for answer in facts.answers if answer.key not in done)


def _is_applied(facts: Facts, decision: Decision, outcomes: Sequence[Outcome]) -> bool:
    """Whether nothing of the revision steered for is still to be written.

    A repair that is held was applied once; an object whose upgrades are held was not.
    """
    done = {o.key for o in outcomes if isinstance(o, WasApplied) and o.digest}
    entries = facts.inventory.entries
    left = (
        step
        for step in decision.plan.steps
        if step.action not in {Action.KEEP, Action.PRUNE}
        and not is_relabelling(step)
        and (step.key not in done or step.action is Action.REPLACE)
    )
    applied = all(repairs(s) and entries[s.key].digest == s.digest for s in left)
    return applied and not aim(facts, standings(facts, facts.now)).pinned


def _attempted(decision: Decision, outcomes: Sequence[Outcome]) -> bool:
    """Whether something of the revision was begun, which a cut-off does not stop any more."""
    written = {o.key for o in outcomes if isinstance(o, WasApplied | WasDeleted)}
    news = (s for s in decision.plan.steps if not (repairs(s) or s.restores))
    return any(step.key in written for step in news)


def _digest_of(facts: Facts, commit: str) -> str:
    for rendered in (facts.new, facts.base):
        if isinstance(rendered, Complete) and rendered.commit == commit:
            return rendered.digest
    return ""


def _intended(decision: Decision) -> Inventory | None:
    """What the effects began with: intents and intended objects outlive a failed write."""
    remembered = (one.inventory for one in decision.effects if isinstance(one, Remember))
    return next(remembered, None)


def conclude(facts: Facts, decision: Decision, outcomes: Sequence[Outcome]) -> Inventory:
    """What is to be remembered after the outcomes are known."""
    plan = decision.plan
    known = _intended(decision) or bookkeeping(plan, facts, standings(facts, facts.now))
    desired = {
        one.key: one
        for rendered in (facts.base, facts.new)
        if isinstance(rendered, Complete)
        for one in rendered.objects
    }
    learned = learn(
        known, outcomes, desired, lambda live, one: expected(live, one, facts), facts.now
    )
    learned = recognised(learned, facts, decision, outcomes)
    written = {o.key: o.live for o in outcomes if isinstance(o, WasApplied)}
    learned = finish(learned, {**facts.live, **written}, facts.now)
    if facts.sync_request:
        learned = replace(learned, handled_sync=facts.sync_request)
    if _attempted(decision, outcomes):
        learned = replace(learned, attempted=plan.commit)
    digest = _digest_of(facts, plan.commit)
    if facts.declaration is None or not digest or not _is_applied(facts, decision, outcomes):
        return learned
    return _applied(learned, Applied(plan.commit, digest, facts.declaration))


def _applied(inventory: Inventory, applied: Applied) -> Inventory:
    """Note what is applied; the same content at another commit is nothing new to remember."""
    before = inventory.applied
    if before is not None and before.digest == applied.digest:
        return inventory
    return replace(inventory, applied=applied, attempted=applied.commit)


def _is_over(facts: Facts, inventory: Inventory) -> bool:
    return facts.declaration is None and not inventory.entries and not facts.unrendered


def _again(facts: Facts, decision: Decision, outcomes: Sequence[Outcome]) -> bool:
    """Whether the next pass can do more at once: the next wave, or plan around a refusal."""
    if any(isinstance(one, WasRefused) and not _is_stale(one) for one in outcomes):
        return True
    wrote = any(isinstance(one, WasApplied) for one in outcomes)
    deletes = any(step.action is Action.PRUNE for step in decision.verdict.admitted)
    return wrote and (deletes or not _is_applied(facts, decision, outcomes))


def sync(
    name: PackageName, world: World, writer: Writer, clock: Callable[[], datetime]
) -> Passed | None:
    """Run one pass; None while the cluster's watches are not ready for this package."""
    facts = observe(name, world, clock())
    if facts is None:
        return None
    facts, decision = consider(facts, world.cluster)
    outcomes = writer.perform(
        facts.declaration or facts.inventory.declared,
        decision.effects,
        decision.verdict.deadline,
    )
    inventory = conclude(facts, decision, outcomes)
    result = Result(facts, decision, outcomes)
    report = judge(result, inventory)
    inventory = replace(inventory, told=advance(inventory.told, report, clock()))
    return _tell(result, report, inventory, writer)


def _tell(result: Result, report: Report, inventory: Inventory, writer: Writer) -> Passed:
    facts, outcomes = result.facts, result.outcomes
    answers = _answers(result.decision, outcomes)
    if _is_over(facts, inventory):
        if not facts.inventory.told.seq:  # whose beginning nobody was told, has no end to tell
            inventory = replace(inventory, told=facts.inventory.told)
        saved = writer.retire(inventory)
        kept = inventory if saved else _untold(inventory, facts)
        return Passed(result, report, kept, saved=saved, answers=(), over=saved)
    saved = facts.saved and inventory == facts.inventory
    if not saved:
        saved = writer.remember(inventory)
    if not saved:
        inventory = _untold(inventory, facts)
    news = inventory.told.tail[-(inventory.told.seq - facts.inventory.told.seq) :]
    fresh = news if inventory.told.seq > facts.inventory.told.seq else ()
    writer.tell(facts.declaration, report, inventory, fresh)
    return Passed(
        result,
        report,
        inventory,
        saved,
        (*_superseded(_remaining(facts, outcomes), answers), *answers),
        again=_again(facts, result.decision, outcomes),
        wake=_wake(report, facts.now),
    )


def _untold(inventory: Inventory, facts: Facts) -> Inventory:
    """Tell no transition that is not remembered: after a restart its number would come again."""
    return replace(inventory, told=facts.inventory.told)


def _wake(report: Report, now: datetime) -> datetime | None:
    """A gate's edge, but never the instant at hand: time has to pass for an answer to change."""
    soonest = now + timedelta(milliseconds=1)
    return max(report.next, soonest) if report.next else None
