"""The one clock: UTC for people's time, monotonic for leases and pauses."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The time of day, UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is where it comes from


def monotonic() -> float:
    """Seconds that never go back; only differences mean something."""
    return time.monotonic()
