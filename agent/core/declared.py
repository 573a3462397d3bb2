"""What one revision of the repository declares, as one immutable value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.core.values import Policies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.core.values import Key, NamespaceFacts, Package, PackageName, Problem, Rendered


@dataclass(frozen=True, slots=True)
class Declared:
    """The declarations of one commit; swapped in whole, never changed."""

    commit: str
    packages: Mapping[PackageName, Package]
    """Valid packages for this cluster."""
    complete: bool = True
    """False: some candidate file could not be read, so the set of packages is unknown and
    none of them may be taken for removed."""
    says: str = ""
    """Why the set is unknown."""
    invalid: Mapping[PackageName, tuple[Problem, ...]] = field(default_factory=dict)
    """Packages that are declared, but not in a way that can be used."""
    policies: Policies = field(default_factory=Policies)
    problems: tuple[Problem, ...] = ()
    """Every problem of the revision, policies and packages alike."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One revision, declared and rendered: all that package passes need to know of Git."""

    declared: Declared
    rendered: Mapping[PackageName, Rendered] = field(default_factory=dict)
    since: Mapping[PackageName, str] = field(default_factory=dict)
    """The commit at which what a package renders to (or why it can't be) last changed."""
    wanted: Mapping[PackageName, Rendered] = field(default_factory=dict)
    """What each package wants, or last wanted while nobody can say what it wants now."""
    claims: Mapping[Key, tuple[PackageName, ...]] = field(default_factory=dict)
    """Every object any package wants, or last wanted, and who."""
    namespaces: Mapping[str, NamespaceFacts] = field(default_factory=dict)
    """Namespaces that packages declare: their declared labels and annotations."""
