"""Findings about valid schedules."""

from datetime import UTC, date, datetime, timedelta

import pytest

from agent.core.windows.lint import Code, lint, shadowed
from agent.core.windows.schedule import Cron, Effect, Once, Recurring, Rule, Schedule, Span, Weekday

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NIGHTS = Schedule(Effect.ALLOW, "Europe/Berlin", (Span(1320, 300),))


def codes(*recurring: Recurring, effect: Effect = Effect.DENY) -> list[Code]:
    """Codes found for a schedule in Berlin."""
    return [code for code, _ in lint(Schedule(effect, "Europe/Berlin", recurring), NOW)]


def test_a_sound_window_has_no_findings():
    """Every night, seven hours."""
    assert lint(NIGHTS, NOW) == ()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 22 * * 5", [Code.NUMERIC_WEEKDAY]),
        ("0 22 * * MON-FRI", []),
        ("0 22 * * FRI#2", []),
        ("0 22 13 * FRI", [Code.DAY_OR_WEEKDAY]),
        ("* 22 * * *", [Code.EVERY_MINUTE]),
        ("*/30 22 * * *", []),
    ],
)
def test_cron_habits_that_surprise(expression: str, expected: list[Code]):
    """Numbers of weekdays, both kinds of days, every minute."""
    assert codes(Cron(expression, timedelta(hours=1))) == expected


@pytest.mark.parametrize(
    "source",
    [
        Cron("0 22 * * *", timedelta(minutes=4)),
        Span(1320, 1324),
        Rule("FREQ=DAILY", 1438, 2),
    ],
)
def test_a_window_shorter_than_five_minutes(source: Recurring):
    """It would be over before anybody looks."""
    assert codes(source) == [Code.TOO_SHORT]


def test_from_to_the_same_time_is_a_day():
    """08:00 to 08:00 ends on the next day, so it never ends."""
    assert codes(Span(480, 480)) == [Code.ALWAYS_ACTIVE]


def test_never_active():
    """What has ended, or never was."""
    ended = Schedule(Effect.ALLOW, "UTC", (Span(0, 60),), valid_until=date(2020, 1, 1))
    assert lint(ended, NOW) == ((Code.NEVER_ACTIVE, "is never active in the next 400 days"),)


def test_a_one_off_in_the_past():
    """It is clutter, and the only thing said of a window that had nothing else."""
    move = Once(datetime(2026, 11, 5, 8), datetime(2026, 11, 5, 18))  # noqa: DTZ001
    assert lint(Schedule(Effect.ALLOW, "UTC", once=(move,)), NOW) == (
        (Code.ONCE_IN_PAST, "once 2026-11-05T08:00 to 2026-11-05T18:00: is over, remove it"),
    )


def test_too_scarce():
    """Six hours a month leave no room; a Deny may be as rare as it likes."""
    saturday = Rule("FREQ=MONTHLY;BYDAY=2SA", 480, 840)
    assert lint(Schedule(Effect.ALLOW, "UTC", (saturday,)), NOW) == (
        (Code.TOO_SCARCE, "is active only 6h in 32 days from 2026-11-20, not 48h"),
    )
    assert codes(saturday) == []


def test_scarcity_is_judged_within_validity_only():
    """What ends next week is not scarce afterwards."""
    week = Schedule(Effect.ALLOW, "UTC", (Span(1320, 300),), valid_until=date(2026, 11, 27))
    assert lint(week, NOW) == ()


def test_what_a_clock_change_empties_is_found():
    """02:10 to 02:50 has no 28 March 2027."""
    assert lint(Schedule(Effect.DENY, "Europe/Berlin", (Span(130, 170),)), NOW) == (
        (
            Code.LOST_TO_CLOCK_CHANGE,
            "daily 02:10-02:50 does not exist on 2027-03-28: the clocks jump over it",
        ),
    )


def test_wholly_shadowed_by_a_deny():
    """Nothing of the Allow is left; a Deny that leaves a part does not shadow."""
    weekend = Schedule(Effect.ALLOW, "UTC", (Span(480, 720, (Weekday.Sat,)),))
    denied = Schedule(Effect.DENY, "UTC", (Span(0, 1440, (Weekday.Sat, Weekday.Sun)),))
    assert shadowed(weekend, [denied], NOW) == (
        Code.SHADOWED,
        "whatever it allows is denied for the next 400 days",
    )
    assert shadowed(NIGHTS, [denied], NOW) is None
