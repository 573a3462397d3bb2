"""A plan as a table, a pass as a three-way diff: text, Markdown and JSON, Secrets masked.

Never names what stays as it is, and never hides that a Secret changes. A diff masks what it shows;
a plan has no values, but sentences of others: it passes the redactor like everything that leaves.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.relabel import is_relabelling
from agent.core.report.text import escaped, table
from agent.core.report.words import plain
from agent.core.target import newest
from agent.core.values import ABSENT, Action, Cause, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.core.redact import Redactor
    from agent.core.values import Change, Hold, Key, Plan, Result, Step, Verdict

PLAN_SCHEMA: Final = "tidegate.plan/v1"
DIFF_SCHEMA: Final = "tidegate.diff/v1"
MARGIN: Final[Mapping[Cause, str]] = {
    Cause.GIT: "G",
    Cause.DRIFT: "L",
    Cause.GONE: "L",
    Cause.CONFLICT: "B",
    Cause.ADOPT: "A",
    Cause.MOVE: "M",
    Cause.ASLEEP: "S",
}
"""Where a difference comes from: Git, live, both; adopted, moved, asleep."""
LEGEND: Final = "G changed in Git · L changed live · B both · A adopted · M moved"

_SIGNS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.PRUNE: "-",
    Action.KEEP: "=",
}
_VERBS: Final = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.REPLACE: "replace",
    Action.PRUNE: "delete",
    Action.KEEP: "keep",
}
_LONGEST: Final = 160
"""Characters of one value in a line."""
_SHORT: Final = 12


def has_changes(plan: Plan) -> bool:
    """Whether there is anything the agent would do, now or later: exit code 1 of plan and diff."""
    return bool(plan.held_commit) or any(
        step.action is not Action.KEEP or step.notice is not None for step in plan.steps
    )


def _shown(plan: Plan) -> Iterator[Step]:
    """Steps worth naming: those that do something, and those left undone for a reason."""
    for step in plan.steps:
        if step.action is not Action.KEEP or step.notice or step.reason:
            yield step


def _holds(verdict: Verdict) -> Mapping[Key, Hold]:
    """The first hold of each object, in the order in which the gates were asked."""
    found: dict[Key, Hold] = {}
    for held in verdict.held:
        for key in held.keys:
            found.setdefault(key, held.hold)
    return found


# --- plan --------------------------------------------------------------------------------------


def plan_table(plan: Plan, verdict: Verdict) -> str:
    """Return what would be done, an object per line, and what holds it."""
    holds = _holds(verdict)
    rows = [_plan_row(step, holds.get(step.key)) for step in _shown(plan)]
    wide = max((len(row[1]) for row in rows), default=0)
    lines = [f"{verb:<9} {name:<{wide}}  {why}".rstrip() for verb, name, why in rows]
    return "\n".join([*lines, *_totals(plan, holds)]) + "\n"


def _plan_row(step: Step, hold: Hold | None) -> tuple[str, str, str]:
    return f"{_SIGNS[step.action]} {_VERBS[step.action]}", str(step.key), _why(step, hold)


def _why(step: Step, hold: Hold | None) -> str:
    causes = "+".join(dict.fromkeys(change.cause.value for change in step.changes))
    if hold is not None:
        until = f" until {hold.until.isoformat(timespec='seconds')}" if hold.until else ""
        return plain(f"{causes} {step.says} held by {hold.gate}: {hold.reason}{until}: {hold.says}")
    said = step.notice.says if step.notice else step.says
    return plain(f"{causes}  {step.reason or ''} {said}")


def _totals(plan: Plan, holds: Mapping[Key, Hold]) -> Iterator[str]:
    counts = Counter(step.action for step in plan.steps)
    acting = [action for action in _VERBS if action is not Action.KEEP and counts[action]]
    told = [f"{counts[action]} to {_VERBS[action]}" for action in acting] or ["nothing to do"]
    held = len(holds)
    yield f"{', '.join(told)}; {held} held, {counts[Action.KEEP]} as they are"
    if plan.held_commit:
        yield f"revision {plan.held_commit[:_SHORT]} waits and changes {plan.waiting} more"
    yield f"plan {plan.digest}"


def plan_markdown(plan: Plan, verdict: Verdict, failure: str = "") -> str:
    """Return the plan for a comment: nothing in it can become markup.

    With a failure nobody knows what Git wants, and the plan is about what was applied last.
    """
    holds = _holds(verdict)
    rows = [
        (f"`{verb}`", escaped(name), escaped(why))
        for verb, name, why in (_plan_row(step, holds.get(step.key)) for step in _shown(plan))
    ]
    lines = [f"### {escaped(str(plan.package))}", ""]
    if failure:
        lines += [f"**Git can't be read:** {escaped(plain(failure))}", ""]
    if rows:
        lines += [*table(("Would", "Object", "Why"), rows), ""]
    return "\n".join([*lines, *map(escaped, _totals(plan, holds))]) + "\n"


def plan_document(plan: Plan, verdict: Verdict) -> dict[str, Any]:
    """Return `tidegate.plan/v1`: every step that does something, with its hold."""
    holds = _holds(verdict)
    return {
        "schema": PLAN_SCHEMA,
        "package": str(plan.package),
        "digest": plan.digest,
        "commit": plan.commit,
        "heldCommit": plan.held_commit,
        "waiting": plan.waiting,
        "steps": [_plan_step(step, holds.get(step.key)) for step in _shown(plan)],
        "unchanged": sum(step.action is Action.KEEP for step in plan.steps),
    }


def _plan_step(step: Step, hold: Hold | None) -> dict[str, Any]:
    return {
        **_object(step),
        "causes": list(dict.fromkeys(change.cause.value for change in step.changes)),
        "reason": step.reason.value if step.reason else "",
        "message": step.notice.says if step.notice else step.says,
        "hold": _hold(hold) if hold else None,
    }


def _object(step: Step) -> dict[str, Any]:
    return {"action": step.action.value, **step.key._asdict(), "wave": step.wave}


def _hold(hold: Hold) -> dict[str, Any]:
    until = hold.until.isoformat(timespec="seconds") if hold.until else None
    return {
        "gate": hold.gate,
        "reason": hold.reason.value,
        "message": hold.says,
        "until": until,
    }


# --- diff --------------------------------------------------------------------------------------


def diff_text(result: Result, redactor: Redactor) -> str:
    """Return live → Git for every field that differs, with its origin in the margin.

    Nothing at all where nobody knows what Git wants.
    """
    plan, holds = result.decision.plan, _holds(result.decision.verdict)
    lines = []
    for step in _shown(plan):
        hold = holds.get(step.key)
        held = f", held: {hold.reason}" if hold else ""
        lines.append(f"{step.key} ({_VERBS[step.action]}{held})")
        lines += (f"  {line}" for line in _differences(step, redactor))
    if not lines:
        return "" if isinstance(newest(result.facts), Unknown) else "nothing differs\n"
    return "\n".join([*lines, "", LEGEND]) + "\n"


def _differences(step: Step, redactor: Redactor) -> Iterator[str]:
    for change in redactor.changes(step.changes, step.key.kind, step.key.group):
        yield _line(change)
    if step.action is Action.PRUNE:
        yield "G no longer in Git"
    if step.notice is not None:
        yield plain(f"B kept as it is live: {redactor.text(step.notice.says)}")
    elif step.says and not is_relabelling(step):  # its changes say it
        yield plain(f"{step.reason or ''} {redactor.text(step.says)}")


def _line(change: Change) -> str:
    margin = MARGIN[change.cause]
    by = f"   {plain(change.by)}" if change.by else ""
    if not change.path:
        return f"{margin} {_WHOLE.get(change.cause, 'new in Git')}{by}"
    if change.before is ABSENT and change.after is ABSENT:
        return f"{margin} {change.path}: only the server can tell{by}"
    return f"{margin} {change.path}: {_value(change.before)} → {_value(change.after)}{by}"


_WHOLE: Final = {
    Cause.GONE: "deleted live",
    Cause.ADOPT: "exists already and is adopted",
    Cause.MOVE: "moves here",
}


def _value(value: Any) -> str:
    if value is ABSENT:
        return "(absent)"
    told = plain(orjson.dumps(value, default=dict, option=orjson.OPT_SORT_KEYS).decode())
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def diff_markdown(result: Result, redactor: Redactor) -> str:
    """Return the diff as a code block that nothing in it can end."""
    told = diff_text(result, redactor)
    fence = "`" * max(3, _longest_run(told) + 1)
    return f"{fence}text\n{told}{fence}\n"


def _longest_run(told: str) -> int:
    """Return how many back-ticks follow each other at most."""
    runs = "".join(sign if sign == "`" else " " for sign in told).split()
    return max(map(len, runs), default=0)


def diff_document(result: Result, redactor: Redactor) -> dict[str, Any]:
    """Return `tidegate.diff/v1`; a side where the field is absent has no key."""
    plan, holds = result.decision.plan, _holds(result.decision.verdict)
    return {
        "schema": DIFF_SCHEMA,
        "package": str(plan.package),
        "commit": plan.commit,
        "objects": [
            {
                **_plan_step(step, holds.get(step.key)),
                "changes": [
                    _change(change)
                    for change in redactor.changes(step.changes, step.key.kind, step.key.group)
                ],
            }
            for step in _shown(plan)
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after}
    kept = {name: value for name, value in sides.items() if value is not ABSENT}
    return {"path": change.path, "cause": change.cause.value, "by": change.by, **kept}
