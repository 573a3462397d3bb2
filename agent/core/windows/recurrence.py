"""Cron expressions and RRULEs: what is wrong with one, and on which days it falls.

Never lets an RRULE choose a time of day; that is what from and to are for.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar, cast

from cronsim import CronSim, CronSimError
from dateutil.rrule import rrule, rrulestr

from agent.core.windows.zones import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from agent.core.windows.schedule import Cron

_Time = TypeVar("_Time", datetime, timedelta)

DAY: Final = timedelta(days=1)
_CRON_FIELDS: Final = 5
_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DAY_PARTS: Final = frozenset({"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYEASTER"})
_TIME_PARTS: Final = frozenset({"BYHOUR", "BYMINUTE", "BYSECOND"})
_INTERVAL: Final = re.compile(r"[1-9]\d{0,2}")
_UNTIL_DATE: Final = re.compile(r"\d{8}")


# --- cron --------------------------------------------------------------------------------------


def cron_problem(expression: str) -> str | None:
    """Say what is wrong with a cron expression, or None."""
    if len(expression.split()) != _CRON_FIELDS:
        return (
            f"cron {expression!r} needs five fields: minute, hour, day of month, month, "
            "day of week, such as 0 22 * * FRI"
        )
    try:
        _parsed(expression)
    except CronSimError as error:
        return f"cron {expression!r}: {str(error)[:1].lower()}{str(error)[1:]}"
    return None


def cron_runs(cron: Cron, place: ZoneInfo, day: date) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of UTC that begin on one local day, in order; overlapping ones are joined.

    Starts are those of Debian's cron: a fixed time that a clock change skips starts right after
    the jump, one shown twice starts once; with `*` in the minute or hour the expression follows
    the time that really passes.
    """
    if not _falls_on(cron.expression, day):
        return
    if _is_quiet(place, day):
        midnight = datetime.combine(day, time(), place).astimezone(UTC)
        for begin, end in _quiet_runs(cron):
            yield midnight + begin, midnight + end
    elif _is_wild(cron.expression):
        yield from _joined(_passing(cron.expression, place, day), cron.duration)
    else:
        midnight = datetime.combine(day, time())
        fixed = (instant(midnight + start, place) for start in _times(cron.expression))
        yield from _joined(fixed, cron.duration)


def _falls_on(expression: str, day: date) -> bool:
    parsed = _parsed(expression)
    return day.month in parsed.months and parsed.match_day(day)


@lru_cache(maxsize=256)
def _quiet_runs(cron: Cron) -> tuple[tuple[timedelta, timedelta], ...]:
    """The runs of a day without a clock change, since midnight."""
    return tuple(_joined(_times(cron.expression), cron.duration))


def _times(expression: str) -> Iterator[timedelta]:
    """Times of day of an expression, in order, since midnight."""
    parsed = _parsed(expression)
    for hour in sorted(parsed.hours):
        for minute in sorted(parsed.minutes):
            yield timedelta(hours=hour, minutes=minute)


def _joined(starts: Iterable[_Time], duration: timedelta) -> Iterator[tuple[_Time, _Time]]:
    """Join starts that come before the last one's end; `* * * * *` has 1,440 of them a day."""
    ordered = iter(starts)
    begin = last = next(ordered, None)
    if begin is None or last is None:
        return
    for start in ordered:
        if start > last + duration:
            yield begin, last + duration
            begin = start
        last = start
    yield begin, last + duration


@lru_cache(maxsize=256)
def _parsed(expression: str) -> CronSim:
    return CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))


def _is_quiet(place: ZoneInfo, day: date) -> bool:
    """Whether the clocks do not change on that day."""
    begin = datetime.combine(day, time(), place)
    end = datetime.combine(day + DAY, time(), place).replace(fold=1)
    return begin.utcoffset() == end.utcoffset()


def _is_wild(expression: str) -> bool:
    minute, hour, *_ = expression.split()
    return minute.startswith("*") or hour.startswith("*")


def _passing(expression: str, place: ZoneInfo, day: date) -> Iterator[datetime]:
    """Every minute of a day that the expression names, as often as the clocks show it.

    CronSim itself, iterated over such a day, misses starts where clocks change by half an hour
    and never returns where they change between full hours (St. John's until 2011).
    """
    parsed = _parsed(expression)
    midnight = datetime.combine(day, time())
    now, end = instant(midnight, place), instant(midnight + DAY, place, last=True)
    while now < end:
        shown = now.astimezone(place)
        if shown.hour in parsed.hours and shown.minute in parsed.minutes and shown.date() == day:
            yield now
        now += timedelta(minutes=1)


# --- RRULE -------------------------------------------------------------------------------------


def rule_problem(text: str, valid_from: date | None) -> str | None:
    """Say what is wrong with a window's RRULE, or None.

    `valid_from` is where counting and intervals begin, so rules that count need it.
    """
    if problem := _form_problem(text):
        return problem
    parts = rule_parts(text)
    if timed := sorted(_TIME_PARTS & parts.keys()):
        return f"rrule {text!r}: {timed[0]} is not supported here, write from and to"
    if "UNTIL" in parts and not _UNTIL_DATE.fullmatch(parts["UNTIL"]):
        return f"rrule {text!r}: write UNTIL as a date, such as UNTIL=20261231"
    if is_anchored(text) and valid_from is None:
        return (
            f"rrule {text!r} depends on the day it begins: set validFrom, or choose the days "
            "with BYDAY or BYMONTHDAY and leave out INTERVAL and COUNT"
        )
    return recurrence_problem(text, _anchor(valid_from))


def recurrence_problem(text: str, begins: datetime) -> str | None:
    """Say why an RRULE can't be followed day by day, or None; also for calendar events."""
    if problem := _form_problem(text):
        return problem
    try:
        rrulestr(text, dtstart=begins)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        return f"rrule {text!r}: {error}"
    return None if _ever_falls(text, begins) else f"rrule {text!r} never falls on any day"


def _form_problem(text: str) -> str | None:
    parts = rule_parts(text)
    if text.count("=") != len(parts) or ":" in text or "\n" in text:
        return f"rrule {text!r}: write NAME=VALUE pairs, each name once, joined by semicolons"
    if parts.get("FREQ") not in _FREQUENCIES:
        return f"rrule {text!r}: FREQ must be one of {', '.join(_FREQUENCIES)}"
    if not _INTERVAL.fullmatch(parts.get("INTERVAL", "1")):
        return f"rrule {text!r}: INTERVAL must be a whole number from 1 to 999"
    return None


def rule_parts(text: str) -> dict[str, str]:
    """Names and values of an RRULE, in upper case."""
    pairs = (part.partition("=") for part in text.upper().split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def is_anchored(text: str) -> bool:
    """Whether the days depend on the one at which the rule begins (RFC 5545, 3.3.10)."""
    parts = rule_parts(text)
    counts = "COUNT" in parts or parts.get("INTERVAL", "1") != "1"
    return counts or not (parts.get("FREQ") == "DAILY" or _DAY_PARTS & parts.keys())


def rule_days(text: str, valid_from: date | None, first: date, last: date) -> tuple[date, ...]:
    """Days from `first` to `last` on which a window's RRULE falls."""
    # At least a year back: no need to walk from 2000, and no week or month begins cut in half.
    near = datetime(first.year - 1, 1, 1)  # noqa: DTZ001 — days of a calendar have no zone
    begins = _anchor(valid_from) if is_anchored(text) else near
    return tuple(start.date() for start in rule_starts(text, begins, first, last))


def rule_starts(text: str, begins: datetime, first: date, last: date) -> list[datetime]:
    """Naive local starts whose day is in `first` to `last`; `begins` is the RRULE's DTSTART."""
    recurrence = cast("rrule", rrulestr(text, dtstart=begins))
    earliest = datetime.combine(first, time())
    return recurrence.between(earliest, datetime.combine(last, time.max), inc=True)


def _anchor(valid_from: date | None) -> datetime:
    return datetime.combine(valid_from or date(2000, 1, 1), time())


def _ever_falls(text: str, begins: datetime) -> bool:
    """Whether the rule has any day at all, whatever its UNTIL.

    dateutil searches an impossible rule (30 February) up to the year 9999, which takes 10 s. The
    Gregorian calendar repeats every 400 years, weekdays too, so the last cycles answer for all.
    """
    endless = ";".join(part for part in text.split(";") if not part.upper().startswith("UNTIL"))
    late = begins.replace(year=9200 + begins.year % 400)
    return next(iter(rrulestr(endless, dtstart=late)), None) is not None
