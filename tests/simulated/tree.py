"""A decision as an indented text tree, to be compared whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agent.core import ownership
from agent.core.values import (
    ABSENT,
    Adopt,
    Apply,
    Change,
    Complete,
    Decision,
    Delete,
    Effect,
    Facts,
    Held,
    Hold,
    Remember,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


def tree(facts: Facts, decision: Decision) -> str:
    """Print steps, holds and effects, and when the answer may change."""
    verdict = decision.verdict
    lines = ["steps"]
    for step in decision.plan.steps:
        lines += (f"  {line}" for line in _step(step, facts))
    if decision.plan.held_commit:
        lines.append(f"held revision: {decision.plan.waiting} objects wait")
    if holds := [line for held in verdict.held for line in _held(held)]:
        lines += ["holds", *(f"  {line}" for line in holds)]
    if decision.effects:
        lines += ["effects", *(f"  {_effect(each, facts)}" for each in decision.effects)]
    if decision.questions:
        lines += ["questions", *(f"  {each.ask} {each.key}" for each in decision.questions)]
    lines += (f"{name} {_time(at)}" for name, at in _instants(decision) if at)
    return "\n".join(lines) + "\n"


def _instants(decision: Decision) -> tuple[tuple[str, datetime | None], ...]:
    return ("deadline", decision.verdict.deadline), ("next", decision.verdict.next)


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def _step(step: Step, facts: Facts) -> Iterator[str]:
    said = ": ".join(text for text in (step.reason, step.says) if text)
    yield (
        f"{step.action} {step.key}"
        + (f" ({said})" if said else "")
        + (" — put back" if step.restores else "")
    )
    for change in step.changes:
        if line := _change(change):
            yield f"  {line}"
    yield from (f"  {line}" for line in _carried(step, facts))
    if step.fold:
        yield f"  folds {', '.join(step.fold)}"
    for word, hold in (("refused", step.refusal), ("withheld", step.notice)):
        if hold is not None:
            yield f"  {word}: {_hold(hold)}"


def _change(change: Change) -> str:
    by = f" by {change.by.partition(' ')[0]}" if change.by else ""
    if not change.path:
        return f"{change.cause}{by}"
    return f"{change.cause} {change.path}: {_json(change.before)} → {_json(change.after)}{by}"


def _json(value: Any) -> str:
    return "absent" if value is ABSENT else json.dumps(value, sort_keys=True)


def _carried(step: Step, facts: Facts) -> Iterator[str]:
    """Name what the body says besides, or instead of, what Git wants."""
    wanted = _wanted(step, facts)
    if step.body is None or wanted is None:
        return
    body, git = dict(_leaves(step.body)), dict(_leaves(wanted))
    for path in sorted(body.keys() | git.keys()):
        mine, theirs = body.get(path, ABSENT), git.get(path, ABSENT)
        if mine != theirs:
            yield f"carries {path}: {_json(mine)}"


def _wanted(step: Step, facts: Facts) -> Mapping[str, Any] | None:
    for render in (facts.new, facts.base):
        for one in render.objects if isinstance(render, Complete) else ():
            if (one.key, one.digest) == (step.key, step.digest):
                return ownership.wanted(one, facts)
    return None


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else name)
    else:
        yield path, value


def _hold(hold: Hold) -> str:
    until = f" until {_time(hold.until)}" if hold.until else ""
    return f"{hold.gate} {hold.reason}{until}: {hold.says}"


def _held(held: Held) -> Iterator[str]:
    yield _hold(held.hold)
    yield from (f"  {key}" for key in sorted(held.keys))


def _effect(effect: Effect, facts: Facts) -> str:
    match effect:
        case Remember():
            return "remember" + "".join(f", {line}" for line in _news(effect, facts))
        case Apply():
            how = "update" if effect.uid else "create"
            return f"{how} {effect.key}" + (" at the version seen" if effect.version else "")
        case Adopt():
            return f"fold {effect.key}: {', '.join(effect.managers)}"
        case Delete():
            return f"delete {effect.key} ({effect.propagation})"


def _news(effect: Remember, facts: Facts) -> Iterator[str]:
    before, after = facts.inventory, effect.inventory
    for key in sorted(after.entries.keys() - before.entries.keys()):
        yield f"intended {key}"
    for key in sorted(before.entries.keys() & after.entries.keys()):
        if before.entries[key].uid and not after.entries[key].uid:
            yield f"made again {key}"
    for key in sorted(before.entries.keys() - after.entries.keys()):
        yield f"forgotten {key}"
    for key in sorted(after.intents.keys() - before.intents.keys()):
        yield f"replacing {key}"
    for key in sorted(after.entries):
        if after.entries[key].tombstone and not before.entries[key].tombstone:
            yield f"unwanted {key}"
    if after.attempted != before.attempted:
        yield "attempted the newest revision"
