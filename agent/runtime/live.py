"""What is live of what we own: watches folded into records, with our own writes put in at once.

Never asks the server by itself once a kind is watched, and never judges what it sees.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent.core.live import (
    Gone,
    Interrupted,
    Listed,
    Listing,
    Observation,
    Seen,
    Unserved,
    key_of,
    record,
    version_of,
)
from agent.runtime.loops import Thread
from agent.runtime.records import Changed, Records
from agent.runtime.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agent.core.values import GroupKind, Key, Live, Manifest
    from agent.runtime.loops import Starts
    from agent.runtime.watcher import Source

_STOP_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Scope:
    """One watch, and how far it has come."""

    kind: GroupKind
    source: Source
    watcher: Watcher | None = None
    listed: bool = False
    listing: set[Key] | None = None
    """Keys of the list that is under way."""
    untold: dict[str, Changed] = field(default_factory=dict)
    """By package, the last change that the first list brought: a word for each when it is whole."""
    problem: str = ""
    unserved: bool = False

    def covers(self, key: Key) -> bool:
        """Whether the scope's list would show that object."""
        same_kind = (key.group, key.kind) == self.kind
        return same_kind and self.source.namespace in ("", key.namespace)


def _ignore(_: object) -> None:
    """Nobody listens."""


class LiveState:
    """All watched objects of this instance; safe from any thread."""

    def __init__(
        self,
        opens: Callable[[GroupKind], Sequence[Source]],
        on_change: Callable[[Changed], None] = _ignore,
        on_synced: Callable[[GroupKind], None] = _ignore,
        starts: Starts = Thread,
    ) -> None:
        """Start nothing yet.

        Args:
            opens: Gives the sources that together cover a kind; none where it is not served.
            on_change: Told of changes that others made, from watch threads, without a lock.
            on_synced: Told when a kind is known whole for the first time.
            starts: Runs the watches.
        """
        self._opens = opens
        self._on_change = on_change
        self._on_synced = on_synced
        self._starts = starts
        self._told = threading.Condition()  # its lock is reentrant
        self._records = Records()
        self._scopes: dict[GroupKind, list[_Scope]] = {}
        self._stopped = False

    def ensure(self, kinds: Iterable[GroupKind]) -> None:
        """Watch these kinds from now on; those that are not served are looked for again each time.

        Raises:
            ClusterError: nobody can say whether one of them is served.
        """
        for kind in sorted(kinds):
            if not self._is_watched(kind):
                self._watch(kind, [_Scope(kind, source) for source in self._opens(kind)])

    def synced(self, kinds: Iterable[GroupKind]) -> bool:
        """Whether all objects of these kinds are known; a kind that is not served has none."""
        with self._told:
            return all(self._is_synced(kind) for kind in kinds)

    def problems(self) -> dict[str, str]:
        """Say why what is known may be outdated: what is watched → reason."""
        with self._told:
            scopes = [scope for each in self._scopes.values() for scope in each]
            return {str(scope.source): scope.problem for scope in scopes if scope.problem}

    def objects(self, package: str) -> Mapping[Key, Live]:
        """Give the objects that carry this package label, as they are at this moment."""
        with self._told:
            return self._records.of_package(package)

    def get(self, key: Key) -> Live | None:
        """Give one object, None where it is not there, not ours, or its kind is not watched."""
        with self._told:
            return self._records.get(key)

    def put(self, live: Live) -> None:
        """Take in what the server answered to our write, at once; nobody is told."""
        with self._told:
            self._records.accept(live)
            self._told.notify_all()

    def gone(self, key: Key, uid: str) -> None:
        """Take in that this object certainly is no more; nobody is told."""
        with self._told:
            self._records.lose_uid(key, uid)
            self._told.notify_all()

    def wait_for(self, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds, looking again after every change; False if it never did."""
        with self._told:
            return self._told.wait_for(predicate, seconds)

    def stop(self) -> bool:
        """End all watches; False when one did not end within ten seconds."""
        with self._told:
            self._stopped = True
            scopes = [scope for each in self._scopes.values() for scope in each]
        watchers = [scope.watcher for scope in scopes if scope.watcher is not None]
        for watcher in watchers:
            watcher.close()
        deadline = time.monotonic() + _STOP_SECONDS
        ended = [watcher.join(deadline - time.monotonic()) for watcher in watchers]
        return all(ended)

    def _is_watched(self, kind: GroupKind) -> bool:
        with self._told:
            scopes = self._scopes.get(kind, [])
            return bool(scopes) and not any(scope.unserved for scope in scopes)

    def _is_synced(self, kind: GroupKind) -> bool:
        return kind in self._scopes and all(scope.listed for scope in self._scopes[kind])

    def _watch(self, kind: GroupKind, scopes: list[_Scope]) -> None:
        with self._told:
            if self._stopped or self._is_watched(kind):
                return  # another thread was faster
            self._scopes[kind] = scopes
            changes = [] if scopes else self._forget(kind)
            for scope in scopes:
                scope.watcher = Watcher(scope.source, self._folds(scope), self._starts)
                scope.watcher.start()
            self._told.notify_all()
        self._tell(changes)

    def _forget(self, kind: GroupKind) -> list[Changed]:
        """A kind that is not served has no objects: its definition took them along."""
        keys = self._records.keys(lambda key: (key.group, key.kind) == kind)
        return [change for key in keys for change in self._records.forget(key)]

    def _folds(self, scope: _Scope) -> Callable[[Observation], None]:
        return lambda observation: self._fold(scope, observation)

    def _fold(self, scope: _Scope, observation: Observation) -> None:
        # Parsed outside the lock; inside, records are only swapped.
        live = self._recorded(observation.manifest) if isinstance(observation, Seen) else None
        with self._told:
            before = self._is_synced(scope.kind)
            changes = self._see(scope, live) if live else self._note(scope, observation)
            changes = _held_back(scope, changes)
            synced = not before and self._is_synced(scope.kind)
            self._told.notify_all()
        self._tell(changes)
        if synced:
            self._on_synced(scope.kind)

    def _recorded(self, manifest: Manifest) -> Live:
        """Fold an object, unless it is known as it is: the echo of our own write, or of a list."""
        with self._told:
            known = self._records.get(key_of(manifest))
        if known is not None and known.version and known.version == version_of(manifest):
            return known
        return record(manifest)

    def _see(self, scope: _Scope, live: Live) -> Sequence[Changed]:
        if scope.listing is not None:
            scope.listing.add(live.key)
        return self._records.accept(live)

    def _note(self, scope: _Scope, observation: Observation) -> Sequence[Changed]:
        match observation:
            case Gone(manifest):
                return self._records.lose(key_of(manifest), version_of(manifest))
            case Listing():
                scope.listing = set()
            case Listed(version):
                return self._complete(scope, version)
            case Interrupted(says):
                scope.problem = says
            case Unserved():
                scope.unserved, scope.listed = True, False
            case _:
                scope.problem = ""
        return ()

    def _complete(self, scope: _Scope, version: str) -> list[Changed]:
        """Lose what the list did not show; what we wrote after it stays."""
        shown = scope.listing or set()
        missing = self._records.keys(lambda key: key not in shown and scope.covers(key))
        scope.listing, scope.listed = None, True
        return [change for key in missing for change in self._records.lose(key, version)]

    def _tell(self, changes: Iterable[Changed]) -> None:
        for change in changes:
            self._on_change(change)


def _held_back(scope: _Scope, changes: Sequence[Changed]) -> Sequence[Changed]:
    """Keep what a first list shows until it is whole: before, no pass may decide on its kind.

    Thousands of objects would wake their packages as often, only to find that they have to wait.
    """
    if not scope.listed:
        scope.untold |= {change.package: change for change in changes}
        return ()
    untold, scope.untold = scope.untold, {}
    return (*untold.values(), *changes)
