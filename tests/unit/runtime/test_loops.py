"""Loops in threads: what they yield is how long they wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.runtime.loops import Thread

if TYPE_CHECKING:
    from agent.runtime.loops import Loop


def test_a_loop_goes_on_by_itself_until_it_ends():
    """Without a pause in between."""
    done: list[int] = []

    def counts() -> Loop:
        for number in range(3):
            done.append(number)
            yield 0.0

    assert Thread("counting", counts).join(10)
    assert done == [0, 1, 2]


def test_a_pause_ends_with_the_loop():
    """A watch that rests for a minute does not keep a stopping agent waiting."""
    resting = threading.Event()

    def rests() -> Loop:
        resting.set()
        yield 3600.0
        raise AssertionError("it went on")

    thread = Thread("resting", rests)
    assert resting.wait(10)
    thread.stop()
    assert thread.join(10)


def test_a_loop_that_is_stuck_is_told_of():
    """Whoever stops it learns that it still runs."""
    release = threading.Event()

    def hangs() -> Loop:
        release.wait()
        yield 0.0

    thread = Thread("stuck", hangs)
    thread.stop()
    assert not thread.join(0.01)
    release.set()
    assert thread.join(10)
