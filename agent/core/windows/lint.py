"""What looks wrong with a schedule although it is valid, as far as time alone can tell.

Never refuses anything: these are findings, and what is invalid was refused when it was read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from agent.core.durations import format_duration
from agent.core.windows.decision import openings
from agent.core.windows.intervals import clip
from agent.core.windows.occurrences import emptied
from agent.core.windows.schedule import MINUTES_PER_DAY, Cron, Effect, Interval, Once
from agent.core.windows.timeline import HORIZON, intervals
from agent.core.windows.zones import instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.windows.schedule import Schedule, Source

SHORTEST: Final = timedelta(minutes=5)
_STRETCH: Final = timedelta(days=32)
_ENOUGH: Final = timedelta(hours=48)
"""Google Kubernetes Engine asks the same of maintenance windows: 48 hours in any 32 days."""
_ORDINALS: Final = re.compile(r"[#/]\d+")


class Code(StrEnum):
    """One word per finding."""

    NUMERIC_WEEKDAY = "NumericWeekday"
    DAY_OR_WEEKDAY = "DayOrWeekday"
    EVERY_MINUTE = "EveryMinute"
    TOO_SHORT = "TooShort"
    NEVER_ACTIVE = "NeverActive"
    ALWAYS_ACTIVE = "AlwaysActive"
    TOO_SCARCE = "TooScarce"
    ONCE_IN_PAST = "OnceInPast"
    LOST_TO_CLOCK_CHANGE = "LostToClockChange"
    SHADOWED = "Shadowed"


def lint(schedule: Schedule, now: datetime) -> tuple[tuple[Code, str], ...]:
    """Findings about one schedule, looking ahead from `now` as far as the horizon."""
    now = now.astimezone(UTC)
    return (
        *(finding for source in schedule.recurring for finding in _cron(source)),
        *(finding for source in _sources(schedule) for finding in _short(source)),
        *_past(schedule, now),
        *_ahead(schedule, now),
    )


def shadowed(
    schedule: Schedule, denies: Sequence[Schedule], now: datetime
) -> tuple[Code, str] | None:
    """Say so where Denies leave nothing of an Allow that would open."""
    end = now + HORIZON
    if not intervals(schedule, now, end) or any(openings((schedule, *denies), now, end)):
        return None
    return Code.SHADOWED, f"whatever it allows is denied for the next {HORIZON.days} days"


def _sources(schedule: Schedule) -> tuple[Source, ...]:
    return (*schedule.recurring, *schedule.once)


def _cron(source: Source) -> Iterator[tuple[Code, str]]:
    if not isinstance(source, Cron):
        return
    minute, _, day, _, weekday = source.expression.split()
    if any(letter.isdigit() for letter in _ORDINALS.sub("", weekday)):
        yield (
            Code.NUMERIC_WEEKDAY,
            f"{source}: numbers of weekdays differ between tools, write names such as MON-FRI",
        )
    if not day.startswith("*") and not weekday.startswith("*"):
        yield (
            Code.DAY_OR_WEEKDAY,
            f"{source}: starts on the day of month or the weekday; an rrule can mean both",
        )
    if minute == "*":
        yield Code.EVERY_MINUTE, f"{source}: starts every minute of the hour, write one minute"


def _short(source: Source) -> Iterator[tuple[Code, str]]:
    lasts = _nominal(source)
    if lasts < SHORTEST:
        yield (
            Code.TOO_SHORT,
            f"{source}: is shorter than {format_duration(SHORTEST)}, a sync may miss it",
        )


def _nominal(source: Source) -> timedelta:
    """How long an occurrence lasts on an ordinary day."""
    match source:
        case Cron():
            return source.duration
        case Once():
            return source.end - source.start
        case _:
            return timedelta(
                minutes=(source.end - source.start) % MINUTES_PER_DAY or MINUTES_PER_DAY
            )


def _past(schedule: Schedule, now: datetime) -> Iterator[tuple[Code, str]]:
    place = ZoneInfo(schedule.zone)
    for once in schedule.once:
        if instant(once.end, place, last=True) <= now:
            yield Code.ONCE_IN_PAST, f"{once}: is over, remove it"


def _ahead(schedule: Schedule, now: datetime) -> Iterator[tuple[Code, str]]:
    end = now + HORIZON
    pieces = intervals(schedule, now, end)
    if pieces == (Interval(now, end),):
        yield Code.ALWAYS_ACTIVE, f"is active without a break for the next {HORIZON.days} days"
    elif not pieces and (schedule.recurring or not schedule.once):
        yield Code.NEVER_ACTIVE, f"is never active in the next {HORIZON.days} days"
    elif schedule.effect is Effect.ALLOW and schedule.recurring:
        yield from _scarce(pieces, _valid(schedule, Interval(now, end)))
    for lost in emptied(schedule, now, end):
        yield Code.LOST_TO_CLOCK_CHANGE, str(lost)


def _valid(schedule: Schedule, bounds: Interval) -> Interval:
    """The part of some bounds in which the schedule is valid."""
    place, start, end = ZoneInfo(schedule.zone), bounds.open, bounds.close
    if day := schedule.valid_from:
        start = max(start, instant(datetime(day.year, day.month, day.day), place))  # noqa: DTZ001
    if day := schedule.valid_until:
        last = datetime(day.year, day.month, day.day) + timedelta(days=1)  # noqa: DTZ001
        end = min(end, instant(last, place))
    return Interval(start, end)


def _scarce(pieces: Sequence[Interval], bounds: Interval) -> Iterator[tuple[Code, str]]:
    """Report the first 32 days with less than 48 hours; the emptiest begin right after a close."""
    for begin in (bounds.open, *(piece.close for piece in pieces)):
        stretch = Interval(begin, begin + _STRETCH)
        if stretch.close > bounds.close:
            return
        total = sum((p.close - p.open for p in clip(pieces, stretch)), timedelta(0))
        if total < _ENOUGH:
            yield (
                Code.TOO_SCARCE,
                f"is active only {format_duration(total)} in 32 days from {begin.date()}, not 48h",
            )
            return
