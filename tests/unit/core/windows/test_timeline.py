"""One schedule in time: active or not, and its next edge."""

from datetime import UTC, date, datetime, timedelta

import pytest

from agent.core.windows.schedule import Cron, Effect, Interval, Once, Rule, Schedule, Span, Weekday
from agent.core.windows.timeline import HORIZON, active, intervals, next_edge

BERLIN = "Europe/Berlin"
FRIDAY_NIGHT = Schedule(Effect.ALLOW, BERLIN, (Span(1320, 360, (Weekday.Fri,)),))


def utc(text: str) -> datetime:
    """Read an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-20T20:59:59", None),
        ("2026-11-20T21:00", Interval(utc("2026-11-20T21:00"), utc("2026-11-21T05:00"))),
        ("2026-11-21T04:59:59", Interval(utc("2026-11-20T21:00"), utc("2026-11-21T05:00"))),
        ("2026-11-21T05:00", None),
        ("2026-11-20T00:30", None),
    ],
)
def test_a_night_belongs_to_the_day_it_starts(at: str, expected: Interval | None):
    """Friday's night is open on Saturday at one, and not on Friday at one; the end is exclusive."""
    assert active(FRIDAY_NIGHT, utc(at)) == expected


@pytest.mark.parametrize(
    ("at", "edge"),
    [
        ("2026-11-20T12:00", "2026-11-20T21:00"),
        ("2026-11-20T21:00", "2026-11-21T05:00"),
        ("2026-11-21T05:00", "2026-11-27T21:00"),
    ],
)
def test_the_next_edge_is_later_than_now(at: str, edge: str):
    """An edge that is now has happened."""
    assert next_edge(FRIDAY_NIGHT, utc(at)) == utc(edge)


def test_an_instant_of_any_zone_is_compared_in_utc():
    """21:30 UTC is 22:30 in Berlin; what is answered is UTC."""
    at = datetime.fromisoformat("2026-11-20T22:30+01:00")
    expected = (Interval(utc("2026-11-20T21:30"), utc("2026-11-20T21:35")),)
    assert intervals(FRIDAY_NIGHT, at, at + timedelta(minutes=5)) == expected


def test_what_never_ends_has_no_edge():
    """Always active: cut off at the horizon on both sides, across all blocks."""
    always = Schedule(Effect.DENY, BERLIN, (Cron("* * * * *", timedelta(hours=24)),))
    at = utc("2026-11-20T12:00")
    assert active(always, at) == Interval(at - HORIZON, at + HORIZON)
    assert next_edge(always, at) is None


def test_whole_days_join():
    """00:00 to 24:00 on Saturday and Sunday is one weekend."""
    weekend = Schedule(Effect.DENY, "UTC", (Span(0, 1440, (Weekday.Sat, Weekday.Sun)),))
    assert active(weekend, utc("2026-11-22T12:00")) == Interval(
        utc("2026-11-21T00:00"), utc("2026-11-23T00:00")
    )


def test_once_is_once():
    """A one-off has no other year."""
    move = Once(datetime(2026, 12, 5, 8), datetime(2026, 12, 5, 18), "DC move")  # noqa: DTZ001
    schedule = Schedule(Effect.ALLOW, BERLIN, once=(move,))
    assert next_edge(schedule, utc("2026-11-20T00:00")) == utc("2026-12-05T07:00")
    assert next_edge(schedule, utc("2026-12-05T07:00")) == utc("2026-12-05T17:00")
    assert next_edge(schedule, utc("2026-12-05T17:00")) is None


def test_both_valid_days_are_included():
    """Validity looks at the day an occurrence starts, so the last night is whole."""
    schedule = Schedule(
        Effect.ALLOW,
        "UTC",
        (Span(1320, 360),),
        valid_from=date(2026, 11, 1),
        valid_until=date(2026, 11, 2),
    )
    assert intervals(schedule, utc("2026-10-01T00:00"), utc("2027-01-01T00:00")) == (
        Interval(utc("2026-11-01T22:00"), utc("2026-11-02T06:00")),
        Interval(utc("2026-11-02T22:00"), utc("2026-11-03T06:00")),
    )


def test_a_rule_opens_on_its_days():
    """The second Saturday of the month."""
    schedule = Schedule(Effect.ALLOW, BERLIN, (Rule("FREQ=MONTHLY;BYDAY=2SA", 480, 720),))
    assert intervals(schedule, utc("2026-11-01T00:00"), utc("2027-01-01T00:00")) == (
        Interval(utc("2026-11-14T07:00"), utc("2026-11-14T11:00")),
        Interval(utc("2026-12-12T07:00"), utc("2026-12-12T11:00")),
    )


def test_a_long_cron_duration_reaches_from_the_past():
    """`0 22 L * *` for 40 days in January is still active in March."""
    schedule = Schedule(Effect.DENY, "UTC", (Cron("0 22 L 1 *", timedelta(days=40)),))
    assert active(schedule, utc("2026-03-10T00:00")) == Interval(
        utc("2026-01-31T22:00"), utc("2026-03-12T22:00")
    )


def test_before_1970_nothing_breaks():
    """A clock that is not set yet is a clock."""
    assert next_edge(FRIDAY_NIGHT, utc("1969-12-31T12:00")) == utc("1970-01-02T21:00")
