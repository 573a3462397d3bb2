"""Which packages wait for the same instant, so that they do not all start in the same second."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.values import PackageName

STEP: Final = timedelta(milliseconds=250)
LONGEST: Final = timedelta(seconds=30)


class Edges:
    """The instants at which packages are to be woken by a gate."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[datetime, list[PackageName]] = {}
        self._of: dict[PackageName, datetime] = {}

    def delay(self, name: PackageName, when: datetime | None) -> timedelta:
        """Note the package's next edge; returns how long after it the package is to start.

        The first to wait for an instant starts at it; the others follow one by one.
        """
        with self._lock:
            before = self._of.get(name)
            if before is not None and before != when:
                self._leave(name, before)
            if when is None:
                return timedelta(0)
            names = self._waiting.setdefault(when, [])
            if name not in names:
                names.append(name)
            self._of[name] = when
            return min(STEP * names.index(name), LONGEST)

    def _leave(self, name: PackageName, when: datetime) -> None:
        del self._of[name]
        names = self._waiting.get(when, [])
        if name in names:
            names.remove(name)
        if not names:
            self._waiting.pop(when, None)
