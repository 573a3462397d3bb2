"""Looks at packages as their passes would, and ends there: no writer, nothing is remembered.

The same `observe`, `consider` and `judge` as the agent's, so what is shown is what would be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from agent.core.admit import standings
from agent.core.report.judge import judge
from agent.core.values import Complete, GroupKind, Result
from agent.passes.observe import observe
from agent.passes.package import Passed, conclude, consider

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from agent.core.declared import Snapshot
    from agent.core.report.values import Report
    from agent.core.values import PackageName
    from agent.passes.ports import Source
    from agent.runtime.memory import Memory
    from agent.runtime.snapshot import ListedCluster


@dataclass(frozen=True, slots=True)
class Scene:
    """What is looked at; see `agent.passes.ports.World`."""

    instance: str
    cluster_name: str
    agent_namespace: str
    source: Source
    cluster: ListedCluster
    memory: Memory
    """Of this look only: loaded with what the cluster remembers, never written back."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One package as its next pass would find it."""

    result: Result
    report: Report


def everyone(scene: Scene) -> tuple[PackageName, ...]:
    """Name all packages there are: declared ones, also badly, and remembered ones."""
    snapshot = scene.source.snapshot()
    if snapshot is None:
        return ()
    declared = snapshot.declared
    return tuple(sorted({*declared.packages, *declared.invalid, *scene.memory.packages()}))


def look(scene: Scene, names: Iterable[PackageName], now: datetime) -> tuple[Looked, ...]:
    """Look at packages, in the order of their names, and before at what they depend on.

    A pass judges a dependency, or a package that an object moves away from, by its last pass: so
    those are looked at first, though nobody asked for them.

    Raises:
        AgentError: something could not be read.
    """
    snapshot = scene.source.snapshot()
    if snapshot is None:
        return ()
    wanted = sorted({*names})
    found: dict[PackageName, Looked] = {}
    order = _ordered(wanted, snapshot, scene.memory)
    _fetch(order, snapshot, scene.cluster)
    for name in order:
        looked = _look(scene, name, now)
        if looked is not None:
            found[name] = looked
    return tuple(found[name] for name in wanted if name in found)


def _look(scene: Scene, name: PackageName, now: datetime) -> Looked | None:
    facts = observe(name, scene, now)
    if facts is None:
        return None
    facts, decision = consider(facts, scene.cluster)
    inventory = conclude(facts, decision, ())
    result = Result(facts, decision)
    report = judge(result, inventory)
    passed = Passed(result, report, facts.inventory, facts.saved, facts.answers)
    scene.memory.put(passed, standings(facts, now))
    return Looked(result, report)


def _ordered(
    wanted: Iterable[PackageName], snapshot: Snapshot, memory: Memory
) -> tuple[PackageName, ...]:
    """Put names after all they rest on; packages in a circle are invalid and rest on nothing."""
    graph: dict[PackageName, frozenset[PackageName]] = {}
    open_names = [*wanted]
    while open_names:
        name = open_names.pop()
        if name not in graph:
            graph[name] = frozenset(_before(name, snapshot, memory)) - {name}
            open_names += graph[name]
    return _sorted(graph)


def _sorted(graph: Mapping[PackageName, frozenset[PackageName]]) -> tuple[PackageName, ...]:
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError:  # two packages that swap objects: no order is right, any will do
        return tuple(sorted(graph))


def _before(name: PackageName, snapshot: Snapshot, memory: Memory) -> Iterator[PackageName]:
    package = snapshot.declared.packages.get(name)
    yield from package.depends_on if package else ()
    rendered = snapshot.rendered.get(name)
    for desired in rendered.objects if isinstance(rendered, Complete) else ():
        holder = memory.holder(desired.key)
        if holder is not None:
            yield holder


def _fetch(names: Iterable[PackageName], snapshot: Snapshot, cluster: ListedCluster) -> None:
    """Read at once what would otherwise be read one by one."""
    keys = {
        desired.key
        for name in names
        if isinstance(rendered := snapshot.rendered.get(name), Complete)
        for desired in rendered.objects
    }
    cluster.synced({GroupKind(key.group, key.kind) for key in keys})
    cluster.fetch(keys)
