"""A pass and its report → why a package is (not) syncing, in order of cause, and what to do.

Never judges anew: the report has the word, this puts the reasons around it in order. What comes
out still has to pass the redactor (`Redactor.text`, `Redactor.value`), as everything that leaves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agent.core import words
from agent.core.gates import dependencies, suspension, windows
from agent.core.report.reference import advice
from agent.core.report.words import SYMBOLS, ahead, count, moment, plain
from agent.core.target import newest
from agent.core.values import Action, Complete, Origin, Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, tzinfo

    from agent.core.report.values import Report
    from agent.core.values import Hold, PackageName, Result, Step

SCHEMA: Final = "tidegate.explain/v1"
_SHORT: Final = 7
_SUSPENSION: Final = re.compile(r"Suspension (?P<name>[^ :]+):")
"""How the suspension gate begins what it says of a Suspension object."""
_LISTED: Final = 20
"""Waiting objects that the text names before it counts."""


@dataclass(frozen=True, slots=True)
class Because:
    """One reason, with everything that is known of who said so, where, and until when."""

    reason: Reason
    says: str
    gate: str = ""
    by: str = ""
    origin: Origin = field(default_factory=Origin)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a package is as it is."""

    package: PackageName
    state: State
    reason: Reason
    message: str
    at: datetime
    causes: tuple[Because, ...] = ()
    """What the state comes from; empty for a package that is synced."""
    also: tuple[Because, ...] = ()
    """What else is in force, and may block once the causes are gone."""
    innocent: tuple[str, ...] = ()
    """What was looked at and is not the cause."""
    waiting: tuple[tuple[Action, str, str], ...] = ()
    """Steps that are held: what would be done, to what, and what is to be said of it."""
    revision: str = ""
    """A newer revision that waits as a whole."""
    changes: int = 0
    """How many objects that revision would change."""
    advice: tuple[str, ...] = ()
    next: datetime | None = None


def explain(result: Result, report: Report) -> Explanation:
    """Put the reasons in order: what stops it, what else would, what does not."""
    causes = tuple(_causes(report))
    also = tuple(_because(hold) for hold in report.holds if _because(hold) not in causes)
    plan = result.decision.plan
    return Explanation(
        package=report.package,
        state=report.state,
        reason=report.reason,
        message=report.message,
        at=result.facts.now,
        causes=causes,
        also=also,
        innocent=tuple(_innocent(result, report)),
        waiting=tuple((step.action, str(step.key), step.says) for step in _held(result)),
        revision=plan.held_commit,
        changes=plan.waiting,
        advice=tuple(_advice((*causes, *also), report)),
        next=report.next,
    )


def _causes(report: Report) -> Iterator[Because]:
    if report.state is State.SYNCED:
        return
    found = [hold for hold in report.holds if hold.reason is report.reason]
    if report.reason is Reason.INTERRUPTED:
        found = [hold for hold in report.holds if hold.gate == windows.GATE]
    if not found:
        yield Because(report.reason, report.message)
    yield from map(_because, found)


def _because(hold: Hold) -> Because:
    by = hold.by or hold.origin.author
    return Because(hold.reason, hold.says, hold.gate, by, hold.origin, hold.until)


def _held(result: Result) -> Iterator[Step]:
    keys = {key for one in result.decision.verdict.held for key in one.keys}
    yield from (step for step in result.decision.plan.steps if step.key in keys)


def _innocent(result: Result, report: Report) -> Iterator[str]:
    """What people suspect first, and what is fine."""
    gates = {hold.gate for hold in report.holds}
    reasons = {hold.reason for hold in report.holds}
    facts = result.facts
    if isinstance(newest(facts), Complete):
        yield "Git and the package can be read"
    if suspension.GATE not in gates:
        yield "nothing is suspended"
    if windows.GATE not in gates:
        yield "no window is closed"
    if dependencies.GATE not in gates:
        yield "dependencies are ready"
    if Reason.FORBIDDEN not in reasons:
        yield "permissions are enough"
    if Reason.REPLACEMENT_HELD not in reasons:
        yield "no immutable field is in the way"
    if report.is_healthy:
        yield "its objects are healthy"


def _advice(reasons: Iterable[Because], report: Report) -> Iterator[str]:
    asked = dict.fromkeys(_advised(one, report) for one in reasons)
    yield from (each for each in asked if each)


def _advised(one: Because, report: Report) -> str:
    """What to do about one reason; a suspension is ended where it was written."""
    told = advice(one.reason, str(report.package))
    if one.reason is not Reason.SUSPENDED:
        return told
    ending = "or wait until it ends."
    if one.origin.object == f"Package {report.package}":
        return f"`tidegate resume {report.package} --live`, {ending}"
    if one.origin.object:
        return f"Take {words.SUSPEND} off {one.origin.object}, {ending}"
    if named := _SUSPENSION.match(one.says):
        return f"`tidegate resume Suspension/{named['name']}`, {ending}"
    return told


# --- as text -----------------------------------------------------------------------------------


def text(explanation: Explanation, zone: tzinfo) -> str:
    """Return the explanation for people, times in their zone."""
    lines = [_headline(explanation)]
    for one in explanation.causes:
        lines += _detailed(one, explanation, zone)
    if explanation.also:
        lines.append("Also true (may block after that):")
        lines += (_brief(one, explanation, zone) for one in explanation.also)
    if explanation.innocent:
        lines.append(f"Not the cause: {', '.join(explanation.innocent)}")
    lines += _waiting(explanation)
    if explanation.next:
        lines.append(f"Next change: {_time(explanation.next, explanation, zone)}")
    if explanation.advice:
        lines += ["Do:", *(f"  {each}" for each in explanation.advice)]
    return "\n".join(lines) + "\n"


def _headline(told: Explanation) -> str:
    symbol = SYMBOLS[told.state]
    if told.state is State.SYNCED:
        return f"{symbol} {told.package} is synced: {plain(told.message)}"
    if told.state is State.PROGRESSING:
        return f"{symbol} {told.package} is syncing"
    return f"{symbol} {told.package} is not syncing: {told.state.upper()} ({told.reason})"


def _detailed(one: Because, told: Explanation, zone: tzinfo) -> Iterator[str]:
    yield f"  why     {plain(one.says)}"
    if one.by:
        yield f"  by      {plain(one.by)}"
    where = _where(one.origin)
    if where:
        yield f"  where   {where}"
    if one.gate:
        ends = _time(one.until, told, zone) if one.until else "no end is known"
        yield f"  until   {ends}"


def _brief(one: Because, told: Explanation, zone: tzinfo) -> str:
    ends = f"; until {_time(one.until, told, zone)}" if one.until else ""
    where = _where(one.origin)
    return f"  {one.reason}: {plain(one.says)}{f' [{where}]' if where else ''}{ends}"


def _where(origin: Origin) -> str:
    if origin.object:
        return f"{origin.object}, in the cluster only"
    if not origin.path:
        return ""
    commit = f" (commit {origin.commit[:_SHORT]})" if origin.commit else ""
    return f"{origin}{commit}"


def _time(when: datetime, told: Explanation, zone: tzinfo) -> str:
    return f"{moment(when, zone)} ({ahead(when, told.at)})"


def _waiting(told: Explanation) -> Iterator[str]:
    if told.revision:
        objects = count(told.changes, "object")
        yield f"Waiting: revision {told.revision[:_SHORT]}, which changes {objects}"
    if not told.waiting:
        return
    number = count(len(told.waiting), "object")
    yield f"Waiting: {number} (tidegate diff {told.package})"
    yield from (_waits(*each) for each in told.waiting[:_LISTED])
    if len(told.waiting) > _LISTED:
        yield f"  and {len(told.waiting) - _LISTED} more"


def _waits(action: Action, name: str, says: str) -> str:
    return "  " + plain(f"{action.lower()} {name}{f' ({says})' if says else ''}")


# --- as JSON -----------------------------------------------------------------------------------


def document(told: Explanation) -> dict[str, Any]:
    """Return `tidegate.explain/v1`; every reason has `until`, null where no end is known."""
    return {
        "schema": SCHEMA,
        "package": str(told.package),
        "state": told.state.value,
        "reason": told.reason.value,
        "message": told.message,
        "causes": [_json(one) for one in told.causes],
        "also": [_json(one) for one in told.also],
        "notTheCause": list(told.innocent),
        "waiting": [
            {"action": action.value, "object": name, "message": says}
            for action, name, says in told.waiting
        ],
        "waitingRevision": {"commit": told.revision, "changes": told.changes},
        "advice": list(told.advice),
        "next": _instant(told.next),
    }


def _json(one: Because) -> dict[str, Any]:
    origin = one.origin
    where: dict[str, Any] = {
        "path": origin.path,
        "line": origin.line,
        "commit": origin.commit,
        "author": origin.author,
    }
    return {
        "gate": one.gate,
        "reason": one.reason.value,
        "message": one.says,
        "by": one.by,
        "origin": {"object": origin.object} if origin.object else where,
        "until": _instant(one.until),
    }


def _instant(when: datetime | None) -> str | None:
    return when.isoformat(timespec="seconds") if when else None
