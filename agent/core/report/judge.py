"""Result → Report: one word for what a package is doing, why, since what, until when.

Never looks further than the pass and its inventory, and never invents a change of state.

The first line that is true gives the state (PRECEDENCE below is this table as code):

| state       | when                                                                              |
|-------------|-----------------------------------------------------------------------------------|
| Deleting    | Git no longer declares the package; DeletionHeld while something holds that       |
| Suspended   | a suspension keeps new revisions of the whole package out, whatever else is true; |
|             | one of prunes, repairs or Jobs alone only while it holds something                |
| Failed      | the newest revision can't be read; the server refuses; an object failed, or was   |
|             | not healthy in time                                                               |
| Interrupted | a window closed while a revision was half applied                                 |
| Waiting     | a gate, or planning itself, holds something that is new                           |
| Drifted     | all that is held are repairs of live edits, or a conflict is kept as it is        |
| Progressing | something is still to be written, or not healthy yet                              |
| Unknown     | the set of packages can't be read, and this one is not in what could be           |
| Synced      | none of these                                                                     |
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.core import prune
from agent.core.gates import windows
from agent.core.immutable import is_job
from agent.core.report.conditions import conditions
from agent.core.report.situation import Situation, is_half_applied, situation, suspensions
from agent.core.report.values import Report
from agent.core.report.words import count
from agent.core.standing import repairs
from agent.core.values import HealthStatus, Reason, State, WasApplied, WasDeleted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from agent.core.values import Health, Hold, Inventory, Key, PackageName, Result, Step

HEALTH_TIMEOUT: Final = timedelta(minutes=10)
SHORT: Final = 12
"""Characters of a commit id that people are shown."""
_NAMED: Final = 3
"""Objects that a message names before it counts."""


class Word(NamedTuple):
    """A state with its reason and a sentence."""

    state: State
    reason: Reason
    message: str


def judge(result: Result, inventory: Inventory) -> Report:
    """Say how a package is after a pass; `inventory` is what is remembered after the outcomes."""
    now = situation(result, inventory)
    word = next(word for look in PRECEDENCE if (word := look(now)) is not None)
    holds = _holds(now)
    cause, actor = _cause(now, word)
    plan = result.decision.plan
    return Report(
        package=result.facts.package,
        state=word.state,
        reason=word.reason,
        message=word.message,
        is_ready=word.state is State.SYNCED,
        is_healthy=not now.unwell and not now.failed_jobs,
        conditions=conditions(now, word.state, word.reason, word.message),
        holds=holds,
        observed=result.facts.new.commit,
        attempted=inventory.attempted,
        applied=inventory.applied.commit if inventory.applied else "",
        plan_digest=plan.digest if now.pending or now.waiting else "",
        drift=len(now.drifted),
        objects=len(inventory.entries),
        waiting=len(now.waiting) + plan.waiting,
        next=_next(now, word),
        cause=cause,
        actor=actor,
        wrote=now.wrote,
    )


def unseen(package: PackageName, observed: str = "") -> Report:
    """Report a package before the first look at it."""
    return Report(
        package,
        State.PENDING,
        Reason.PROGRESSING,
        "it was not looked at yet",
        is_ready=False,
        is_healthy=False,
        observed=observed,
    )


# --- the words, in the order of the table ------------------------------------------------------


def _deleting(now: Situation) -> Word | None:
    if now.result.facts.declaration is not None:
        return None
    entries, waits = len(now.inventory.entries), now.waits
    gates = [hold for hold in waits if hold.gate != prune.GATE]
    if gates:
        says = f"left Git, and its deletion is held: {gates[0].says}"
        return Word(State.DELETING, Reason.DELETION_HELD, says)
    if waits:
        return Word(State.DELETING, Reason.PRUNE_HELD, f"left Git: {waits[0].says}")
    says = f"left Git; {count(entries, 'object')} to delete" if entries else "left Git; all gone"
    return Word(State.DELETING, Reason.PROGRESSING, says)


def _suspended(now: Situation) -> Word | None:
    effective = (*now.stopped, *(hold for hold in now.whole if hold in now.waits))
    first = next(iter(suspensions(effective)), None)
    if first is None:
        return None
    return Word(State.SUSPENDED, first.reason, _with_waiting(first, now))


def _unreadable(now: Situation) -> Word | None:
    failure = now.failure
    if failure is None or failure.reason is Reason.SET_UNKNOWN:
        return None
    said = not failure.origin.path or failure.says.startswith(failure.origin.path)
    where = "" if said else f"{failure.origin}: "
    return Word(State.FAILED, failure.reason, f"{where}{failure.says}")


def _refused(now: Situation) -> Word | None:
    if not now.refused:
        return None
    more = f" (and {len(now.refused) - 1} more)" if len(now.refused) > 1 else ""
    return Word(State.FAILED, now.refused[0].reason, now.refused[0].says + more)


def _unhealthy(now: Situation) -> Word | None:
    failed = {k: h for k, h in now.unwell.items() if h.status is HealthStatus.FAILED}
    jobs = [key for key in failed if is_job(key)]
    if now.failed_jobs:
        step = now.failed_jobs[0]
        return Word(State.FAILED, Reason.JOB_FAILED, f"{step.key}: {step.says}")
    if jobs:
        return Word(State.FAILED, Reason.JOB_FAILED, f"{jobs[0]}: {failed[jobs[0]].says}")
    return Word(State.FAILED, Reason.UNHEALTHY, _said(failed)) if failed else None


def _timed_out(now: Situation) -> Word | None:
    facts, told = now.result.facts, now.result.facts.inventory.told
    if not now.unwell or now.wrote:
        return None
    since, limit = told.since or facts.now, _timeout(now)
    late = told.state == State.PROGRESSING and facts.now >= since + limit
    still = (told.state, told.reason) == (State.FAILED, Reason.HEALTH_TIMEOUT)
    if not late and not still:
        return None
    says = f"not healthy after {int(limit.total_seconds())} s: {_said(now.unwell)}"
    return Word(State.FAILED, Reason.HEALTH_TIMEOUT, says)


def _interrupted(now: Situation) -> Word | None:
    first = next(iter(now.waits), None)
    if first is None or first.gate != windows.GATE or now.repairs_only or not is_half_applied(now):
        return None
    commit = now.result.facts.new.commit
    says = f"the sync of {commit[:SHORT]} is half done: {first.says}"
    return Word(State.INTERRUPTED, Reason.INTERRUPTED, says)


def _waiting(now: Situation) -> Word | None:
    if not now.waits or now.repairs_only:
        return None
    first = now.waits[0]
    return Word(State.WAITING, first.reason, _with_waiting(first, now))


def _drifted(now: Situation) -> Word | None:
    if not now.waits:
        return None
    first = now.waits[0]
    says = f"{count(len(now.drifted), 'object')} changed live: {first.says}"
    return Word(State.DRIFTED, first.reason, says)


def _progressing(now: Situation) -> Word | None:
    says = []
    if now.pending:
        says.append(f"{count(len(now.pending), 'object')} still to be applied")
    if now.unwell:
        says.append(f"not healthy yet: {_said(now.unwell)}")
    if now.leaving:
        says.append(f"being deleted: {_named(now.leaving)}")
    return Word(State.PROGRESSING, Reason.PROGRESSING, "; ".join(says)) if says else None


def _unknown(now: Situation) -> Word | None:
    failure = now.failure
    return Word(State.UNKNOWN, failure.reason, failure.says) if failure else None


def _synced(now: Situation) -> Word:
    applied = now.inventory.applied
    at = f" at {applied.commit[:SHORT]}" if applied else ""
    objects = count(len(now.inventory.entries), "object")
    if now.skipped:
        says = f"{now.skipped[0].key}: {now.skipped[0].says}"
        return Word(State.SYNCED, Reason.JOB_SKIPPED, says)
    return Word(State.SYNCED, Reason.SYNCED, f"{objects} as in Git{at}")


PRECEDENCE: Final[tuple[Callable[[Situation], Word | None], ...]] = (
    _deleting,
    _suspended,
    _unreadable,
    _refused,
    _unhealthy,
    _timed_out,
    _interrupted,
    _waiting,
    _drifted,
    _progressing,
    _unknown,
    _synced,
)


# --- sentences ---------------------------------------------------------------------------------


def _named(keys: Iterable[Key]) -> str:
    names = [str(key) for key in keys]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(sorted(names)[:_NAMED]) + more


def _said(unwell: Mapping[Key, Health]) -> str:
    """The first object with the sentence of its health, and how many more there are."""
    key, health = next(iter(unwell.items()))
    more = f" (and {len(unwell) - 1} more)" if len(unwell) > 1 else ""
    return f"{key}: {health.says or health.status}{more}"


def _with_waiting(hold: Hold, now: Situation) -> str:
    number = len(now.waiting) + now.result.decision.plan.waiting
    waits = "wait" if number != 1 else "waits"
    return f"{hold.says}; {count(number, 'object')} {waits}" if number else hold.says


# --- holds, times, causes ----------------------------------------------------------------------


def _holds(now: Situation) -> tuple[Hold, ...]:
    held = now.result.decision.verdict.held
    part = (one.hold for one in held if not one.whole)
    return tuple(dict.fromkeys((*now.whole, *part)))


def _timeout(now: Situation) -> timedelta:
    package = now.result.facts.declaration or now.inventory.declared
    return (package and package.health_timeout) or HEALTH_TIMEOUT


def _next(now: Situation, word: Word) -> datetime | None:
    edges, facts = [now.result.decision.verdict.next, now.grace], now.result.facts
    edge = min((each for each in edges if each is not None), default=None)
    if word.state is not State.PROGRESSING or not now.unwell:
        return edge
    told = facts.inventory.told
    counts = told.state == State.PROGRESSING and not now.wrote
    since = (told.since if counts else None) or facts.now
    end = since + _timeout(now)
    return min(edge, end) if edge else end


def _cause(now: Situation, word: Word) -> tuple[str, str]:
    """What brought this about, and who: a hold, a commit, or a live edit that was undone."""
    held = now.waits if word.state in {State.WAITING, State.DRIFTED, State.INTERRUPTED} else ()
    holds = suspensions(now.whole) if word.state is State.SUSPENDED else held
    if holds:
        hold = holds[0]
        return f"{hold.gate} {hold.origin}".removesuffix(" unknown"), _who(hold)
    written = {o.key for o in now.result.outcomes if isinstance(o, WasApplied | WasDeleted)}
    steps = [step for step in now.result.decision.plan.steps if step.key in written]
    if steps and all(repairs(step) for step in steps):
        return f"live edit of {_named(step.key for step in steps)}", _editor(steps)
    if now.failure is not None:
        return _commit(now.result.facts.new.commit), now.failure.origin.author
    return _commit(now.result.facts.new.commit), _author(now, steps)


def _who(hold: Hold) -> str:
    return hold.by or hold.origin.author


def _commit(commit: str) -> str:
    return f"commit {commit[:SHORT]}" if commit else ""


def _editor(steps: Sequence[Step]) -> str:
    return next((change.by for step in steps for change in step.changes if change.by), "")


def _author(now: Situation, steps: Sequence[Step]) -> str:
    """Who last changed the file of an object that was written, or else the declaration."""
    facts = now.result.facts
    written = {step.key for step in steps}
    objects = getattr(facts.new, "objects", ())
    authors = (one.origin.author for one in objects if one.key in written and one.origin.author)
    declared = facts.declaration.origin.author if facts.declaration else ""
    return next(authors, declared)
