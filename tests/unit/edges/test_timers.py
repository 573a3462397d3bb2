"""Alarm clocks: they ring by the agent's clock, wherever that was begun."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from agent.edges import clock
from agent.edges.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 10
SOON = timedelta(milliseconds=50)
HOUR = timedelta(hours=1)


@pytest.fixture
def timers() -> Iterator[Timers]:
    """Give alarm clocks that are stopped, and the real time again."""
    given = Timers()
    yield given
    given.stop()
    clock.begin("")


class Rung:
    """Which alarms rang, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._changed = threading.Condition()

    def ring(self, name: str) -> None:
        """Note an alarm."""
        with self._changed:
            self.names.append(name)
            self._changed.notify_all()

    def wait_for(self, name: str) -> list[str]:
        """Wait until an alarm rang, and give all that did."""
        with self._changed:
            assert self._changed.wait_for(lambda: name in self.names, SECONDS), self.names
            return list(self.names)


@pytest.mark.parametrize("begun", ["", "2026-10-25T00:29:50Z", "2031-10-26T00:29:50Z"])
def test_an_alarm_rings_at_its_instant_of_the_agents_clock(timers: Timers, begun: str):
    """The near one rings, the one an hour ahead does not: in the past, now, and in the future."""
    clock.begin(begun)
    rung = Rung()
    timers.at("far", clock.now() + HOUR, lambda: rung.ring("far"))
    timers.at("near", clock.now() + SOON, lambda: rung.ring("near"))
    assert rung.wait_for("near") == ["near"]


def test_a_key_has_one_alarm(timers: Timers):
    """A later call replaces the earlier alarm, and None takes it away."""
    rung = Rung()
    timers.at("moved", clock.now() + HOUR, lambda: rung.ring("first"))
    timers.at("gone", clock.now() + SOON, lambda: rung.ring("gone"))
    timers.at("gone", None, lambda: rung.ring("gone"))
    timers.at("never", None, lambda: rung.ring("never"))
    timers.at("moved", clock.now() + 2 * SOON, lambda: rung.ring("moved"))
    assert rung.wait_for("moved") == ["moved"]


def test_an_interval_goes_on(timers: Timers):
    """It rings again and again, also where the clock was begun elsewhere."""
    clock.begin("2026-10-25T00:29:50Z")
    rung = Rung()
    timers.every("poll", SOON, lambda: rung.ring(f"poll {len(rung.names)}"))
    assert rung.wait_for("poll 2") == ["poll 0", "poll 1", "poll 2"]


def test_stopping_while_an_alarm_rings_is_silent():
    """The alarm that rings just then ends by itself; pytest fails on what a thread raises."""
    for _ in range(20):
        timers, rung = Timers(), threading.Event()
        timers.at("now", clock.now(), rung.set)
        assert rung.wait(SECONDS)
        timers.stop()
