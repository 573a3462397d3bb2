"""Signals are heard whatever the main thread waits for."""

from __future__ import annotations

import queue
import signal
import threading

from agent.runtime.signals import listening


def test_a_signal_that_another_thread_got_is_heard():
    """The main thread waits for a lock and is not woken; the signal is heard all the same."""
    heard: queue.Queue[int] = queue.Queue()
    before = signal.getsignal(signal.SIGUSR1)
    with listening((signal.SIGUSR1,), heard.put):
        waits = threading.Event()
        other = threading.Thread(target=waits.wait)
        other.start()
        assert other.ident is not None
        signal.pthread_kill(other.ident, signal.SIGUSR1)
        assert heard.get(timeout=10) == signal.SIGUSR1
        waits.set()
        other.join()
    assert signal.getsignal(signal.SIGUSR1) is before
