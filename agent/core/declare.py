"""Files of a revision → Declared: packages, policies and all problems at once.

Never takes a file it could not read for one that declares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import methodcaller
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from agent.core.declared import Declared
from agent.core.kinds import packageset, policyset
from agent.core.kinds.documents import parse
from agent.core.kinds.packageset import is_under
from agent.core.kinds.parsed import NOTHING, Parsed
from agent.core.kinds.shape import Site
from agent.core.values import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.values import Package, PackageName, Policies

Read: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Paths → contents at the revision; a path that can't be read is left out of the answer."""
Cache: TypeAlias = Mapping[tuple[str, str], Parsed]
"""(path, blob id) → what it declares; for one layout."""

_SUFFIXES: Final = (".yaml", ".yml")
EMPTY: Final = "the commit has no file at all, which proves no removal: none is removed"
_UNREAD: Final = "the file could not be read from Git"
_BATCH: Final = 500
"""Files read at a time, so that a repository of large files never fills the memory."""


class Blob(Protocol):
    """A file in a Git tree."""

    @property
    def oid(self) -> str:
        """Its object id, which stands for its content."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where declarations are looked for, and for whom."""

    path: str = "."
    policies: str = "policies"
    cluster: str = "prod-1"


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit, as far as declarations need it."""

    commit: str
    files: Mapping[str, Blob]
    """Every file of the tree, by its path from the root."""
    read: Read
    authors: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Path → the commit that last changed it and its author, `Name <email>`."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a revision declares, and what need not be read again for the next one."""

    declared: Declared
    parsed: Cache
    files: Mapping[str, Parsed] = field(default_factory=dict)
    """Path → what it declares, for lint."""


def declare(
    revision: Revision,
    layout: Layout,
    last: Declared | None = None,
    parsed: Cache | None = None,
) -> Declaration:
    """Read what has changed and judge everything together.

    Args:
        revision: the commit.
        layout: where to look.
        last: what was declared before, whose policies are kept while the newest are invalid.
        parsed: the cache that came with `last`.
    """
    cache, unread = _parsed(revision, layout, parsed or {})
    files = {path: found for (path, _), found in cache.items() if found is not NOTHING}
    files.update(unread)
    return Declaration(_judged(revision, layout, last, files), cache, files)


def signed(
    read: Declaration, revision: Revision, layout: Layout, last: Declared | None = None
) -> Declaration:
    """Judge again what was read of a revision, now that its authors are known."""
    return replace(read, declared=_judged(revision, layout, last, read.files))


def _judged(
    revision: Revision, layout: Layout, last: Declared | None, files: Mapping[str, Parsed]
) -> Declared:
    nested = packageset.swallowed(files, layout.policies)
    packages = packageset.package_set(packageset.everything(files), nested, layout.cluster)
    policies, problems = _policies(revision, layout, files, last)
    # A chart's template that can't be parsed is the renderer's business, not ours.
    unknown = tuple(
        problem
        for path, found in sorted(files.items())
        if path not in nested
        for problem in found.unknown
    )
    says = _unknown(unknown) if revision.files else EMPTY
    return Declared(
        commit=revision.commit,
        packages=_dated(packages.good, revision),
        complete=not says,
        says=says,
        invalid=packages.bad,
        policies=policies,
        problems=_ordered((*packages.problems, *problems, *unknown)),
    )


def _policies(
    revision: Revision, layout: Layout, files: Mapping[str, Parsed], last: Declared | None
) -> tuple[Policies, tuple[Problem, ...]]:
    folder = layout.policies
    return policyset.policy_set(
        policyset.Revision(
            commit=revision.commit,
            files=files,
            folder=folder,
            exists=_exists(folder, revision.files),
            authors=revision.authors,
        ),
        last.policies if last else None,
    )


def _exists(folder: str, files: Mapping[str, Blob]) -> bool:
    return (
        folder == "."
        or folder in files
        or any(map(methodcaller("startswith", f"{folder}/"), files))
    )


def _dated(
    packages: Mapping[PackageName, Package], revision: Revision
) -> Mapping[PackageName, Package]:
    authors, newest = revision.authors, (revision.commit, "")
    return {
        name: packageset.dated(package, *authors.get(package.origin.path, newest))
        for name, package in sorted(packages.items())
    }


def _unknown(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"which packages there are is unknown, none is removed: {problems[0]}{more}"


def _ordered(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda p: (p.path, p.line, p.column, p.message)))


# --- reading -----------------------------------------------------------------------------------


def _parsed(
    revision: Revision, layout: Layout, before: Cache
) -> tuple[Cache, Mapping[str, Parsed]]:
    """Parse the files whose content is new.

    Returns the cache, of this revision only, and the files that could not be read.
    """
    found: dict[tuple[str, str], Parsed] = {}
    unread: dict[str, Parsed] = {}
    wanted: list[str] = []
    for path in _candidates(revision.files, layout):
        key = (path, revision.files[path].oid)
        known = before.get(key)
        # Most files are manifests, which declare nothing, and that stays true.
        if known is NOTHING or (known is not None and _still_true(known, revision)):
            found[key] = known
        else:
            wanted.append(path)
    for start in range(0, len(wanted), _BATCH):
        paths = wanted[start : start + _BATCH]
        contents = revision.read(paths)
        for path in paths:
            if path in contents:
                key = (path, revision.files[path].oid)
                found[key] = _read(path, contents[path], revision, layout)
            else:
                unread[path] = Parsed(unknown=(Problem(path, 1, 1, _UNREAD),))
    return found, unread


def _candidates(files: Mapping[str, Blob], layout: Layout) -> Iterator[str]:
    for path in sorted(path for path in files if path.endswith(_SUFFIXES)):
        if is_under(path, layout.path) or is_under(path, layout.policies):
            yield path


def _still_true(parsed: Parsed, revision: Revision) -> bool:
    return all(_oid(revision, path) == oid for path, oid in parsed.reads.items())


def _oid(revision: Revision, path: str) -> str:
    return revision.files[path].oid if path in revision.files else ""


def _read(path: str, data: bytes, revision: Revision, layout: Layout) -> Parsed:
    reads: dict[str, str] = {}

    def other(name: str) -> bytes | None:
        reads[name] = _oid(revision, name)
        return revision.read((name,)).get(name) if name in revision.files else None

    site = Site(path, guarded=is_under(path, layout.policies), read=other)
    parsed = parse(data, site)
    return replace(parsed, reads=reads) if reads else parsed
