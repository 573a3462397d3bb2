"""Golden cases of clock changes: gaps, repeated hours, skipped days."""

from datetime import UTC, date, datetime, timedelta

import pytest

from agent.core.windows.occurrences import emptied
from agent.core.windows.schedule import Cron, Effect, Emptied, Interval, Recurring, Schedule, Span
from agent.core.windows.timeline import intervals

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
HALF_AN_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    """Read an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(day: str, zone: str, source: Recurring, effect: Effect = Effect.ALLOW) -> list[str]:
    """Intervals of one local day, as `open/close` in UTC."""
    only = date.fromisoformat(day)
    schedule = Schedule(effect, zone, (source,), valid_from=only, valid_until=only)
    found = intervals(schedule, utc(day) - 2 * DAY, utc(day) + 3 * DAY)
    return [f"{piece.open:%dT%H:%M}/{piece.close:%dT%H:%M}" for piece in found]


@pytest.mark.parametrize(
    ("day", "zone", "expression", "expected"),
    [
        ("2026-03-29", BERLIN, "30 2 * * *", "29T01:00/29T01:30"),
        ("2026-10-25", BERLIN, "30 2 * * *", "25T00:30/25T01:00"),
        ("2026-03-08", NEW_YORK, "30 2 * * *", "08T07:00/08T07:30"),
        ("2026-11-01", NEW_YORK, "30 1 * * *", "01T05:30/01T06:00"),
        ("2026-10-04", LORD_HOWE, "15 2 * * *", "03T15:30/03T16:00"),
        ("2026-04-05", LORD_HOWE, "45 1 * * *", "04T14:45/04T15:15"),
        ("2026-03-29", BERLIN, "15 2 * * *", "29T01:00/29T01:30"),
    ],
)
def test_a_fixed_cron_time_opens_once_whatever_the_clocks_do(
    day: str, zone: str, expression: str, expected: str
):
    """Skipped: right after the jump; shown twice: the first time; the duration is elapsed time."""
    assert on(day, zone, Cron(expression, HALF_AN_HOUR)) == [expected]


def test_a_cron_duration_is_elapsed_time_in_autumn_too():
    """`30 1` for 4 hours lasts 4 hours on the night the clocks go back."""
    assert on("2026-10-25", BERLIN, Cron("30 1 * * *", timedelta(hours=4))) == ["24T23:30/25T03:30"]


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)],
)
def test_an_hourly_cron_follows_the_time_that_passes(day: str, expected: int):
    """A day of 23 or 25 hours has as many hourly starts."""
    found = on(day, BERLIN, Cron("0 * * * *", timedelta(minutes=5)))
    assert len(found) == expected


def test_a_time_shown_twice_opens_once():
    """02:30 to 03:00 on the autumn night opens at the first 02:30 only."""
    assert on("2026-10-25", BERLIN, Span(150, 180)) == ["25T00:30/25T02:00"]


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-10-24", 9), ("2026-03-28", 7), ("2026-06-01", 8)],
)
def test_a_night_lasts_as_long_as_its_wall_clock_says(day: str, hours: int):
    """22:00 to 06:00 lasts 9 hours in autumn and 7 in spring."""
    only = date.fromisoformat(day)
    night = Schedule(
        Effect.ALLOW, BERLIN, (Span(22 * 60, 6 * 60),), valid_from=only, valid_until=only
    )
    (found,) = intervals(night, utc(day), utc(day) + 2 * DAY)
    assert found.close - found.open == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [(Effect.ALLOW, "24T23:00/25T00:30"), (Effect.DENY, "24T23:00/25T01:30")],
)
def test_doubt_about_an_end_means_closed(effect: Effect, expected: str):
    """An end that is shown twice is the first for an Allow and the last for a Deny."""
    assert on("2026-10-25", BERLIN, Span(60, 150), effect) == [expected]


@pytest.mark.parametrize("effect", list(Effect))
def test_a_gap_moves_to_the_first_existing_instant(effect: Effect):
    """02:15 does not exist on the spring night; the hour begins at 03:00 = 01:00 UTC."""
    assert on("2026-03-29", BERLIN, Span(135, 240), effect) == ["29T01:00/29T02:00"]


def test_an_occurrence_inside_a_gap_is_dropped_and_reported():
    """02:10 to 02:50 does not exist in spring: nobody is left to wonder why."""
    lost = Span(130, 170)
    schedule = Schedule(Effect.ALLOW, BERLIN, (lost,))
    start, end = utc("2026-03-28T12:00"), utc("2026-03-30T12:00")
    assert intervals(schedule, start, end) == (
        Interval(utc("2026-03-30T00:10"), utc("2026-03-30T00:50")),
    )
    assert emptied(schedule, start, end) == (Emptied(lost, date(2026, 3, 29)),)
    assert str(Emptied(lost, date(2026, 3, 29))) == (
        "daily 02:10-02:50 does not exist on 2026-03-29: the clocks jump over it"
    )


def test_a_day_that_a_place_skipped_moves_to_the_next():
    """Samoa had no 30 December 2011: its night begins where the 31st begins."""
    assert on("2011-12-30", "Pacific/Apia", Span(22 * 60, 6 * 60)) == ["30T10:00/30T16:00"]
    assert on("2011-12-30", "Pacific/Apia", Span(8 * 60, 18 * 60)) == []


def test_a_cron_start_on_a_skipped_day_moves_to_the_next():
    """The 10:00 that Samoa skipped starts at midnight of the 31st, and belongs to the 30th."""
    ten = Cron("0 10 * * *", HALF_AN_HOUR)
    assert on("2011-12-30", "Pacific/Apia", ten) == ["30T10:00/30T10:30"]
    assert on("2011-12-31", "Pacific/Apia", ten) == ["30T20:00/30T20:30"]


def test_clocks_that_change_between_full_hours():
    """St. John's went from 00:01 back to 23:01: what follows real time sees 23:30 twice."""
    odd = Cron("30 1-23/2 * * *", timedelta(minutes=5))
    real = Cron("30 */1 * * *", timedelta(minutes=5))
    assert len(on("2010-11-06", "America/St_Johns", odd)) == 12
    assert len(on("2010-11-06", "America/St_Johns", real)) == 25


def test_midnight_that_does_not_exist_begins_at_one():
    """Beirut's clocks jump at midnight: the day's window begins with the day."""
    assert on("2026-03-29", "Asia/Beirut", Span(0, 360)) == ["28T22:00/29T03:00"]


def test_the_utc_zone_has_no_surprises():
    """A whole day is 24 hours."""
    assert on("2026-03-29", "UTC", Span(0, 1440)) == ["29T00:00/30T00:00"]
