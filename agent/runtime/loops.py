"""How endless work runs: a loop does a bit, and yields the seconds until the next bit.

Threads are one way to run loops, the agent's; a simulation steps them one at a time. No loop ever
waits by itself but for the queue or the socket that it reads.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Loop: TypeAlias = "Iterator[float]"
"""Yields the seconds to wait before it goes on; 0: at once. It ends when there is no more to do."""


class Started(Protocol):
    """A loop that runs."""

    def stop(self) -> None:
        """Let it not go on after the bit that it does now; `join` waits for that."""
        ...

    def join(self, seconds: float) -> bool:
        """Wait for the end; False when it did not come in time."""
        ...


class Starts(Protocol):
    """Whoever runs loops."""

    def __call__(self, name: str, loop: Callable[[], Loop]) -> Started:
        """Run a loop from now on; the name is for people."""
        ...


class Thread:
    """One loop in a thread of its own."""

    def __init__(self, name: str, loop: Callable[[], Loop]) -> None:
        """Start it: a daemon, because a request that hangs must not keep a stopped agent alive."""
        self._loop = loop
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let it not go on after the bit that it does now; a pause ends at once."""
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end; False when it did not come in time."""
        self._thread.join(max(seconds, 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        for seconds in self._loop():
            if self._stop.is_set() or (seconds and self._stop.wait(seconds)):
                return
