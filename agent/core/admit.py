"""All gates → one verdict; the third place where "not now" is decided.

Every gate is asked, and every reason is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core.gates import budget, dependencies, history, policies, suspension, windows
from agent.core.standing import rule
from agent.core.values import Action, Held, Standing, Step, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from agent.core.values import Facts, Plan, Ruling

GATES: Final = (
    policies.judge,
    suspension.judge,
    windows.judge,
    dependencies.judge,
    history.judge,
    budget.judge,
)


def standings(facts: Facts, at: datetime) -> tuple[Standing, ...]:
    """Suspensions and closed windows in force, before any step is known."""
    return (
        *suspension.standings(facts, at),
        *windows.standings(facts, at),
        *facts.inherited,
    )


def _refusals(steps: Iterable[Step]) -> Iterator[Held]:
    """What planning itself refuses, one Held for each distinct reason."""
    for step in steps:
        if step.refusal is not None:
            yield Held(step.refusal, frozenset({step.key}))
        if step.notice is not None:
            yield Held(step.notice)


def _earliest(instants: Iterable[datetime | None]) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)


def admit(plan: Plan, facts: Facts, at: datetime) -> Verdict:
    """Ask every gate; admit the steps that none of them and no refusal holds.

    `next` is the earliest instant after `at` at which the answer may change, `deadline` the
    instant at which writing has to stop.
    """
    rulings: list[Ruling] = [judge(plan, facts, at) for judge in GATES]
    held = (
        *(held for ruling in rulings for held in ruling.held),
        *rule(facts.inherited, plan),
        *_refusals(plan.steps),
    )
    blocked = frozenset(key for one in held for key in one.keys)
    admitted = tuple(
        step for step in plan.steps if step.action is not Action.KEEP and step.key not in blocked
    )
    untils = (one.hold.until for one in held if one.hold.until and one.hold.until > at)
    return Verdict(
        admitted,
        held,
        _earliest(ruling.deadline for ruling in rulings),
        _earliest([*(ruling.next for ruling in rulings), *untils]),
    )
