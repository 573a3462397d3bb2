"""Watches: the log of the store from one version on, as lines; never asks the store for objects.

Rules: API concepts, "Efficient detection of changes", "Streaming lists" (kubernetes.io), KEP-956.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from agent.sandbox.refusals import expired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from agent.sandbox.selectors import Selector
    from agent.sandbox.store import Event, Store, Stored

BOOKMARK: Final = timedelta(seconds=60)


class Bookmark(Protocol):
    """How a version is told."""

    def __call__(self, version: int, *, ended: bool) -> bytes:
        """Write the line; `ended` says that the initial events are over."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one watch is about."""

    resource: str
    namespace: str
    selector: Selector
    show: Callable[[Stored], bytes]
    """How an object is told: in which version, whole or as metadata, row of a table."""
    bookmark: Bookmark | None
    """None: nobody asked for bookmarks."""


class WatchStream:
    """One watch: iterated by one thread, closed by any; `take` is for those who never wait."""

    def __init__(
        self,
        store: Store,
        wanted: Wanted,
        since: int,
        first: list[bytes],
        clock: Callable[[], datetime],
        lasts: timedelta | None,
    ) -> None:
        """Begin after a version.

        Raises:
            RefusalError: 410, the log does not reach back that far.
        """
        if since < store.oldest:
            raise expired(f"too old resource version: {since} ({store.oldest})")
        self._store = store
        self._wanted = wanted
        self._clock = clock
        self._ends = clock() + lasts if lasts is not None else None
        self._told = clock()
        self._version = since
        self._position = store.dropped + _after(store.log, since)
        self._lines = first
        self._closed = False
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines without their LF, waiting for more until `close` or the end."""
        while True:
            with self._store.changed:
                lines = self.take()
                while not lines and not self._closed and not self._over:
                    self._store.changed.wait()
                    lines = self.take()
            yield from lines
            if self._closed or (self._over and not lines):
                return

    def take(self) -> list[bytes]:
        """Give what is there to tell now, without waiting."""
        with self._store.lock:
            lines, self._lines = self._lines, []
            if self._closed or self._over:
                return lines
            if self._position < self._store.dropped:
                self._over = True
                gone = expired(f"too old resource version: {self._version} ({self._store.oldest})")
                return [*lines, line("ERROR", orjson.dumps(gone.status()))]
            for event in self._store.log[self._position - self._store.dropped :]:
                told = self._told_of(event)
                if told:
                    lines.append(told)
                self._version = event.version
            self._position = self._store.dropped + len(self._store.log)
            return lines

    def tick(self) -> None:
        """Look at the clock: a bookmark may be due, or the end."""
        now = self._clock()
        with self._store.lock:
            if self._wanted.bookmark is not None and now - self._told >= BOOKMARK:
                self._lines += [
                    *self.take(),
                    self._wanted.bookmark(self._store.version, ended=False),
                ]
                self._told = now
                self._store.changed.notify_all()
            if self._ends is not None and now >= self._ends:
                self._over = True
                self._store.changed.notify_all()

    @property
    def has_news(self) -> bool:
        """Whether `take` has anything to look at."""
        with self._store.lock:
            return bool(self._lines) or self._position < self._store.dropped + len(self._store.log)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._closed or self._over

    def close(self) -> None:
        """End a waiting iteration at once, from any thread."""
        with self._store.changed:
            self._closed = True
            self._store.changed.notify_all()

    def _told_of(self, event: Event) -> bytes:
        wanted = self._wanted
        if event.resource != wanted.resource:
            return b""
        if wanted.namespace and event.last.place[0] != wanted.namespace:
            return b""
        before = event.before is not None and wanted.selector.matches(event.before.object)
        after = event.after is not None and wanted.selector.matches(event.after.object)
        if not (before or after):
            return b""
        kind = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
        return line(kind, wanted.show(event.last))


def line(kind: str, data: bytes) -> bytes:
    """Write one event."""
    return b'{"type":"%s","object":%s}' % (kind.encode(), data)


def _after(log: list[Event], version: int) -> int:
    """Find the first event after a version; the log is in their order."""
    low, high = 0, len(log)
    while low < high:
        middle = (low + high) // 2
        if log[middle].version <= version:
            low = middle + 1
        else:
            high = middle
    return low


def bookmark(api_version: str, kind: str, version: int, *, ended: bool) -> bytes:
    """Write the bookmark of a version."""
    metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
    if ended:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    body = {"kind": kind, "apiVersion": api_version, "metadata": metadata}
    return line("BOOKMARK", orjson.dumps(body))
