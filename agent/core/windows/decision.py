"""Several schedules together: open or closed, why, until when, and what comes next.

No schedule has priority over another: any Deny closes; without an Allow it is open; else one Allow
that is active opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from agent.core.windows.intervals import clip, intersect, merge, subtract, touches
from agent.core.windows.schedule import Effect, Interval, Schedule
from agent.core.windows.timeline import HORIZON, block, block_bounds, intervals, upcoming, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Named: TypeAlias = tuple[str, Schedule]
_NamedIntervals: TypeAlias = tuple[str, tuple[Interval, ...]]


class Why(StrEnum):
    """What one schedule has to do with the answer."""

    DENIES = "Denies"
    ALLOWS = "Allows"
    OUTSIDE = "Outside"
    """It allows at other times only."""


@dataclass(frozen=True, slots=True)
class Because:
    """One schedule's part in the answer; `until` is when that part ends, None for never."""

    name: str
    why: Why
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer at one instant; a None among the instants means: not within the horizon."""

    open: bool
    because: tuple[Because, ...]
    """All that keep it closed, or all that open it; empty where nothing restricts."""
    until: datetime | None
    """When the answer changes: `next_close` of an open one, else `next_open`."""
    next_open: datetime | None
    """When it opens next; of an open one, after it has closed."""
    next_close: datetime | None


@dataclass(frozen=True, slots=True)
class Opening:
    """A stretch in which some Allow is active, or nothing but a Deny could close."""

    open: datetime
    close: datetime
    by: tuple[str, ...]
    """Names of the Allows; empty where there is none, which means always."""
    hidden_by: tuple[str, ...] = ()
    """Names of the Denies that keep it closed all the same; empty for one that is effective."""


def decide(schedules: Sequence[Named], at: datetime) -> Decision:
    """Judge one instant; the order of the schedules only orders the reasons."""
    at = at.astimezone(UTC)
    reasons = tuple(_reason(name, schedule, at) for name, schedule in schedules)
    denies, allows, outside = (
        tuple(found for found in reasons if found and found.why is why) for why in Why
    )
    is_open = not denies and bool(allows or not outside)
    closed = denies if allows else denies + outside
    next_open, next_close = _changes([schedule for _, schedule in schedules], at)
    return Decision(
        open=is_open,
        because=allows if is_open else closed,
        until=next_close if is_open else next_open,
        next_open=next_open,
        next_close=next_close,
    )


def next_open(schedules: Sequence[Schedule], at: datetime) -> datetime | None:
    """The first instant after `at` at which these schedules together change to open, or None."""
    return _changes(schedules, at.astimezone(UTC))[0]


def openings(schedules: Sequence[Schedule], start: datetime, end: datetime) -> Iterator[Interval]:
    """Yield when the schedules together are open within `[start, end)`, in order, lazily."""
    bounds = Interval(start.astimezone(UTC), end.astimezone(UTC))
    together = tuple(schedules)
    return clip(walk(partial(_open_block, together), bounds.open, bounds.close), bounds)


def preview(
    schedules: Sequence[Named],
    start: datetime,
    *,
    count: int | None = None,
    end: datetime | None = None,
) -> tuple[Opening, ...]:
    """List what opens when, in order, with what a Deny hides among it.

    It ends after `count` effective openings, at `end`, or at the horizon, whichever comes first.
    """
    start = start.astimezone(UTC)
    limit = min(end.astimezone(UTC), start + HORIZON) if end else start + HORIZON
    if count is not None:
        limit = _end_of(count, [schedule for _, schedule in schedules], start, limit)
    allows = _by_name(schedules, Effect.ALLOW, start, limit)
    denies = _by_name(schedules, Effect.DENY, start, limit)
    closed = merge(piece for _, pieces in denies for piece in pieces)
    allowed = merge(piece for _, pieces in allows for piece in pieces)
    if not allows:
        allowed = (Interval(start, limit),)
    visible = (
        Opening(piece.open, piece.close, _touching(allows, piece))
        for piece in subtract(allowed, closed)
    )
    hidden = (
        Opening(piece.open, piece.close, _touching(allows, piece), _touching(denies, piece))
        for piece in intersect(allowed, closed)
    )
    return tuple(sorted((*visible, *hidden), key=lambda opening: opening.open))


def _reason(name: str, schedule: Schedule, at: datetime) -> Because | None:
    """What a schedule says now; a Deny that is not active says nothing."""
    piece = next(upcoming(schedule, at), None)
    if piece and piece.open <= at:
        why = Why.DENIES if schedule.effect is Effect.DENY else Why.ALLOWS
        return Because(name, why, _within_horizon(piece.close, at))
    if schedule.effect is Effect.DENY:
        return None
    return Because(name, Why.OUTSIDE, piece.open if piece else None)


def _changes(schedules: Sequence[Schedule], at: datetime) -> tuple[datetime | None, ...]:
    """The next opening and the next closing after an instant."""
    pieces = list(islice(openings(schedules, at, at + HORIZON), 2))
    close = _within_horizon(pieces[0].close, at) if pieces else None
    opens = (piece.open for piece in pieces if piece.open > at)
    return next(opens, None), close


def _within_horizon(instant: datetime, at: datetime) -> datetime | None:
    return instant if instant < at + HORIZON else None


@lru_cache(maxsize=1024)
def _open_block(schedules: tuple[Schedule, ...], index: int) -> tuple[Interval, ...]:
    """When the schedules together are open within one block."""
    allows = [schedule for schedule in schedules if schedule.effect is Effect.ALLOW]
    denies = [schedule for schedule in schedules if schedule.effect is Effect.DENY]
    allowed = merge(piece for schedule in allows for piece in block(schedule, index))
    if not allows:
        allowed = (block_bounds(index),)
    return subtract(allowed, merge(piece for s in denies for piece in block(s, index)))


def _end_of(
    count: int, schedules: Sequence[Schedule], start: datetime, limit: datetime
) -> datetime:
    """When that many openings are over, at most `limit`."""
    pieces = list(islice(openings(schedules, start, limit), count))
    return pieces[-1].close if len(pieces) == count else limit


def _by_name(
    schedules: Sequence[Named], effect: Effect, start: datetime, end: datetime
) -> list[_NamedIntervals]:
    return [
        (name, intervals(schedule, start, end))
        for name, schedule in schedules
        if schedule.effect is effect
    ]


def _touching(named: list[_NamedIntervals], piece: Interval) -> tuple[str, ...]:
    return tuple(name for name, pieces in named if touches(pieces, piece))
