"""What is live around our objects: Namespaces, Packages, autoscalers, definitions of kinds.

Never keeps more than what planning asks of them: annotations and labels, and what is scaled.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from agent.core.live import (
    Gone,
    Interrupted,
    Listed,
    Listing,
    Observation,
    Seen,
    Unserved,
    key_of,
    namespace_facts,
    root,
    version_of,
)
from agent.core.reading import at, group_kind, text
from agent.core.values import GroupKind, Key, Manifest, NamespaceFacts, PackageName, Root
from agent.core.words import GROUP
from agent.runtime.loops import Thread
from agent.runtime.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from agent.runtime.loops import Starts
    from agent.runtime.watcher import Source

    class Opens(Protocol):
        """Gives the sources that cover a kind in the whole cluster."""

        def __call__(self, kind: GroupKind, *, metadata_only: bool) -> Sequence[Source]:
            """Give none where the kind is not served."""
            ...


NAMESPACE: Final = GroupKind("", "Namespace")
PACKAGE: Final = GroupKind(GROUP, "Package")
AUTOSCALER: Final = GroupKind("autoscaling", "HorizontalPodAutoscaler")
DEFINITION: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_STOP_SECONDS: Final = 10.0


def scale_target(manifest: Manifest) -> Key:
    """Name the workload that an autoscaler scales."""
    target = at(manifest, "spec", "scaleTargetRef") or {}
    group, kind = group_kind(target)
    return Key(group, kind, text(at(manifest, "metadata", "namespace")), text(target.get("name")))


def _settled(value: Any) -> Any:
    """Leave out what changes when we tell a Package its own status."""
    return replace(value, version="", told="") if isinstance(value, Root) else value


@dataclass(slots=True)
class _Table:
    """The values of one kind, from one watch."""

    kind: GroupKind
    read: Callable[[Manifest], Any]
    metadata_only: bool = False
    needed: bool = False
    """Nothing may be decided before this is known."""
    rows: dict[Key, Any] = field(default_factory=dict)
    listing: set[Key] | None = None
    listed: bool = False
    watcher: Watcher | None = None
    name: str = ""
    problem: str = ""

    def fold(self, observation: Observation) -> tuple[Key, ...]:
        """Take an observation in and name what changed; the first list changes nothing."""
        match observation:
            case Seen(manifest):
                return self._see(manifest)
            case Gone(manifest):
                return self._lose((key_of(manifest),))
            case Listing():
                self.listing = set()
            case Listed():
                missing = self.rows.keys() - (self.listing or set())
                changed = self._lose(tuple(missing))
                self.listing, self.listed = None, True
                return changed
            case Interrupted(says):
                self.problem = says
            case Unserved():
                changed = self._lose(tuple(self.rows))
                self.listed, self.watcher = False, None
                return changed
            case _:
                self.problem = ""
        return ()

    def _see(self, manifest: Manifest) -> tuple[Key, ...]:
        key, value = key_of(manifest), self.read(manifest)
        if self.listing is not None:
            self.listing.add(key)
        before, self.rows[key] = self.rows.get(key), value
        same = before is not None and _settled(before) == _settled(value)
        return (key,) if self.listed and not same else ()

    def _lose(self, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        lost = tuple(key for key in keys if self.rows.pop(key, None) is not None)
        return lost if self.listed else ()


class Surroundings:
    """The tables that passes read; safe from any thread."""

    def __init__(
        self,
        opens: Opens,
        on_change: Callable[[Key], None] = lambda _: None,
        on_synced: Callable[[], None] = lambda: None,
        starts: Starts = Thread,
    ) -> None:
        """Start nothing yet.

        Args:
            opens: Gives the sources of a kind.
            on_change: Told what changed after the first list, from watch threads, without a lock.
            on_synced: Told when all that is needed is known, for passes that waited for it.
            starts: Runs the watches.
        """
        self._opens = opens
        self._on_change = on_change
        self._on_synced = on_synced
        self._starts = starts
        self._told = threading.Condition()
        self._stopped = False
        self._tables = {
            NAMESPACE: _Table(NAMESPACE, namespace_facts, metadata_only=True, needed=True),
            PACKAGE: _Table(PACKAGE, root, needed=True),
            AUTOSCALER: _Table(AUTOSCALER, scale_target),
            DEFINITION: _Table(DEFINITION, version_of, metadata_only=True),
        }

    def ensure(self) -> None:
        """Watch what is not watched yet; a kind that is not served now may be later.

        Raises:
            ClusterError: nobody can say whether one of the kinds is served.
        """
        for table in self._tables.values():
            if table.watcher is None:
                self._watch(table, self._opens(table.kind, metadata_only=table.metadata_only))

    def synced(self) -> bool:
        """Whether Namespaces and Packages are known."""
        with self._told:
            return all(table.listed for table in self._tables.values() if table.needed)

    def namespace(self, name: str) -> NamespaceFacts:
        """Give what is live of a Namespace; `exists` is False where there is none."""
        with self._told:
            found: NamespaceFacts | None = self._tables[NAMESPACE].rows.get(
                Key("", "Namespace", "", name)
            )
        return found or NamespaceFacts(name)

    def namespaces(self) -> Mapping[str, NamespaceFacts]:
        """Give all live Namespaces by name."""
        with self._told:
            return {key.name: facts for key, facts in self._tables[NAMESPACE].rows.items()}

    def root(self, package: PackageName) -> Root | None:
        """Give the live Package."""
        with self._told:
            found: Root | None = self._tables[PACKAGE].rows.get(Key(*PACKAGE, *package))
        return found

    def roots(self) -> Mapping[PackageName, Root]:
        """Give all live Packages, of every instance."""
        with self._told:
            rows = self._tables[PACKAGE].rows
            return {PackageName(key.namespace, key.name): each for key, each in rows.items()}

    def scaled(self) -> frozenset[Key]:
        """Name the workloads that an autoscaler scales."""
        with self._told:
            return frozenset(self._tables[AUTOSCALER].rows.values())

    def problems(self) -> dict[str, str]:
        """Say why what is known may be outdated or missing: what is watched → reason."""
        with self._told:
            return {each.name: each.problem for each in self._tables.values() if each.problem}

    def wait_for(self, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds, looking again after every change; False if it never did."""
        with self._told:
            return self._told.wait_for(predicate, seconds)

    def stop(self) -> bool:
        """End all watches; False when one did not end within ten seconds."""
        with self._told:
            self._stopped = True
            watchers = [each.watcher for each in self._tables.values() if each.watcher]
        for watcher in watchers:
            watcher.close()
        deadline = time.monotonic() + _STOP_SECONDS
        ended = [watcher.join(deadline - time.monotonic()) for watcher in watchers]
        return all(ended)

    def _watch(self, table: _Table, sources: Sequence[Source]) -> None:
        with self._told:
            if self._stopped or table.watcher is not None:
                return
            # A kind that is not served has no objects, and may come.
            table.listed = table.listed or not sources
            for source in sources:
                table.listed, table.name = False, str(source)
                table.watcher = Watcher(source, self._folds(table), self._starts)
                table.watcher.start()
            self._told.notify_all()

    def _folds(self, table: _Table) -> Callable[[Observation], None]:
        return lambda observation: self._fold(table, observation)

    def _fold(self, table: _Table, observation: Observation) -> None:
        with self._told:
            before = self.synced()
            changed = table.fold(observation)
            synced = not before and self.synced()
            self._told.notify_all()
        for key in changed:
            self._on_change(key)
        if synced:
            self._on_synced()
