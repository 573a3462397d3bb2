"""Calendars: which events are understood, and what they take from a schedule."""

from datetime import UTC, date, datetime, timedelta

import pytest

from agent.core.windows.calendar import parse_calendar
from agent.core.windows.schedule import CalendarEvent, Effect, Interval, Schedule, Span
from agent.core.windows.timeline import intervals

BERLIN = "Europe/Berlin"
ALL_DAY = Span(0, 1440)


def ics(*lines: str) -> bytes:
    """A calendar file with one event of these lines."""
    event = ("BEGIN:VEVENT", "UID:1", "SUMMARY:Feast", *lines, "END:VEVENT")
    return whole(*event)


def whole(*lines: str) -> bytes:
    """A calendar file of these lines."""
    text = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *lines, "END:VCALENDAR", "")
    return "\r\n".join(text).encode()


def local(text: str) -> datetime:
    """A naive local time."""
    return datetime.fromisoformat(text)


def hours_left(data: bytes, start: str, effect: Effect = Effect.ALLOW) -> list[str]:
    """What is left of two days from an instant of UTC, in UTC."""
    calendar, problems = parse_calendar("c.ics", data)
    assert problems == ()
    schedule = Schedule(effect, BERLIN, (ALL_DAY,), except_calendars=(calendar,))
    begin = (
        local(start).astimezone(UTC) if local(start).tzinfo else local(start).replace(tzinfo=UTC)
    )
    found = intervals(schedule, begin, begin + timedelta(days=2))
    return [f"{piece.open:%dT%H:%M}/{piece.close:%dT%H:%M}" for piece in found]


def test_a_whole_day_is_the_day_of_the_schedules_zone():
    """A holiday begins at midnight in Berlin, which is 23:00 UTC."""
    data = ics("DTSTART;VALUE=DATE:20261225", "RRULE:FREQ=YEARLY")
    assert hours_left(data, "2026-12-24T12:00") == ["24T12:00/24T23:00", "25T23:00/26T12:00"]
    assert hours_left(data, "2031-12-24T12:00") == ["24T12:00/24T23:00", "25T23:00/26T12:00"]


def test_a_time_counts_in_its_own_zone():
    """New York's morning is Berlin's afternoon."""
    data = ics(
        "DTSTART;TZID=America/New_York:20261205T080000",
        "DTEND;TZID=America/New_York:20261205T100000",
    )
    assert hours_left(data, "2026-12-05T00:00") == ["05T00:00/05T13:00", "05T15:00/07T00:00"]


def test_utc_and_floating_times():
    """A Z means UTC; nothing means the schedule's zone."""
    assert hours_left(ics("DTSTART:20261205T080000Z", "DURATION:PT1H"), "2026-12-05T00:00") == [
        "05T00:00/05T08:00",
        "05T09:00/07T00:00",
    ]
    assert hours_left(ics("DTSTART:20261205T080000", "DURATION:PT1H"), "2026-12-05T00:00") == [
        "05T00:00/05T07:00",
        "05T08:00/07T00:00",
    ]


def test_added_and_excluded_dates():
    """RDATE adds a start, EXDATE removes one."""
    data = ics(
        "DTSTART;TZID=Europe/Berlin:20261204T080000",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;UNTIL=20261205T070000Z",
        "EXDATE;TZID=Europe/Berlin:20261205T080000",
        "RDATE;TZID=Europe/Berlin:20261206T200000",
    )
    assert hours_left(data, "2026-12-05T00:00") == ["05T00:00/06T19:00", "06T20:00/07T00:00"]


def test_an_until_in_utc_is_read_in_the_events_zone():
    """RFC 5545 wants UNTIL in UTC beside a zoned start; days are chosen by local dates."""
    data = ics(
        "DTSTART;TZID=Europe/Berlin:20261204T080000",
        "DTEND;TZID=Europe/Berlin:20261204T090000",
        "RRULE:FREQ=DAILY;UNTIL=20261205T070000Z",
    )
    (calendar, _) = parse_calendar("c.ics", data)
    assert calendar.events == (
        CalendarEvent(
            start=local("2026-12-04T08:00"),
            end=local("2026-12-04T09:00"),
            zone=BERLIN,
            rule="FREQ=DAILY;UNTIL=20261205T080000",
            summary="Feast",
        ),
    )


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Effect.ALLOW, ["25T01:30/27T00:00"]),
        (Effect.DENY, ["25T00:30/27T00:00"]),
    ],
)
def test_doubt_about_an_exception_means_closed(effect: Effect, expected: list[str]):
    """An event that ends at a time shown twice: late for an Allow, early for a Deny."""
    data = ics("DTSTART:20261025T020000", "DTEND:20261025T023000")
    assert hours_left(data, "2026-10-25T00:00", effect) == expected


def test_cancelled_events_do_not_count():
    """What does not take place takes nothing away."""
    data = ics("DTSTART;VALUE=DATE:20261225", "STATUS:CANCELLED")
    assert hours_left(data, "2026-12-25T00:00") == ["25T00:00/27T00:00"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("DTSTART:2026",), "has an unreadable DTSTART"),
        ((), "has no DTSTART"),
        (("DTSTART:20261205T080000Z",), "no DTEND and no DURATION"),
        (("DTSTART:20261205T080000Z", "DTEND:20261205T070000Z"), "ends before it begins"),
        (("DTSTART:20261205T080000Z", "DTEND:20261205T090000"), "in the same zone"),
        (("DTSTART;VALUE=DATE:20261205", "DTEND:20261206T000000Z"), "in the same zone"),
        (("DTSTART;TZID=Mars/Olympus:20261205T080000", "DURATION:PT1H"), "TZID"),
        (("DTSTART:20261205T080000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY"), "FREQ must be"),
        (("DTSTART;VALUE=DATE:20261205", "RECURRENCE-ID;VALUE=DATE:20261205"), "RECURRENCE-ID"),
        (("DTSTART;VALUE=DATE:20261205", "RDATE:20261206T000000Z"), "RDATE of another type"),
        (
            (
                "DTSTART:20261205T080000Z",
                "DURATION:PT1H",
                "RDATE;VALUE=PERIOD:20261206T080000Z/PT2H",
            ),
            "RDATE of another type",
        ),
        (("DTSTART;VALUE=DATE:20261205", "RRULE:FREQ=DAILY", "RRULE:FREQ=DAILY"), "more than one"),
    ],
)
def test_what_cannot_be_followed_is_a_problem(lines: tuple[str, ...], problem: str):
    """Never skipped in silence: the sentence names file and event."""
    calendar, problems = parse_calendar("de.ics", ics(*lines))
    assert calendar.events == ()
    (sentence,) = problems
    assert sentence.startswith('de.ics: event "Feast" ')
    assert problem in sentence


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", b"BEGIN:VCALENDAR\r\n", b"\xff\xfe", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n"],
)
def test_another_file_is_a_problem(data: bytes):
    """A file that is no calendar takes nothing away, and says so."""
    _, problems = parse_calendar("de.ics", data)
    assert [sentence[:11] for sentence in problems] == ["de.ics: is "]


def test_other_components_are_problems():
    """A to-do is not a holiday; a VTIMEZONE is only a helper of other programs."""
    data = whole("BEGIN:VTODO", "UID:1", "END:VTODO")
    assert parse_calendar("c.ics", data)[1] == ("c.ics: VTODO is not supported, only VEVENT is",)


def test_excepted_dates_drop_what_starts_that_day():
    """An occurrence belongs to the day it starts: the night of the 23rd stays whole."""
    night = Schedule(Effect.ALLOW, BERLIN, (Span(1320, 300),), except_dates=(date(2026, 12, 24),))
    start = datetime(2026, 12, 23, 12, tzinfo=UTC)
    assert intervals(night, start, start + timedelta(days=3)) == (
        Interval(start + timedelta(hours=9), start + timedelta(hours=16)),
        Interval(start + timedelta(hours=57), start + timedelta(hours=64)),
    )
