"""Fields fought over: who repairs the same object again and again has to stop and say so.

Three repairs of one object within five minutes are a fight; from then on the pauses double.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from agent.core.standing import repairs
from agent.core.values import Action, Hold, Reason, WasApplied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.core.values import Key, Result, Step

GATE: Final = "contest"
ROUNDS: Final = 3
SPAN: Final = timedelta(minutes=5)
PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
FORGOTTEN: Final = timedelta(hours=2)
"""After this long without a repair a fight is over."""


@dataclass(frozen=True, slots=True)
class Fight:
    """How often one object was repaired lately, and until when it is left alone."""

    times: tuple[datetime, ...] = ()
    by: str = ""
    """Who made the live value that was repaired last."""
    pauses: int = 0
    until: datetime | None = None


def fought(fight: Fight, by: str, at: datetime) -> Fight:
    """Count one more repair; the third within the span begins a pause."""
    if fight.times and at - fight.times[-1] > FORGOTTEN:
        fight = Fight()
    times = (*(time for time in fight.times if at - time <= SPAN), at)
    if len(times) < ROUNDS and not fight.pauses:
        return replace(fight, times=times, by=by)
    pause: timedelta = PAUSE * 2 ** min(fight.pauses, 10)
    return Fight(times, by, fight.pauses + 1, at + min(pause, LONGEST_PAUSE))


def repaired(result: Result) -> Iterator[tuple[Key, str]]:
    """The objects a pass repaired, and whose values it undid."""
    written = {o.key for o in result.outcomes if isinstance(o, WasApplied)}
    for step in result.decision.plan.steps:
        if step.key in written and step.action is Action.UPDATE and repairs(step):
            yield step.key, next((change.by for change in step.changes if change.by), "")


def hold(step: Step, fights: Mapping[Key, Fight], at: datetime) -> Hold | None:
    """Why a repair waits: the same object was repaired too often."""
    fight = fights.get(step.key)
    if fight is None or fight.until is None or at >= fight.until or not repairs(step):
        return None
    paths = ", ".join(change.path for change in step.changes if change.path)
    says = f"{step.key} is contested by {fight.by or 'somebody'}: {paths}"
    return Hold(GATE, Reason.CONTESTED, says, until=fight.until)


def told(steps: Iterable[Step], fights: Mapping[Key, Fight], at: datetime) -> tuple[Step, ...]:
    """The steps, with contested repairs refused for a while."""
    return tuple(
        replace(step, refusal=refusal)
        if step.refusal is None and (refusal := hold(step, fights, at)) is not None
        else step
        for step in steps
    )
