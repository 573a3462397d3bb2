"""The status branch is told at once, and not more often than people can read."""

from __future__ import annotations

from datetime import timedelta

from facts_builder import NOW, later
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.report.pace import BUSY, COALESCE, HEARTBEAT, Pace, due, failed, landed, noticed


def test_the_first_change_is_pushed_at_once():
    """Nobody waits for the first word."""
    assert due(noticed(Pace(), "a", NOW)) == NOW


def test_a_change_after_a_quiet_time_is_pushed_at_once():
    """What came before does not count after a minute."""
    pace = landed(Pace(), "a", NOW)
    assert due(noticed(pace, "b", later(minutes=1))) == later(minutes=1)


def test_a_second_change_waits_for_more_and_a_third_for_a_minute():
    """At once, then 10 seconds together, then one push a minute."""
    pace = noticed(landed(noticed(Pace(), "a", NOW), "a", NOW), "b", later(seconds=3))
    assert due(pace) == later(seconds=13)
    pace = noticed(landed(pace, "b", later(seconds=13)), "c", later(seconds=20))
    assert due(pace) == later(seconds=73)


def test_a_change_that_was_undone_is_no_change():
    """Nothing is pushed for what is as it was; the heartbeat remains."""
    pace = noticed(landed(Pace(), "a", NOW), "b", later(seconds=1))
    assert due(noticed(pace, "a", later(seconds=2))) == NOW + HEARTBEAT


def test_an_agent_that_never_pushed_has_no_heartbeat():
    """There is nothing to keep fresh."""
    assert due(Pace()) is None


def test_failures_back_off_up_to_ten_minutes():
    """10 s, 20 s, 40 s … 10 min, from the last try."""
    pace, waits = noticed(Pace(), "a", NOW), []
    for _ in range(8):
        pace = failed(pace, NOW)
        waits.append((due(pace) or NOW) - NOW)
    assert [wait.total_seconds() for wait in waits] == [10, 20, 40, 80, 160, 320, 600, 600]


def test_a_push_that_works_ends_the_back_off():
    """The next failure starts small again."""
    pace = landed(failed(failed(Pace(), NOW), NOW), "a", NOW)
    assert due(failed(noticed(pace, "b", NOW), NOW)) == later(seconds=10)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60))
@settings(deadline=None, max_examples=100)
def test_a_stream_of_changes_is_pushed_once_a_minute(gaps: list[int]):
    """Of three pushes in a row the third is at least a minute after the second."""
    pace, now, pushes = Pace(), NOW, []
    for number, gap in enumerate(gaps):
        now += timedelta(seconds=gap)
        when = due(pace)
        if pace.changed and when is not None and when <= now:
            pace = landed(pace, pace.said + "+", when)
            pushes.append(when)
        pace = noticed(pace, str(number), now)
    for first, second, third in zip(pushes, pushes[1:], pushes[2:], strict=False):
        assert third - first >= BUSY
        assert second - first >= COALESCE
