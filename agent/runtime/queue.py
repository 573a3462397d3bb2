"""The keyed queue: one pass per key at a time; a wake during a pass means one more after it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

K = TypeVar("K", bound="Hashable")


class Queue(Generic[K]):
    """Keys that want a pass: `ready` in order, `running` now, `dirty` woken while they ran."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ready: OrderedDict[K, None] = OrderedDict()
        self._running: set[K] = set()
        self._dirty: set[K] = set()
        self._stopped = False

    def wake(self, *keys: K) -> None:
        """Ask for a pass over each key; asking twice before it starts is asking once."""
        self.wake_all(keys)

    def wake_all(self, keys: Iterable[K]) -> None:
        """As `wake`, under one lock."""
        with self._changed:
            for key in keys:
                if key in self._running:
                    self._dirty.add(key)
                else:
                    self._ready.setdefault(key)
            self._changed.notify_all()

    def take(self) -> K | None:
        """Wait for a key and mark it running; None once the queue was stopped."""
        with self._changed:
            while not self._ready and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return None
            key, _ = self._ready.popitem(last=False)
            self._running.add(key)
            return key

    def done(self, key: K) -> None:
        """End the pass over a key; if it was woken meanwhile it is ready again."""
        with self._changed:
            self._running.discard(key)
            if key in self._dirty:
                self._dirty.discard(key)
                self._ready.setdefault(key)
            self._changed.notify_all()

    def is_idle(self) -> bool:
        """Whether nothing is ready or running."""
        with self._changed:
            return not self._ready and not self._running

    def wait_idle(self, seconds: float | None) -> bool:
        """Wait until nothing is ready or running; False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._stopped or (not self._ready and not self._running), seconds
            )

    def stop(self) -> None:
        """Hand out no key any more and release everybody who waits."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
