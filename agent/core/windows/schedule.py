"""Schedules as values: what a person declared, in wall-clock terms.

Nothing here is computed beyond how a value prints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from agent.core.durations import format_duration

if TYPE_CHECKING:
    from datetime import date, datetime, timedelta

MINUTES_PER_DAY: Final = 1440
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


class Effect(StrEnum):
    """What an active schedule does."""

    ALLOW = "Allow"
    DENY = "Deny"


class Weekday(IntEnum):
    """Days as `datetime.weekday` numbers them; their names are the words of a declaration."""

    Mon = 0
    Tue = 1
    Wed = 2
    Thu = 3
    Fri = 4
    Sat = 5
    Sun = 6


EVERY_DAY: Final = tuple(Weekday)


def parse_clock(text: str) -> int:
    """Read `22:00` as minutes since midnight, 0 to 1440 (`24:00`, for an end only).

    Raises:
        ValueError: The text is something else; the message says what to write.
    """
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(f'{text!r} is not a time of day: write "22:00", quoted, 00:00 to 24:00')
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def format_clock(minutes: int) -> str:
    """Write minutes since midnight as `22:00`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


@dataclass(frozen=True, slots=True)
class Span:
    """From one wall-clock time to another, on some weekdays.

    `start` is 0 to 1439, `end` 0 to 1440; where `end <= start` it is meant on the next day.
    """

    start: int
    end: int
    days: tuple[Weekday, ...] = EVERY_DAY

    def __str__(self) -> str:
        days = "daily" if set(self.days) == set(EVERY_DAY) else ",".join(d.name for d in self.days)
        return f"{days} {format_clock(self.start)}-{format_clock(self.end)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Starts of a five-field cron expression (Debian's rules), each for an elapsed time."""

    expression: str
    duration: timedelta

    def __str__(self) -> str:
        return f'cron "{self.expression}" for {format_duration(self.duration)}'


@dataclass(frozen=True, slots=True)
class Rule:
    """Days chosen by an RFC 5545 RRULE, with wall-clock times as in `Span`."""

    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return f'rrule "{self.text}" {format_clock(self.start)}-{format_clock(self.end)}'


@dataclass(frozen=True, slots=True)
class Once:
    """One stretch, in naive local time of the schedule's zone."""

    start: datetime
    end: datetime
    description: str = ""

    def __str__(self) -> str:
        return f"once {self.start:%Y-%m-%dT%H:%M} to {self.end:%Y-%m-%dT%H:%M}"


Recurring: TypeAlias = Span | Cron | Rule
Source: TypeAlias = Recurring | Once


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One VEVENT: naive local times of `zone`, or of the schedule's zone where that is empty."""

    start: datetime
    end: datetime
    zone: str = ""
    rule: str = ""
    """RRULE in naive local time, its UNTIL too; empty for a single event."""
    added: tuple[datetime, ...] = ()
    """RDATE: further starts."""
    excluded: tuple[datetime, ...] = ()
    """EXDATE: starts that do not count."""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Events of one `.ics` file; the digest of its bytes stands for them when hashing."""

    path: str
    digest: str
    events: tuple[CalendarEvent, ...] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one window, freeze or sleep is active.

    `zone` is a name that `agent.core.windows.zones.zone` accepted, and its expressions passed
    `agent.core.windows.recurrence`. Both valid days are included. An occurrence belongs to the day
    it starts: validity and `except_dates` look at that day only and drop or keep it whole.
    """

    effect: Effect
    zone: str
    recurring: tuple[Recurring, ...] = ()
    once: tuple[Once, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    except_dates: tuple[date, ...] = ()
    except_calendars: tuple[Calendar, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A half-open stretch of UTC: `open` belongs to it, `close` does not."""

    open: datetime
    close: datetime


@dataclass(frozen=True, slots=True)
class Emptied:
    """An occurrence that a clock change left without any duration."""

    source: Source
    day: date

    def __str__(self) -> str:
        return f"{self.source} does not exist on {self.day}: the clocks jump over it"
