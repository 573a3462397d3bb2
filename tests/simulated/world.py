"""One agent without threads: real passes over a cluster in memory, a clock that jumps, and a kill.

What survives a kill is what a real agent has: Git, the cluster, and the inventories as they were
last written (through their codec). Everything else is made anew by `restart`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from facts_builder import CLUSTER, INSTANCE, NOW

from agent.core import words
from agent.core.admit import standings
from agent.core.codec import dump, load
from agent.core.declared import Declared, Snapshot
from agent.core.identity import package_label
from agent.core.live import key_of
from agent.core.values import (
    Accepted,
    Adopt,
    Answer,
    Applied,
    Apply,
    Ask,
    Complete,
    Delete,
    Effect,
    Found,
    Inventory,
    Key,
    Live,
    NamespaceFacts,
    NotThere,
    Outcome,
    Package,
    PackageName,
    Policies,
    Problem,
    Question,
    Reason,
    Rejected,
    Remember,
    Rendered,
    Root,
    Unknown,
    WasApplied,
    WasDeleted,
    WasNotTried,
    WasRefused,
)
from agent.passes.package import Passed, sync
from agent.runtime.memory import Memory
from simulated.api import SCHEMAS, Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agent.core.report.values import Report
    from agent.core.schema import Node
    from agent.core.values import GroupKind, KindInfo, Transition

PASSES = 60
"""More than any package here needs to come to rest."""


class Killed(BaseException):
    """The process is gone; nothing may catch this but the test."""


@dataclass(slots=True)
class Clock:
    """Time that moves when told to."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        """Return the virtual instant."""
        return self.at


@dataclass(slots=True)
class Git:
    """The newest revision, and every render there ever was."""

    clock: Clock
    commit: str = ""
    packages: dict[PackageName, Package] = field(default_factory=dict)
    rendered: dict[PackageName, Rendered] = field(default_factory=dict)
    since: dict[PackageName, str] = field(default_factory=dict)
    invalid: dict[PackageName, tuple[Problem, ...]] = field(default_factory=dict)
    policies: Policies = field(default_factory=Policies)
    namespaces: dict[str, NamespaceFacts] = field(default_factory=dict)
    complete: bool = True
    rewritten: bool = False
    base_lost: bool = False
    _past: dict[tuple[str, str], Complete] = field(default_factory=dict)
    _number: int = 0

    def commit_of(self) -> str:
        """Begin a new commit and name it."""
        self._number += 1
        self.commit = f"{self._number:040x}"[::-1]
        return self.commit

    def declare(self, package: Package, rendered: Rendered) -> None:
        """Put a package, as it renders now, into the newest commit."""
        rendered = replace(rendered, commit=self.commit)
        before = self.rendered.get(package.name)
        if getattr(before, "digest", None) != getattr(rendered, "digest", ""):
            self.since[package.name] = self.commit
        self.packages[package.name] = package
        self.rendered[package.name] = rendered
        if isinstance(rendered, Complete):
            self._past[(str(package.name), self.commit)] = rendered

    def remove(self, name: PackageName) -> None:
        """Take a package out of the newest commit."""
        self.packages.pop(name, None)
        self.rendered.pop(name, None)

    # --- agent.passes.ports.Source ---------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the newest revision."""
        claims: dict[Key, tuple[PackageName, ...]] = {}
        for name, rendered in self.rendered.items():
            for one in rendered.objects if isinstance(rendered, Complete) else ():
                claims[one.key] = (*claims.get(one.key, ()), name)
        declared = Declared(
            self.commit,
            dict(self.packages),
            complete=self.complete,
            says="" if self.complete else "a file can't be read",
            invalid=dict(self.invalid),
            policies=self.policies,
        )
        rendered = dict(self.rendered)
        return Snapshot(declared, rendered, dict(self.since), rendered, claims, self.namespaces)

    def base(self, package: Package, applied: Applied) -> Rendered:
        """Return what was applied last, unless that is lost."""
        found = self._past.get((str(package.name), applied.commit))
        if found is None or self.base_lost:
            return Unknown(Reason.BASE_UNKNOWN, "the applied revision can't be rendered")
        return replace(found, commit=applied.commit)

    def polled_at(self) -> datetime | None:
        """Return now: this repository is always polled."""
        return self.clock()

    def descends(self, commit: str, ancestor: str) -> bool:
        """Tell whether history is as it was; a commit always descends from itself."""
        return commit == ancestor or not self.rewritten

    def resolve(self, revision: str) -> str:
        """Return the commit that is named."""
        return revision if len(revision) == len(self.commit) else ""

    def content(self, package: Package, commit: str) -> str:  # noqa: ARG002 - as the port has it
        """Return that nobody knows: a broken package may be another every time."""
        return ""

    def at(self, package: Package, commit: str) -> Rendered:
        """Return what the package was at a commit."""
        return self.base(package, Applied(commit, ""))


@dataclass(slots=True)
class Cluster:
    """What passes see of the API: `agent.passes.ports.Cluster`."""

    api: Api
    spaces: dict[str, NamespaceFacts] = field(default_factory=dict)
    roots: dict[PackageName, Root] = field(default_factory=dict)
    autoscaled: frozenset[Key] = frozenset()
    asked: list[Question] = field(default_factory=list)

    def synced(self, kinds: Iterable[GroupKind]) -> bool:  # noqa: ARG002 - every kind is watched
        """Tell that everything is watched."""
        return True

    def objects(self, package: PackageName) -> Mapping[Key, Live]:
        """Return what carries the package's label."""
        return self.api.labelled(words.PACKAGE, package_label(INSTANCE, CLUSTER, package))

    def get(self, key: Key) -> Live | None:
        """Return an object if it carries our instance's label."""
        return self.api.labelled(words.INSTANCE, INSTANCE).get(key)

    def root(self, package: PackageName) -> Root | None:
        """Return the live Package."""
        return self.roots.get(package)

    def namespace(self, name: str) -> NamespaceFacts:
        """Return the live Namespace; one that was not mentioned is there, and bare."""
        return self.spaces.get(name, NamespaceFacts(name, exists=True))

    def kinds(self) -> Mapping[GroupKind, KindInfo]:
        """Return nothing, which means: do not ask discovery."""
        return {}

    def schemas(self, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Node]:
        """Return the topology of these kinds."""
        return {kind: SCHEMAS[kind] for kind in wanted if kind in SCHEMAS}

    def scaled(self) -> frozenset[Key]:
        """Return what autoscalers target."""
        return self.autoscaled

    def ask(self, package: Package | None, questions: Sequence[Question]) -> tuple[Answer, ...]:  # noqa: ARG002
        """Answer by dry runs and reads."""
        self.asked += questions
        return tuple(
            Answer(each.key, each.ask, each.digest, self._says(each), each.uid)
            for each in questions
        )

    def _says(self, question: Question) -> Any:
        if question.ask is Ask.READ:
            live = self.api.get(question.key)
            return Found(live) if live else NotThere()
        if question.ask is Ask.CREATE:
            return self.api.dry_create(question.body) or Accepted()
        assert key_of(question.body) == question.key
        answer = self.api.apply(question.body, uid=question.uid, dry=True)
        return answer if isinstance(answer, Rejected) else Accepted()


@dataclass(slots=True)
class Writer:
    """Performs effects one by one; `step` is called before and after each: a place to die."""

    api: Api
    clock: Clock
    disk: dict[PackageName, bytes]
    step: Callable[[str], None]

    def perform(
        self, package: Package | None, effects: Sequence[Effect], deadline: datetime | None
    ) -> tuple[Outcome, ...]:
        """Carry out the effects in order; nothing is begun after the deadline."""
        assert package is not None or not effects
        outcomes: list[Outcome] = []
        for effect in effects:
            if isinstance(effect, Remember):
                self.remember(effect.inventory)
                continue
            if deadline is not None and self.clock() >= deadline:
                outcomes.append(WasNotTried(effect.key, "the deadline has passed"))
                continue
            self.step(f"before {effect.key}")
            outcomes.append(self._perform(effect))
            self.step(f"after {effect.key}")
        return tuple(outcomes)

    def _perform(self, effect: Apply | Adopt | Delete) -> Outcome:
        match effect:
            case Apply():
                version = effect.version if effect.uid else "1"
                answer = self.api.apply(effect.body, uid=effect.uid, version=version)
                if isinstance(answer, Live):
                    return WasApplied(effect.key, effect.digest, answer)
                return WasRefused(effect.key, effect.digest, answer, effect.uid)
            case Adopt():
                folded = self.api.fold(effect.key, effect.uid, effect.version, effect.managers)
                if isinstance(folded, Live):
                    return WasApplied(effect.key, "", folded)
                return WasRefused(effect.key, "", folded, effect.uid)
            case Delete():
                assert effect.uid, effect
                assert effect.version, effect
                refused = self.api.delete(
                    effect.key, effect.uid, effect.version, effect.propagation
                )
                if refused is None or refused.code == 404:
                    return WasDeleted(effect.key, effect.uid)
                return WasRefused(effect.key, "", refused, effect.uid)

    def remember(self, inventory: Inventory) -> bool:
        """Write the inventory as the bytes of its codec."""
        self.step("before remembering")
        self.disk[inventory.package] = orjson.dumps(dump(inventory))
        self.step("after remembering")
        return True

    def tell(
        self,
        package: Package | None,
        report: Report,
        inventory: Inventory,
        transitions: Sequence[Transition],
    ) -> None:
        """Tell nobody."""

    def retire(self, inventory: Inventory) -> bool:
        """Forget the package."""
        self.step("before retiring")
        self.disk.pop(inventory.package, None)
        self.step("after retiring")
        return True


@dataclass(slots=True)
class World:
    """Everything passes look at and act on: `agent.passes.ports.World`, with handles for tests."""

    clock: Clock
    git: Git
    api: Api
    cluster: Cluster
    writer: Writer
    memory: Memory = field(default_factory=Memory)
    disk: dict[PackageName, bytes] = field(default_factory=dict)
    passed: dict[PackageName, Passed] = field(default_factory=dict)
    """The last pass over each package."""
    die_at: int = 0
    """The how-manieth step kills, 0: none."""
    steps: int = 0
    instance: str = INSTANCE
    cluster_name: str = CLUSTER

    @property
    def source(self) -> Git:
        """Git, as passes call it."""
        return self.git

    def step(self, _where: str) -> None:
        """Count a place where a process may die, and die there if told to."""
        self.steps += 1
        if self.steps == self.die_at:
            raise Killed

    def restart(self) -> None:
        """Begin again with nothing but what was written."""
        self.memory = Memory()
        self.passed = {}
        self.memory.load(
            {name: load(Inventory, orjson.loads(data)) for name, data in self.disk.items()}
        )

    def inventory(self, name: PackageName) -> Inventory:
        """Return what is on disk."""
        return load(Inventory, orjson.loads(self.disk[name]))  # type: ignore[no-any-return]

    def look(self, name: PackageName) -> Passed:
        """Run one pass."""
        passed = sync(name, self, self.writer, self.clock)
        assert passed is not None
        facts = passed.result.facts
        self.memory.put(passed, standings(facts, facts.now))
        self.passed[name] = passed
        return passed

    def run(self) -> None:
        """Run passes, and let controllers work, until nothing moves by itself."""
        for _ in range(PASSES):
            before = (dict(self.api.objects), dict(self.disk))
            names = sorted({*self.git.packages, *self.git.invalid, *self.memory.packages()})
            again = [self.look(name).again for name in names]
            self.api.settle()
            if not any(again) and before == (self.api.objects, self.disk):
                return
        raise AssertionError("the world does not come to rest")

    def later(self, **span: float) -> None:
        """Let time pass: `later(minutes=5)`."""
        self.clock.at += timedelta(**span)


def new_world() -> World:
    """Return an empty cluster, an empty repository, and an agent that was just started."""
    clock, disk = Clock(), dict[PackageName, bytes]()
    api = Api(clock)
    cluster = Cluster(api)
    writer = Writer(api, clock, disk, lambda _: None)
    world = World(clock, Git(clock), api, cluster, writer, disk=disk)
    writer.step = world.step
    return world
