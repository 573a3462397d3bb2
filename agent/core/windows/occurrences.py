"""A schedule's occurrences: single stretches of UTC, each of them belonging to one local day.

Overlaps are left as they are; nothing is merged and no calendar subtracted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, assert_never
from zoneinfo import ZoneInfo

from agent.core.windows.recurrence import DAY, cron_runs, rule_days, rule_starts
from agent.core.windows.schedule import (
    MINUTES_PER_DAY,
    Cron,
    Effect,
    Emptied,
    Interval,
    Once,
    Rule,
    Span,
)
from agent.core.windows.zones import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from agent.core.windows.schedule import (
        Calendar,
        CalendarEvent,
        Recurring,
        Schedule,
        Source,
    )

_LONGEST_WALL: Final = timedelta(days=3)
"""More than any from-to lasts: a day, and a whole day that the date line adds."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One stretch of a schedule; without duration where a clock change emptied it."""

    source: Source
    day: date
    open: datetime
    close: datetime


def occurrences(schedule: Schedule, start: datetime, end: datetime) -> Iterator[Occurrence]:
    """Yield all that touch `[start, end)`, and some near it, in no particular order."""
    place = ZoneInfo(schedule.zone)
    for source in schedule.recurring:
        days = _valid(schedule, _days(start - _reach(source), end))
        for found in _recurring(schedule, source, place, days):
            if found.day not in schedule.except_dates:
                yield found
    for once in schedule.once:
        day = once.start.date()
        if _valid(schedule, (day, day)) == (day, day) and day not in schedule.except_dates:
            yield _once(schedule, once, place)


def emptied(schedule: Schedule, start: datetime, end: datetime) -> tuple[Emptied, ...]:
    """Occurrences between two instants that a clock change leaves without any duration."""
    return tuple(
        Emptied(found.source, found.day)
        for found in occurrences(schedule, start, end)
        if found.close <= found.open and start <= found.open < end
    )


def excepted(schedule: Schedule, start: datetime, end: datetime) -> Iterator[Interval]:
    """Yield the stretches that calendars take away, as far as they touch `[start, end)`."""
    # What is taken from an Allow closes, what is taken from a Deny opens.
    effect = Effect.ALLOW if schedule.effect is Effect.DENY else Effect.DENY
    for calendar in schedule.except_calendars:
        yield from _stretches(calendar, effect, schedule.zone, start, end)


def _days(start: datetime, end: datetime) -> tuple[date, date]:
    """First and last local day, in any zone, of the instants between."""
    return start.date() - DAY, end.date() + DAY


def _reach(source: Recurring) -> timedelta:
    """How long before an instant an occurrence may have begun and still last."""
    return source.duration if isinstance(source, Cron) else _LONGEST_WALL


def _valid(schedule: Schedule, days: tuple[date, date]) -> tuple[date, date]:
    """The part of a range of days in which the schedule is valid; empty where first > last."""
    first, last = days
    return max(first, schedule.valid_from or first), min(last, schedule.valid_until or last)


def _recurring(
    schedule: Schedule, source: Recurring, place: ZoneInfo, days: tuple[date, date]
) -> Iterator[Occurrence]:
    match source:
        case Cron():
            for day in _each(days):
                for run in cron_runs(source, place, day):
                    yield Occurrence(source, day, *run)
        case Span():
            chosen = (day for day in _each(days) if day.weekday() in source.days)
            yield from _from_to(schedule.effect, source, place, chosen)
        case Rule():
            ruled = rule_days(source.text, schedule.valid_from, *days)
            yield from _from_to(schedule.effect, source, place, ruled)
        case _:
            assert_never(source)


def _each(days: tuple[date, date]) -> Iterator[date]:
    first, last = days
    return (first + n * DAY for n in range((last - first).days + 1))


def _from_to(
    effect: Effect, source: Span | Rule, place: ZoneInfo, days: Iterable[date]
) -> Iterator[Occurrence]:
    lasts = source.end - source.start
    end = source.end if lasts > 0 else source.end + MINUTES_PER_DAY
    for day in days:
        midnight = datetime.combine(day, time())
        start = midnight + timedelta(minutes=source.start)
        stop = midnight + timedelta(minutes=end)
        yield Occurrence(source, day, *_stretch(effect, start, stop, place))


def _once(schedule: Schedule, once: Once, place: ZoneInfo) -> Occurrence:
    stretch = _stretch(schedule.effect, once.start, once.end, place)
    return Occurrence(once, once.start.date(), *stretch)


def _stretch(
    effect: Effect, start: datetime, end: datetime, place: ZoneInfo
) -> tuple[datetime, datetime]:
    """Where the clocks show an end twice, doubt means closed: Allow ends early, Deny late."""
    return instant(start, place), instant(end, place, last=effect is Effect.DENY)


# --- calendars ---------------------------------------------------------------------------------


@lru_cache(maxsize=256)  # many windows share one file of holidays
def _stretches(
    calendar: Calendar, effect: Effect, zone: str, start: datetime, end: datetime
) -> tuple[Interval, ...]:
    found: list[Interval] = []
    for event in calendar.events:
        lasts = event.end - event.start
        place = ZoneInfo(event.zone or zone)
        begins = _event_starts(event, *_days(start - lasts - _LONGEST_WALL, end))
        found.extend(Interval(*_stretch(effect, one, one + lasts, place)) for one in begins)
    return tuple(found)


def _event_starts(event: CalendarEvent, first: date, last: date) -> Iterator[datetime]:
    starts = {event.start, *event.added}
    if event.rule:
        starts.update(rule_starts(event.rule, event.start, first, last))
    return (
        start for start in sorted(starts - set(event.excluded)) if first <= start.date() <= last
    )
