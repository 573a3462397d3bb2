"""The cluster as passes see it: watches, discovery, schemas and dry runs behind one Protocol.

Never decides and never writes; see `agent.passes.ports.Cluster` for what each question means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agent.core.identity import acts_as, package_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agent.core.schema import Node
    from agent.core.values import (
        Answer,
        GroupKind,
        Key,
        KindInfo,
        Live,
        NamespaceFacts,
        Package,
        PackageName,
        Question,
        Root,
    )
    from agent.runtime.live import LiveState
    from agent.runtime.surroundings import Surroundings


class Kinds(Protocol):
    """What is served."""

    def kinds(self) -> Mapping[GroupKind, KindInfo]:
        """Every kind by group."""
        ...


class Schemas(Protocol):
    """List topology by kind."""

    def node(self, api_version: str, kind: str) -> Node | None:
        """A kind's schema, or None."""
        ...


class Asks(Protocol):
    """Dry runs and reads."""

    def ask(self, questions: Iterable[Question], impersonate: str = "") -> tuple[Answer, ...]:
        """One answer per question."""
        ...


class WatchedCluster:
    """Everything live, from watches; only questions cost a request."""

    def __init__(  # noqa: PLR0913 - what it is made of, each once
        self,
        *,
        instance: str,
        cluster: str,
        live: LiveState,
        surroundings: Surroundings,
        discovery: Kinds,
        schemas: Schemas,
        reader: Asks,
    ) -> None:
        self._instance = instance
        self._cluster = cluster
        self._live = live
        self._surroundings = surroundings
        self._discovery = discovery
        self._schemas = schemas
        self._reader = reader

    def synced(self, kinds: Iterable[GroupKind]) -> bool:
        """Whether all served kinds among these are listed and watched; starts what is missing."""
        wanted = frozenset(kinds)
        self._live.ensure(wanted)
        return self._surroundings.synced() and self._live.synced(wanted)

    def problems(self) -> Mapping[str, str]:
        """What can't be seen, or only as it was: what is watched → reason."""
        return {**self._surroundings.problems(), **self._live.problems()}

    def objects(self, package: PackageName) -> Mapping[Key, Live]:
        """The objects that carry this package's label."""
        return self._live.objects(package_label(self._instance, self._cluster, package))

    def get(self, key: Key) -> Live | None:
        """An object that carries our instance's label, whoever's it is."""
        return self._live.get(key)

    def root(self, package: PackageName) -> Root | None:
        """The live Package object."""
        return self._surroundings.root(package)

    def namespace(self, name: str) -> NamespaceFacts:
        """The live Namespace; `exists` is False where there is none."""
        return self._surroundings.namespace(name)

    def kinds(self) -> Mapping[GroupKind, KindInfo]:
        """What discovery says is served."""
        return self._discovery.kinds()

    def schemas(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Node]:
        """List topology of these (apiVersion, kind), where the server publishes it."""
        found = {each: self._schemas.node(*each) for each in wanted}
        return {each: node for each, node in found.items() if node is not None}

    def scaled(self) -> frozenset[Key]:
        """Workloads that an autoscaler targets."""
        return self._surroundings.scaled()

    def ask(self, package: Package | None, questions: Sequence[Question]) -> tuple[Answer, ...]:
        """The server's answers, asked as the package's ServiceAccount where it names one."""
        return self._reader.ask(questions, acts_as(package) if package else "")
