"""Sets of instants as sorted, disjoint, half-open intervals.

Knows nothing of schedules, zones or wall clocks.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

from agent.core.windows.schedule import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def merge(pieces: Iterable[Interval]) -> tuple[Interval, ...]:
    """Union of any intervals: sorted, without overlap, touching ones joined, empty ones gone."""
    merged: list[Interval] = []
    for piece in sorted(pieces):
        if piece.open >= piece.close:
            continue
        if merged and piece.open <= merged[-1].close:
            merged[-1] = Interval(merged[-1].open, max(merged[-1].close, piece.close))
        else:
            merged.append(piece)
    return tuple(merged)


def clip(pieces: Iterable[Interval], bounds: Interval) -> Iterator[Interval]:
    """Each piece's part inside the bounds, where there is one."""
    for piece in pieces:
        part = Interval(max(piece.open, bounds.open), min(piece.close, bounds.close))
        if part.open < part.close:
            yield part


def subtract(pieces: Iterable[Interval], removed: Iterable[Interval]) -> tuple[Interval, ...]:
    """What is in the pieces and not in the removed; both merged before, as is the result."""
    left: list[Interval] = []
    holes = tuple(removed)
    passed = 0
    for piece in pieces:
        start = piece.open
        while passed < len(holes) and holes[passed].close <= start:
            passed += 1
        for hole in holes[passed:]:
            if hole.open >= piece.close:
                break
            if start < hole.open:
                left.append(Interval(start, hole.open))
            start = max(start, hole.close)
        if start < piece.close:
            left.append(Interval(start, piece.close))
    return tuple(left)


def intersect(pieces: tuple[Interval, ...], others: Iterable[Interval]) -> tuple[Interval, ...]:
    """What is in both; both merged before, as is the result."""
    return subtract(pieces, subtract(pieces, others))


def touches(pieces: tuple[Interval, ...], other: Interval) -> bool:
    """Whether merged pieces and another interval have an instant in common."""
    at = bisect_right(pieces, other.open, key=attrgetter("close"))
    return at < len(pieces) and pieces[at].open < other.close
