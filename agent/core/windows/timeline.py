"""One schedule in time: when it is active, and when that may change.

Never reads a clock; nothing beyond a horizon is known. What was worked out is kept per block of
32 days, so asking again costs a look-up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from agent.core.windows.intervals import clip, merge, subtract
from agent.core.windows.occurrences import excepted, occurrences
from agent.core.windows.schedule import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.core.windows.schedule import Schedule

HORIZON: Final = timedelta(days=400)
"""How far ahead to look; what does not happen until then is called never."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK: Final = timedelta(days=32)


def intervals(schedule: Schedule, start: datetime, end: datetime) -> tuple[Interval, ...]:
    """When the schedule is active within `[start, end)`: merged, sorted, clipped to it."""
    bounds = Interval(start.astimezone(UTC), end.astimezone(UTC))
    return tuple(clip(walk(partial(block, schedule), bounds.open, bounds.close), bounds))


def active(schedule: Schedule, at: datetime) -> Interval | None:
    """The interval an instant is in, or None; one that lasts is cut off at the horizon."""
    for piece in upcoming(schedule, at):
        if piece.open <= at:
            return Interval(_begin(schedule, piece.open, at - HORIZON), piece.close)
        break
    return None


def next_edge(schedule: Schedule, at: datetime, horizon: timedelta = HORIZON) -> datetime | None:
    """The first instant after `at` at which the schedule begins or ends to be active."""
    for piece in upcoming(schedule, at, horizon):
        edge = piece.close if piece.open <= at else piece.open
        return edge if edge < at + horizon else None
    return None


def upcoming(schedule: Schedule, at: datetime, horizon: timedelta = HORIZON) -> Iterator[Interval]:
    """Yield the intervals that end after `at`, in order, cut off at the horizon."""
    return walk(partial(block, schedule), at, at + horizon)


def block_bounds(index: int) -> Interval:
    """The stretch of UTC that a block stands for."""
    return Interval(_EPOCH + index * _BLOCK, _EPOCH + (index + 1) * _BLOCK)


@lru_cache(maxsize=2048)
def block(schedule: Schedule, index: int) -> tuple[Interval, ...]:
    """When the schedule is active within one block: merged, sorted, clipped to it."""
    bounds = block_bounds(index)
    found = occurrences(schedule, bounds.open, bounds.close)
    taken = merge(excepted(schedule, bounds.open, bounds.close))
    pieces = merge(Interval(occurrence.open, occurrence.close) for occurrence in found)
    return tuple(clip(subtract(pieces, taken), bounds))


def walk(
    pieces_of: Callable[[int], tuple[Interval, ...]], start: datetime, end: datetime
) -> Iterator[Interval]:
    """Yield intervals that end after `start` and begin before `end`, joined across blocks.

    Lazy: no block is worked out before it is needed. One that lasts beyond `end` is cut off there;
    the first may have begun before its block.
    """
    pending: Interval | None = None
    index = _index(start)
    while block_bounds(index).open < end:
        for piece in pieces_of(index):
            if pending and pending.close == piece.open:
                pending = Interval(pending.open, piece.close)
                continue
            if pending:
                yield from _within(pending, start, end)
            pending = piece
        index += 1
        if pending and pending.close < block_bounds(index).open:
            yield from _within(pending, start, end)
            pending = None
    if pending:
        yield from _within(pending, start, end)


def _within(piece: Interval, start: datetime, end: datetime) -> Iterator[Interval]:
    if piece.close > start and piece.open < end:
        yield Interval(piece.open, min(piece.close, end))


def _index(at: datetime) -> int:
    return (at - _EPOCH) // _BLOCK


def _begin(schedule: Schedule, opened: datetime, earliest: datetime) -> datetime:
    """Follow an interval that starts with its block back to where it really began."""
    index = _index(opened)
    while opened == block_bounds(index).open and opened > earliest:
        index -= 1
        before = block(schedule, index)
        if not before or before[-1].close != opened:
            break
        opened = before[-1].open
    return max(opened, earliest)
