"""Package documents of a revision → the packages of this cluster, and which can't be used.

Never decides that a package was removed; one that is declared badly is still declared.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from agent.core.select import name_matches
from agent.core.values import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.core.kinds.parsed import PackageDocument, Parsed
    from agent.core.values import Package, PackageName


@dataclass(frozen=True, slots=True)
class Placed:
    """A document and the file it stands in."""

    path: str
    document: PackageDocument

    def problem(self, says: str, at: tuple[int, int] | None = None) -> Problem:
        """Return a problem of this package, at its first line unless said otherwise."""
        line, column = at or (self.document.line, self.document.column)
        return Problem(self.path, line, column, says, "Package", str(self.document.name))

    def __str__(self) -> str:
        return f"{self.document.name} ({self.path}:{self.document.line})"


@dataclass(frozen=True, slots=True)
class PackageSet:
    """The packages of one cluster at one revision."""

    good: Mapping[PackageName, Package]
    bad: Mapping[PackageName, tuple[Problem, ...]]
    problems: tuple[Problem, ...]


def is_under(path: str, folder: str) -> bool:
    """Whether a path is in a folder, at any depth; `.` is the whole repository."""
    return folder in {".", path} or path.startswith(f"{folder}/")


def swallowed(files: Mapping[str, Parsed], free: str) -> dict[str, Placed]:
    """Return the files that lie in the source folder of a package they don't declare.

    A package's own file may lie in its source folder, and so may another's with that same folder.
    Files under `free`, the policy path, are nobody's manifests.
    """
    owners: dict[str, Placed] = {}
    own: dict[str, set[str]] = defaultdict(set)
    for placed in everything(files):
        if placed.document.folder is not None:
            owners.setdefault(placed.document.folder, placed)
            own[placed.path].add(placed.document.folder)
    found = {}
    for path in files:
        owner = None if is_under(path, free) else _owner(path, owners, own.get(path, set()))
        if owner:
            found[path] = owner
    return found


def _owner(path: str, owners: Mapping[str, Placed], own: set[str]) -> Placed | None:
    """Return the package whose source folder is nearest above a path, leaving out its own."""
    folder = path
    while folder != ".":
        folder = folder.rpartition("/")[0] or "."
        if folder in owners and folder not in own:
            return owners[folder]
    return None


def everything(files: Mapping[str, Parsed]) -> Iterator[Placed]:
    """Yield every package document in the order of paths and lines."""
    for path, parsed in sorted(files.items()):
        for document in parsed.packages:
            yield Placed(path, document)


def package_set(
    documents: Iterable[Placed], nested: Mapping[str, Placed], cluster: str
) -> PackageSet:
    """Judge the documents together: places, duplicates, cycles.

    Args:
        documents: all package documents of the revision.
        nested: files that lie in another package's source → that package.
        cluster: name of this agent's cluster; what is for others only is left out.
    """
    found: dict[PackageName, list[Placed]] = defaultdict(list)
    problems: list[Problem] = []
    for placed in documents:
        problems += placed.document.problems
        if _is_for(placed, cluster):
            found[placed.document.name].append(placed)
    wrong: dict[PackageName, list[Problem]] = defaultdict(list)
    for name, group in found.items():
        wrong[name] += (problem for placed in group for problem in placed.document.problems)
        added = [*_nesting(group, nested), *_twice(group)]
        wrong[name] += added
        problems += added
    cycles = tuple(_cycles({name: group[0] for name, group in found.items()}))
    for problem, name in cycles:
        wrong[name].append(problem)
        problems.append(problem)
    return PackageSet(
        good={
            name: group[0].document.package
            for name, group in found.items()
            if not wrong[name] and group[0].document.package is not None
        },
        bad={name: tuple(those) for name, those in wrong.items() if those},
        problems=tuple(problems),
    )


def _is_for(placed: Placed, cluster: str) -> bool:
    globs = placed.document.clusters
    return not globs or name_matches(globs, cluster)


def _nesting(group: Iterable[Placed], nested: Mapping[str, Placed]) -> Iterator[Problem]:
    for placed in group:
        if owner := nested.get(placed.path):
            yield placed.problem(
                f"lies in the source folder of {owner}, so it is one of its manifests: "
                "move it out, or narrow that source"
            )


def _twice(group: list[Placed]) -> Iterator[Problem]:
    for placed in group if len(group) > 1 else ():
        others = ", ".join(f"{o.path}:{o.document.line}" for o in group if o is not placed)
        yield placed.problem(f"{placed.document.name} is declared twice, also at {others}")


def _cycles(found: Mapping[PackageName, Placed]) -> Iterator[tuple[Problem, PackageName]]:
    """Yield a problem for every package that waits, through others, for itself."""
    graph = {
        name: tuple(other for other in placed.document.package.depends_on if other in found)
        for name, placed in found.items()
        if placed.document.package is not None
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        for name in graph:
            if way := _way_back(name, graph):
                says = f"dependsOn goes in a circle: {' → '.join(map(str, way))}"
                yield found[name].problem(says, found[name].document.dependencies_at), name


def _way_back(
    name: PackageName, graph: Mapping[PackageName, tuple[PackageName, ...]]
) -> tuple[PackageName, ...]:
    """Return the shortest way from a package back to itself, or nothing."""
    ways: deque[tuple[PackageName, ...]] = deque([(name,)])
    seen: set[PackageName] = set()
    while ways:
        way = ways.popleft()
        for following in graph.get(way[-1], ()):
            if following == name:
                return (*way, name)
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return ()


def dated(package: Package, commit: str, author: str) -> Package:
    """Say who declared it, and when."""
    return replace(package, origin=replace(package.origin, commit=commit, author=author))
