"""When Git is told: once no pass is under way, for what passes find out belongs to the same news.

Otherwise the commit of a change would say that a revision was read, and the one that says that it
is applied would come seconds later, for pushes that follow each other are kept apart. Never tells
by itself, and never keeps news for longer than `PATIENCE`.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from agent.runtime.timers import Timers

PATIENCE: Final = timedelta(seconds=10)
"""As long as a second push waits for a third: passes that never end delay no more than that."""


class News:
    """Whether there is something to tell; safe from any thread."""

    def __init__(
        self,
        timers: Timers,
        clock: Callable[[], datetime],
        is_quiet: Callable[[], bool],
        tell: Callable[[], None],
    ) -> None:
        """Take, after what calls later, whether no pass is under way and what to do then."""
        self._timers = timers
        self._clock = clock
        self._is_quiet = is_quiet
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting = False

    def heard(self) -> None:
        """Something is to be told."""
        with self._lock:
            is_first, self._waiting = not self._waiting, True
        if is_first:
            self._timers.at("news", self._clock() + PATIENCE, self._now)
        self.look()

    def look(self) -> None:
        """Tell what is to be told, if no pass is under way: called whenever one has ended."""
        if self._waiting and self._is_quiet():
            self._now()

    def _now(self) -> None:
        with self._lock:
            waited, self._waiting = self._waiting, False
        if waited:
            self._tell()
