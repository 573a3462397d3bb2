"""The cluster as seen once, by lists and reads: for whoever looks and then ends.

Never watches, never writes, and asks for nothing twice.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

from agent.core import words
from agent.core.identity import acts_as, package_label
from agent.core.live import namespace_facts, root, unpack
from agent.core.values import GroupKind, Key, NamespaceFacts, PackageName, Rejected
from agent.runtime.surroundings import AUTOSCALER, NAMESPACE, PACKAGE, scale_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.core.schema import Node
    from agent.core.values import Answer, KindInfo, Live, Package, Question, Root
    from agent.runtime.view import Kinds, Schemas

    class Reads(Protocol):
        """Reads and dry runs; see `agent.edges.kube.read`."""

        def get(self, key: Key, version: str = "", impersonate: str = "") -> Live | None:
            """Read one object; None: it is not there."""
            ...

        def list(self, kind: GroupKind, namespace: str = "", selector: str = "") -> Iterator[Live]:
            """Read all objects of a kind; none where it is not served."""
            ...

        def ask(self, questions: Iterable[Question], impersonate: str = "") -> tuple[Answer, ...]:
            """Give one answer per question."""
            ...


_AT_ONCE: Final = 8
"""Reads under way together."""
_FORBIDDEN: Final = 403


class ListedCluster:
    """See `agent.passes.ports.Cluster`; everything is read on first use and then kept.

    Unlike a watch it also sees objects that carry no label of ours under a key that is wanted, so
    that an adoption shows before anything is tried.
    """

    def __init__(
        self, instance: str, cluster: str, reader: Reads, discovery: Kinds, schemas: Schemas
    ) -> None:
        """Ask nothing yet."""
        self._instance = instance
        self._cluster = cluster
        self._reader = reader
        self._discovery = discovery
        self._schemas = schemas
        self._listed: set[GroupKind] = set()
        self._ours: dict[Key, Live] = {}
        self._read: dict[Key, Live | None] = {}
        self._roots: Mapping[PackageName, Root] | None = None
        self._scaled: frozenset[Key] | None = None

    def synced(self, kinds: Iterable[GroupKind]) -> bool:
        """List the kinds that are not listed yet; then everything is known."""
        missing = sorted({*kinds} - self._listed)
        selector = f"{words.INSTANCE}={self._instance}"
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda kind: [*self._reader.list(kind, selector=selector)], missing)
            self._ours |= {live.key: live for each in found for live in each}
        self._listed |= {*missing}
        return True

    def fetch(self, keys: Iterable[Key]) -> None:
        """Read objects that no list of ours has, several at a time; later looks cost nothing."""
        missing = sorted({*keys} - self._ours.keys() - self._read.keys())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._read |= dict(zip(missing, pool.map(self._reader.get, missing), strict=True))

    def objects(self, package: PackageName) -> Mapping[Key, Live]:
        """The objects that carry this package's label, of the kinds listed so far."""
        label = package_label(self._instance, self._cluster, package)
        return {k: live for k, live in self._ours.items() if live.marks.get(words.PACKAGE) == label}

    def get(self, key: Key) -> Live | None:
        """An object, whoever's it is."""
        if key not in self._ours:
            self.fetch((key,))
        return self._ours.get(key) or self._read.get(key)

    def root(self, package: PackageName) -> Root | None:
        """The live Package object."""
        if self._roots is None:
            packages = self._reader.list(PACKAGE)
            self._roots = {
                PackageName(each.key.namespace, each.key.name): root(unpack(each))
                for each in packages
            }
        return self._roots.get(package)

    def namespace(self, name: str) -> NamespaceFacts:
        """The live Namespace; `exists` is False where there is none."""
        found = self.get(Key(*NAMESPACE, "", name))
        return namespace_facts(unpack(found)) if found else NamespaceFacts(name)

    def kinds(self) -> Mapping[GroupKind, KindInfo]:
        """What discovery says is served."""
        return self._discovery.kinds()

    def schemas(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Node]:
        """List topology of these (apiVersion, kind), where the server publishes it."""
        found = {each: self._schemas.node(*each) for each in wanted}
        return {each: node for each, node in found.items() if node is not None}

    def scaled(self) -> frozenset[Key]:
        """Workloads that an autoscaler targets."""
        if self._scaled is None:
            scalers = self._reader.list(AUTOSCALER)
            self._scaled = frozenset(scale_target(unpack(each)) for each in scalers)
        return self._scaled

    def ask(self, package: Package | None, questions: Sequence[Question]) -> tuple[Answer, ...]:
        """The server's answers, as the package's ServiceAccount where whoever looks may act as it.

        Where not, it is asked as ourselves: what an object would become is the same, only whether
        that account may write it stays unsaid.
        """
        account = acts_as(package) if package else ""
        answers = self._reader.ask(questions, account)
        if account and any(map(_may_not_act, answers)):
            return self._reader.ask(questions)
        return answers


def _may_not_act(answer: Answer) -> bool:
    """Whether the server refused the impersonation itself (RBAC verb `impersonate`)."""
    says = answer.says
    refused = isinstance(says, Rejected) and says.code == _FORBIDDEN
    return refused and "cannot impersonate" in getattr(says, "message", "")
