"""The repository pass: a new commit → what it declares and renders to, swapped in whole.

Only what changed is read, parsed and rendered again. It writes nothing and wakes nobody itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from agent.core.declare import Blob, Declaration, Layout, Revision, declare, signed
from agent.core.declared import Snapshot
from agent.core.values import Complete, NamespaceFacts, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.core.declared import Declared
    from agent.core.values import (
        Desired,
        GroupKind,
        Key,
        KindInfo,
        Package,
        PackageName,
        Policies,
        Rendered,
    )


class Author(Protocol):
    """Who last changed a file."""

    @property
    def commit(self) -> str:
        """The commit."""

    @property
    def name(self) -> str:
        """Their name."""

    @property
    def email(self) -> str:
        """Their address."""


class Git(Protocol):
    """A mirror that has the commit at hand."""

    def listing(self, commit: str) -> Mapping[str, Blob]:
        """Path → blob of every file."""
        ...

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Blob id → content."""
        ...

    def blame(self, commit: str, paths: Iterable[str]) -> Mapping[str, Author]:
        """Path → who last changed it."""
        ...


class Rendering(Protocol):
    """Sources → desired objects; keeps what it made by content."""

    def render(
        self, package: Package, commit: str, kinds: Mapping[GroupKind, KindInfo]
    ) -> Rendered:
        """All that the package wants at the commit; the same value while nothing changed."""
        ...

    def content(self, package: Package, commit: str) -> str:
        """Digest of everything that a render depends on; empty where there is nothing to render."""
        ...


@dataclass(frozen=True, slots=True)
class Repository:
    """A mirror, and where in its trees declarations and policies are looked for."""

    git: Git
    layout: Layout


@dataclass(frozen=True, slots=True)
class Reading:
    """One revision as it was read, with what the next reading need not do again."""

    declaration: Declaration
    snapshot: Snapshot
    changed: frozenset[PackageName] = field(default_factory=frozenset)
    """Packages that are new, gone, or want something else than before."""


def read_declared(commit: str, before: Declaration | None, repository: Repository) -> Declaration:
    """Read what one commit declares, and render nothing.

    Raises:
        SourceError: the mirror could not be read.
    """
    git, layout = repository.git, repository.layout
    files = git.listing(commit)

    def read(paths: Sequence[str]) -> Mapping[str, bytes]:
        contents = git.read({files[path].oid for path in paths})
        return {path: contents[files[path].oid] for path in paths if files[path].oid in contents}

    last = before.declared if before else None
    revision = Revision(commit, files, read)
    first = declare(revision, layout, last, before.parsed if before else None)
    blamed = git.blame(commit, first.files)
    authors = {path: (who.commit, f"{who.name} <{who.email}>") for path, who in blamed.items()}
    return signed(first, replace(revision, authors=authors), layout, last)


def _same(older: Rendered | None, newer: Rendered | None) -> bool:
    if isinstance(older, Complete) and isinstance(newer, Complete):
        return older.digest == newer.digest
    if isinstance(older, Unknown) and isinstance(newer, Unknown):
        # As broken as before, but of other files: an object may have moved into it.
        return (older.reason, older.says, older.content) == (
            newer.reason,
            newer.says,
            newer.content,
        )
    return False


def _rendered(
    declared: Declared,
    before: Snapshot | None,
    rendering: Rendering,
    kinds: Mapping[GroupKind, KindInfo],
) -> tuple[dict[PackageName, Rendered], dict[PackageName, str]]:
    """What every package wants; what did not change keeps the commit that brought it."""
    rendered: dict[PackageName, Rendered] = {}
    since: dict[PackageName, str] = {}
    for name, package in declared.packages.items():
        newer = rendering.render(package, declared.commit, kinds)
        older = before.rendered.get(name) if before else None
        same = older is not None and _same(older, newer)
        rendered[name] = _kept(older, newer) if same and older is not None else newer
        since[name] = before.since[name] if same and before else declared.commit
    return rendered, since


def _kept(older: Rendered, newer: Rendered) -> Rendered:
    if isinstance(newer, Complete) and isinstance(older, Complete):
        return replace(newer, commit=older.commit)
    return newer


def _wanted(
    declared: Declared, rendered: Mapping[PackageName, Rendered], before: Snapshot | None
) -> dict[PackageName, Rendered]:
    """What a package that broke wanted last stays its own until it can be read again."""
    older = before.wanted if before else {}
    broken = {name for name, wants in rendered.items() if isinstance(wants, Unknown)}
    last = {name: older[name] for name in broken | declared.invalid.keys() if name in older}
    return {**rendered, **last}


def _claims(
    wanted: Mapping[PackageName, Rendered], before: Snapshot | None
) -> dict[Key, tuple[PackageName, ...]]:
    """Who wants each object; only what changed is looked at again."""
    claims = dict(before.claims) if before else {}
    touched = _touched(before.wanted if before else {}, wanted)
    for name in touched:
        for key in _wants(before.wanted.get(name)) if before else ():
            others = tuple(other for other in claims[key] if other != name)
            claims[key] = others
            if not others:
                del claims[key]
    for name in touched:
        for key in _wants(wanted.get(name)):
            claims[key] = tuple(sorted({*claims.get(key, ()), name}))
    return claims


def _wants(rendered: Rendered | None) -> Iterator[Key]:
    if isinstance(rendered, Complete):
        yield from (desired.key for desired in rendered.objects)


def _touched(
    older: Mapping[PackageName, Rendered], newer: Mapping[PackageName, Rendered]
) -> frozenset[PackageName]:
    """Packages that want something else than before, or came, or went."""
    either = older.keys() | newer.keys()
    return frozenset(name for name in either if not _same(older.get(name), newer.get(name)))


def _spaces(
    rendered: Mapping[PackageName, Rendered],
) -> Iterator[tuple[PackageName, Desired]]:
    for name, wants in rendered.items():
        for desired in wants.objects if isinstance(wants, Complete) else ():
            if (desired.key.group, desired.key.kind) == ("", "Namespace"):
                yield name, desired


def _namespaces(rendered: Mapping[PackageName, Rendered]) -> dict[str, NamespaceFacts]:
    spaces: dict[str, NamespaceFacts] = {}
    for name, desired in _spaces(rendered):
        metadata = desired.manifest.get("metadata", {})
        known = spaces.get(desired.key.name)
        spaces[desired.key.name] = NamespaceFacts(
            desired.key.name,
            declared_labels=metadata.get("labels") or {},
            declared_annotations={**(metadata.get("annotations") or {}), **desired.suspend},
            declared_by=(*(known.declared_by if known else ()), name),
            origin=desired.origin,
        )
    return spaces


def _changed(
    before: Snapshot | None, after: Snapshot, touched: frozenset[PackageName]
) -> frozenset[PackageName]:
    """Packages a pass has to look at again because of the new revision."""
    if before is None:
        return frozenset(after.declared.packages) | frozenset(after.declared.invalid)
    old, new = before.declared, after.declared
    if _in_force(old) != _in_force(new) or old.complete != new.complete:
        return _everyone(old) | _everyone(new)
    declared = {
        name
        for name in _everyone(old) | _everyone(new)
        if old.packages.get(name) != new.packages.get(name)
        or old.invalid.get(name) != new.invalid.get(name)
        or before.since.get(name) != after.since.get(name)
    }
    return touched | declared | _neighbours(before, after, touched)


def _in_force(declared: Declared) -> Policies:
    """The policies without the commit they were read at: a new one alone changes nothing."""
    return replace(declared.policies, commit="")


def policies(declaration: Declaration) -> Policies:
    """The policies that are declared, to compare with another revision's."""
    return _in_force(declaration.declared)


def _everyone(declared: Declared) -> frozenset[PackageName]:
    return frozenset(declared.packages) | frozenset(declared.invalid)


def _neighbours(
    before: Snapshot, after: Snapshot, touched: Iterable[PackageName]
) -> set[PackageName]:
    """Packages whose objects are claimed by others now, or are no longer."""
    found: set[PackageName] = set()
    for name in touched:
        for key in (*_wants(before.wanted.get(name)), *_wants(after.wanted.get(name))):
            older, newer = before.claims.get(key, ()), after.claims.get(key, ())
            if older != newer:
                found.update(older, newer)
    spaces = before.namespaces.keys() | after.namespaces.keys()
    moved = {s for s in spaces if before.namespaces.get(s) != after.namespaces.get(s)}
    found.update(name for name in after.declared.packages if name.namespace in moved)
    return found


def read_revision(
    commit: str,
    before: Reading | None,
    repository: Repository,
    rendering: Rendering,
    kinds: Mapping[GroupKind, KindInfo],
    recalled: Declaration | None = None,
) -> Reading:
    """Read one commit.

    Args:
        commit: the commit, present in the mirror.
        before: the reading in force, whose work is used again.
        repository: where to read.
        rendering: sources → desired objects.
        kinds: what discovery knows, for the scope of kinds.
        recalled: declarations of an earlier run whose policies hold until newer ones can be read.

    Raises:
        SourceError: the mirror could not be read.
    """
    declaration = read_declared(commit, before.declaration if before else recalled, repository)
    last = before.snapshot if before else None
    rendered, since = _rendered(declaration.declared, last, rendering, kinds)
    touched = _touched(last.rendered if last else {}, rendered)
    wanted = _wanted(declaration.declared, rendered, last)
    claims = _claims(wanted, last)
    spaces = _namespaces(rendered)
    snapshot = Snapshot(declaration.declared, rendered, since, wanted, claims, spaces)
    return Reading(declaration, snapshot, _changed(last, snapshot, touched))
