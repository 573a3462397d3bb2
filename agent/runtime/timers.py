"""What the runtime asks of alarm clocks; the clocks themselves are an edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime, timedelta


class Timers(Protocol):
    """Alarm clocks."""

    def at(self, key: Hashable, when: datetime | None, call: Callable[[], None]) -> None:
        """Call once at an instant."""
        ...

    def every(self, key: Hashable, interval: timedelta, call: Callable[[], None]) -> None:
        """Call again and again."""
        ...

    def stop(self) -> None:
        """Call nobody any more."""
        ...
