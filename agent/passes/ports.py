"""What passes need of the world, as Protocols; edges and the runtime stand behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from agent.core.contest import Fight
    from agent.core.declared import Snapshot
    from agent.core.report.values import Report
    from agent.core.schema import Node
    from agent.core.values import (
        Answer,
        Applied,
        Effect,
        GroupKind,
        Inventory,
        Key,
        KindInfo,
        Live,
        NamespaceFacts,
        Outcome,
        Package,
        PackageName,
        Question,
        Rendered,
        Root,
        Transition,
    )


class Source(Protocol):
    """What Git says, as far as it was read."""

    def snapshot(self) -> Snapshot | None:
        """The newest revision that was read whole, or None before the first."""
        ...

    def base(self, package: Package, applied: Applied) -> Rendered:
        """The package as it was declared, rendered at the revision last applied."""
        ...

    def polled_at(self) -> datetime | None:
        """When the repository was last asked with success."""
        ...

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or a descendant of it."""
        ...

    def resolve(self, revision: str) -> str:
        """The commit whose id begins so; empty where there is none, or several."""
        ...

    def at(self, package: Package, commit: str) -> Rendered:
        """The package as it is declared now, rendered at another commit."""
        ...

    def content(self, package: Package, commit: str) -> str:
        """Digest of what the package would be rendered of at a commit; empty where none can be."""
        ...


class Cluster(Protocol):
    """What is live, without a request wherever a watch knows it."""

    def synced(self, kinds: Iterable[GroupKind]) -> bool:
        """Whether all served kinds among these are listed and watched."""
        ...

    def objects(self, package: PackageName) -> Mapping[Key, Live]:
        """The objects that carry this package's label."""
        ...

    def get(self, key: Key) -> Live | None:
        """An object that carries our instance's label, whoever's it is."""
        ...

    def root(self, package: PackageName) -> Root | None:
        """The live Package object."""
        ...

    def namespace(self, name: str) -> NamespaceFacts:
        """The live Namespace; `exists` is False where there is none."""
        ...

    def kinds(self) -> Mapping[GroupKind, KindInfo]:
        """What discovery says is served."""
        ...

    def schemas(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Node]:
        """List topology of these (apiVersion, kind), where the server publishes it."""
        ...

    def scaled(self) -> frozenset[Key]:
        """Workloads that an autoscaler targets."""
        ...

    def ask(self, package: Package | None, questions: Sequence[Question]) -> tuple[Answer, ...]:
        """The server's answers; nothing is changed by asking."""
        ...


class Memory(Protocol):
    """What the agent remembers between passes, and what it learned in them."""

    def inventory(self, package: PackageName) -> Inventory:
        """What is remembered of a package; empty for one that was never seen."""
        ...

    def is_saved(self, package: PackageName) -> bool:
        """Whether the cluster has this inventory as it is."""
        ...

    def answers(self, package: PackageName, at: datetime) -> tuple[Answer, ...]:
        """What the server said and still counts."""
        ...

    def holder(self, key: Key) -> PackageName | None:
        """The package in whose inventory the object is."""
        ...

    def fights(self, keys: Iterable[Key]) -> Mapping[Key, Fight]:
        """Those of these objects that were repaired lately."""
        ...

    def report(self, package: PackageName) -> Report | None:
        """What the package's last pass told, if there was one since the start."""
        ...

    def packages(self) -> frozenset[PackageName]:
        """Every package that has an inventory."""
        ...


class Writer(Protocol):
    """The only one who writes to the cluster."""

    def perform(
        self, package: Package | None, effects: Sequence[Effect], deadline: datetime | None
    ) -> tuple[Outcome, ...]:
        """Carry out the effects; `Remember` is a barrier."""
        ...

    def remember(self, inventory: Inventory) -> bool:
        """Write the inventory; False where somebody else wrote it since."""
        ...

    def tell(
        self,
        package: Package | None,
        report: Report,
        inventory: Inventory,
        transitions: Sequence[Transition],
    ) -> None:
        """Bring the Package object, its status and its events up to date."""
        ...

    def retire(self, inventory: Inventory) -> bool:
        """Delete the Package object of a package that is over, and what is remembered of it.

        While Git was not told all of it, what is to be told stays; False where that could not be
        written.
        """
        ...


class World(Protocol):
    """Everything a package pass looks at and acts on."""

    @property
    def instance(self) -> str:
        """Which agent this is."""
        ...

    @property
    def cluster_name(self) -> str:
        """Which cluster this is, as declarations name it."""
        ...

    @property
    def source(self) -> Source:
        """Git."""
        ...

    @property
    def cluster(self) -> Cluster:
        """Kubernetes."""
        ...

    @property
    def memory(self) -> Memory:
        """What is remembered."""
        ...
