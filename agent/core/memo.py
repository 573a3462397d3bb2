"""Remembers what a pure function gave for a key; bounded, and right to lose at any time.

Never holds what it was computed from: the key has to tell everything that the value depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")


class Memo(Generic[K, V]):
    """Values by key; safe from any thread, for each step is one operation on a dict."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._newer: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Give the value of a key, made where it is not known (any more)."""
        newer = self._newer
        found = newer.get(key)
        if found is None:
            found = self._older.get(key)
            if found is None:
                found = make()
            newer[key] = found
            # What was not asked for since the last turn is forgotten at the next one.
            if len(newer) > self._size:
                self._older, self._newer = newer, {}
        return found
