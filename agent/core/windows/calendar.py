"""Calendars (`.ics`, RFC 5545) as values: the events that a schedule leaves out.

Never skips in silence what it can't follow; cancelled events are the one thing passed over.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from agent.core.windows.recurrence import recurrence_problem
from agent.core.windows.schedule import Calendar, CalendarEvent
from agent.core.windows.zones import UnknownZone, zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REFUSED: Final = ("RECURRENCE-ID", "EXRULE")
_DAY: Final = timedelta(days=1)


class _UnsupportedError(ValueError):
    """An event that can't be followed; the message completes `event "…" …`."""


def parse_calendar(path: str, data: bytes) -> tuple[Calendar, tuple[str, ...]]:
    """Read an `.ics` file: its events, and one sentence for each thing that can't be followed.

    Understood are VEVENTs with DATE or DATE-TIME in UTC, floating or in an IANA zone, with RRULE
    from DAILY up, RDATE and EXDATE. With any problem the calendar must not be used.
    """
    events: list[CalendarEvent] = []
    problems: list[str] = []
    for component in _components(data, problems):
        try:
            if component.get("STATUS") != "CANCELLED":
                events.append(_event(component))
        except _UnsupportedError as error:
            problems.append(f'event "{_name(component)}" {error}')
    digest = sha256(data).hexdigest()
    return Calendar(path, digest, tuple(events)), tuple(f"{path}: {what}" for what in problems)


def _components(data: bytes, problems: list[str]) -> Iterator[Any]:
    from icalendar import Calendar as Parsed  # noqa: PLC0415 — 150 ms, and few need it

    try:
        parsed = Parsed.from_ical(data)
    except (ValueError, IndexError, KeyError, AttributeError) as error:
        problems.append(f"is not one iCalendar file: {error}")
        return
    if parsed.name != "VCALENDAR":
        problems.append("is not an iCalendar file: it does not begin with BEGIN:VCALENDAR")
        return
    for component in parsed.subcomponents:
        if component.name == "VEVENT":
            yield component
        elif component.name != "VTIMEZONE":
            problems.append(f"{component.name} is not supported, only VEVENT is")


def _name(event: Mapping[str, Any]) -> str:
    return str(event.get("SUMMARY") or event.get("UID") or "without a summary")


def _event(event: Any) -> CalendarEvent:
    if event.errors:
        raise _UnsupportedError(f"has an unreadable {event.errors[0][0]}: {event.errors[0][1]}")
    for name in _REFUSED:
        if name in event:
            raise _UnsupportedError(f"has {name}, which is not supported")
    if "DTSTART" not in event:
        raise _UnsupportedError("has no DTSTART")
    place, start = _zone(event["DTSTART"]), _wall(event["DTSTART"].dt)
    return CalendarEvent(
        start=start,
        end=_end(event, start, place),
        zone=place,
        rule=_rule(event, start, place),
        added=tuple(_starts(event, "RDATE", place)),
        excluded=tuple(_starts(event, "EXDATE", place)),
        summary=str(event.get("SUMMARY", "")),
    )


def _zone(value: Any) -> str:
    """The zone a value is in, or empty for that of the schedule: whole days, floating times."""
    if not isinstance(value.dt, datetime):
        return ""
    if name := value.params.get("TZID"):
        found = zone(str(name))
        if isinstance(found, UnknownZone):
            raise _UnsupportedError(f"has a TZID that can't be followed: {found}")
        return str(name)
    return "UTC" if value.dt.tzinfo else ""


def _wall(value: date) -> datetime:
    """The naive local time as written; a whole day begins at midnight."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return datetime.combine(value, time())


def _end(event: Mapping[str, Any], start: datetime, place: str) -> datetime:
    end = start + _DAY
    if "DTEND" in event:
        begins, ends = event["DTSTART"], event["DTEND"]
        if _zone(ends) != place or isinstance(ends.dt, datetime) != isinstance(begins.dt, datetime):
            raise _UnsupportedError("must begin and end in the same zone")
        end = _wall(ends.dt)
    elif "DURATION" in event:
        end = start + event["DURATION"].dt
    elif isinstance(event["DTSTART"].dt, datetime):
        raise _UnsupportedError("has a time but no DTEND and no DURATION")
    if end <= start:
        raise _UnsupportedError("ends before it begins")
    return end


def _rule(event: Mapping[str, Any], start: datetime, place: str) -> str:
    """The RRULE in naive local time, or empty."""
    if "RRULE" not in event:
        return ""
    rule = event["RRULE"]
    if isinstance(rule, list):
        raise _UnsupportedError("has more than one RRULE")
    parts = rule.to_ical().decode().split(";")
    if "UNTIL" in rule:
        parts = [part for part in parts if not part.startswith("UNTIL")]
        parts.append(f"UNTIL={_until(rule['UNTIL'][0], place):%Y%m%dT%H%M%S}")
    text = ";".join(parts)
    if problem := recurrence_problem(text, start):
        raise _UnsupportedError(f"can't be followed: {problem}")
    return text


def _until(value: date, place: str) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(23, 59, 59))
    # Whole days with an UNTIL in UTC are common, and mean the day that is written.
    return _local(value, place) if place else value.replace(tzinfo=None)


def _starts(event: Mapping[str, Any], name: str, place: str) -> Iterator[datetime]:
    whole_days = not isinstance(event["DTSTART"].dt, datetime)
    given = event.get(name, [])
    for group in given if isinstance(given, list) else [given]:
        for value in (item.dt for item in group.dts):
            is_day = isinstance(value, date) and not isinstance(value, datetime)
            if is_day != whole_days or not isinstance(value, date):
                raise _UnsupportedError(f"has an {name} of another type than its DTSTART")
            yield _local(value, place)


def _local(value: date, place: str) -> datetime:
    """A value in naive local time of the event's zone."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        return _wall(value)
    if not place:
        raise _UnsupportedError("mixes times with and without a zone")
    return value.astimezone(ZoneInfo(place)).replace(tzinfo=None)
