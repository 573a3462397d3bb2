"""SIGTERM and Ctrl-C, heard by a thread of their own; never decides what follows.

A Python handler runs in the main thread alone, and only when that thread runs: the kernel may give
the signal to another thread, and then a main thread that waits for a lock never hears of it (seen
under load). The file descriptor of `signal.set_wakeup_fd` is written by whichever thread gets it.
"""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@contextmanager
def listening(numbers: Sequence[int], call: Callable[[int], None]) -> Iterator[None]:
    """Call with the number of each of these signals, from another thread, until the block ends.

    To be used in the main thread; other handlers of these signals are put back at the end.
    """
    hears, told = socket.socketpair()
    thread = threading.Thread(target=_listen, args=(hears, frozenset(numbers), call), daemon=True)
    thread.name = "signals"
    with hears, told:
        told.settimeout(0)
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, _noted) for number in numbers}
        thread.start()
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            told.shutdown(socket.SHUT_RDWR)
            thread.join()


def _noted(*_: object) -> None:
    """Keep the signal from its default effect; the thread hears it through the descriptor."""


def _listen(hears: socket.socket, numbers: frozenset[int], call: Callable[[int], None]) -> None:
    while heard := hears.recv(64):
        for number in heard:
            if number in numbers:
                call(number)
