"""When the status branch is pushed: the first change at once, a stream of them once a minute.

Never waits itself: it says at which instant to come back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

COALESCE: Final = timedelta(seconds=10)
"""A second change shortly after the first is rarely alone."""
BUSY: Final = timedelta(minutes=1)
HEARTBEAT: Final = timedelta(hours=1)
"""A commit without a change, so that the branch of a dead agent does not look healthy."""
BACKOFF: Final = timedelta(seconds=10)
LONGEST_BACKOFF: Final = timedelta(minutes=10)
_MOST_DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """How pushing goes; the start is an agent that has pushed nothing yet."""

    said: str = ""
    """Digest of what was last pushed."""
    changed: datetime | None = None
    """Since when there is something else to say."""
    pushed: datetime | None = None
    run: int = 0
    """How many pushes followed each other with less than BUSY between them."""
    failures: int = 0
    tried: datetime | None = None


def noticed(pace: Pace, digest: str, at: datetime) -> Pace:
    """Compare what is to be said with what was pushed; back to what it was is no change."""
    if digest == pace.said:
        return replace(pace, changed=None)
    if pace.changed is not None:
        return pace
    quiet = pace.pushed is None or at - pace.pushed >= BUSY
    return replace(pace, changed=at, run=0 if quiet else pace.run)


def due(pace: Pace) -> datetime | None:
    """Return when to push next, None while there is nothing to say at any time."""
    if pace.failures and pace.tried is not None:
        doubled: timedelta = BACKOFF * 2 ** min(pace.failures - 1, _MOST_DOUBLINGS)
        return pace.tried + min(doubled, LONGEST_BACKOFF)
    if pace.changed is None:
        return pace.pushed + HEARTBEAT if pace.pushed is not None else None
    if pace.pushed is None or pace.run == 0:
        return pace.changed
    if pace.run == 1:
        return pace.changed + COALESCE
    return max(pace.changed + COALESCE, pace.pushed + BUSY)


def landed(pace: Pace, digest: str, at: datetime) -> Pace:
    """Return the pace after a push that worked, or that was not needed."""
    return Pace(said=digest, pushed=at, run=pace.run + 1)


def failed(pace: Pace, at: datetime) -> Pace:
    """Return the pace after a push that did not work."""
    return replace(pace, failures=pace.failures + 1, tried=at)
