"""One pass per key at a time, and none lost."""

from __future__ import annotations

from agent.runtime.queue import Queue


def test_keys_come_in_the_order_of_waking_and_once() -> None:
    """Asking twice before a pass starts is asking once."""
    queue: Queue[str] = Queue()
    queue.wake("b", "a", "b")
    assert [queue.take(), queue.take()] == ["b", "a"]


def test_a_wake_during_a_pass_means_one_more_pass_after_it() -> None:
    """What happened while a pass ran may be news to it."""
    queue: Queue[str] = Queue()
    queue.wake("a")
    key = queue.take()
    queue.wake("a")
    queue.wake("a")
    queue.wake("b")
    assert queue.take() == "b"
    queue.done(key or "")
    assert queue.take() == "a"


def test_a_key_that_runs_is_not_idle() -> None:
    """Idle means that nothing is ready and nothing runs."""
    queue: Queue[str] = Queue()
    assert queue.is_idle()
    queue.wake("a")
    queue.take()
    assert not queue.is_idle()
    queue.done("a")
    assert queue.wait_idle(0)


def test_a_stopped_queue_hands_out_nothing() -> None:
    """Workers that wait are released with None."""
    queue: Queue[str] = Queue()
    queue.wake("a")
    queue.stop()
    assert queue.take() is None
