"""Times of day, cron expressions and RRULEs: what is accepted, and which days they choose."""

from datetime import date

import pytest

from agent.core.windows.recurrence import cron_problem, rule_days, rule_problem
from agent.core.windows.schedule import format_clock, parse_clock

YEAR = (date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("22:05", 1325), ("24:00", 1440)])
def test_a_time_of_day_is_minutes_since_midnight(text: str, minutes: int):
    """Read and written the same."""
    assert (parse_clock(text), format_clock(minutes)) == (minutes, text)


@pytest.mark.parametrize("text", ["", "22", "1:00", "24:01", "22:60", "10pm", "22:00:00"])
def test_another_time_of_day_is_refused(text: str):
    """The message says what to write."""
    with pytest.raises(ValueError, match='is not a time of day: write "22:00"'):
        parse_clock(text)


@pytest.mark.parametrize(
    "text", ["0 22 * * FRI", "0 22 L * *", "*/15 8-18 * * MON-FRI", "5 4 * * 0"]
)
def test_a_cron_expression_without_problem(text: str):
    """Five fields, with the extensions L, LW and FRI#2."""
    assert cron_problem(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 22 * *", "needs five fields"),
        ("@daily", "needs five fields"),
        ("0 0 22 * * *", "needs five fields"),
        ("0 25 * * *", "bad hour"),
        ("0 22 * * FRIDAY", "bad day-of-week"),
        ("0 0 30 2 *", "bad day-of-month"),
    ],
)
def test_a_cron_problem_names_the_field(text: str, problem: str):
    """What is wrong, and where."""
    assert problem in str(cron_problem(text))


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MONTHLY;BYDAY=2SA",
        "FREQ=DAILY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;UNTIL=20301231",
    ],
)
def test_a_rule_without_problem(text: str):
    """Rules that choose their days by themselves need no beginning."""
    assert rule_problem(text, None) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("FREQ=HOURLY", "FREQ must be one of DAILY"),
        ("FREQ=MINUTELY;BYDAY=MO", "FREQ must be one of DAILY"),
        ("BYDAY=MO", "FREQ must be one of DAILY"),
        ("", "write NAME=VALUE pairs"),
        ("FREQ=DAILY;BYHOUR=3", "BYHOUR is not supported here"),
        ("FREQ=DAILY;UNTIL=20261231T000000Z", "write UNTIL as a date"),
        ("FREQ=DAILY;INTERVAL=2", "set validFrom"),
        ("FREQ=WEEKLY", "set validFrom"),
        ("FREQ=DAILY;COUNT=3", "set validFrom"),
        ("FREQ=WEEKLY;BYDAY=XX", "rrule 'FREQ=WEEKLY;BYDAY=XX'"),
        ("FREQ=WEEKLY;BYDAY=MO;NONSENSE=1", "NONSENSE"),
        ("FREQ=DAILY;FREQ=DAILY", "each name once"),
        ("FREQ=DAILY\nEXRULE:FREQ=DAILY", "write NAME=VALUE pairs"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never falls on any day"),
    ],
)
def test_a_rule_problem_says_what_to_write(text: str, problem: str):
    """Nothing below a day, no time of day, and a beginning where the rule counts."""
    assert problem in str(rule_problem(text, None))


@pytest.mark.parametrize("interval", ["0", "-1", "1.5", "10000"])
def test_an_interval_is_a_small_whole_number(interval: str):
    """An interval of zero would never end."""
    text = f"FREQ=DAILY;INTERVAL={interval}"
    assert "INTERVAL must be" in str(rule_problem(text, date(2026, 1, 1)))


def test_a_rule_chooses_days():
    """The last workday of a month."""
    rule = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
    assert rule_days(rule, None, date(2026, 1, 1), date(2026, 3, 31)) == (
        date(2026, 1, 30),
        date(2026, 2, 27),
        date(2026, 3, 31),
    )


def test_a_rule_that_counts_begins_at_valid_from():
    """Every other week, from a given Monday on."""
    begin = date(2025, 12, 29)
    found = rule_days("FREQ=WEEKLY;INTERVAL=2", begin, date(2026, 1, 1), date(2026, 2, 1))
    assert found == (date(2026, 1, 12), date(2026, 1, 26))


def test_until_is_the_last_day():
    """UNTIL is included."""
    found = rule_days("FREQ=DAILY;UNTIL=20260103", None, *YEAR)
    assert found == (date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3))
