"""Durations as people write them."""

from datetime import timedelta

import pytest

from agent.core.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("15m", timedelta(minutes=15)),
        ("14d", timedelta(days=14)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("0s", timedelta(0)),
    ],
)
def test_durations_round_trip(text: str, duration: timedelta):
    """What is written in the shortest form is read, and written the same again."""
    assert (parse_duration(text), format_duration(duration)) == (duration, text)


@pytest.mark.parametrize("text", ["", "5", "1.5h", "30m1h", "-5m", "5 m", "1h1h", "PT5M", "9" * 20])
def test_anything_else_is_refused_with_an_example(text: str):
    """A unit is never guessed, and the message says what to write."""
    with pytest.raises(ValueError, match=r"is not a duration: write .* such as 1h30m"):
        parse_duration(text)


def test_longer_than_the_unit_is_normal_form():
    """Minutes over an hour are read, and written as hours."""
    assert format_duration(parse_duration("90m")) == "1h30m"


def test_a_negative_duration_keeps_its_sign():
    """A difference of two instants prints readably."""
    assert format_duration(timedelta(minutes=-90)) == "-1h30m"
