"""What one file of a revision declares, as it is kept between revisions.

No behaviour: a value that stays true as long as the file's content does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.core.policies import AgentPolicy, Override, Suspension, SyncWindow
    from agent.core.values import Package, PackageName, Problem

Policy: TypeAlias = "SyncWindow | Suspension | Override | AgentPolicy"


@dataclass(frozen=True, slots=True)
class PackageDocument:
    """One `Package` that says which package it is, good or not."""

    name: PackageName
    line: int
    column: int
    package: Package | None
    """None where it has problems."""
    problems: tuple[Problem, ...] = ()
    folder: str | None = None
    """Of its source, from the root; None where even that can't be read."""
    clusters: tuple[str, ...] = ()
    dependencies_at: tuple[int, int] = (1, 1)
    """Line and column of `dependsOn`."""


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """One policy, good or not."""

    kind: str
    name: str
    namespace: str
    line: int
    column: int
    policy: Policy | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file declares; empty for one that declares nothing."""

    packages: tuple[PackageDocument, ...] = ()
    policies: tuple[PolicyDocument, ...] = ()
    unknown: tuple[Problem, ...] = ()
    """Why it may declare a package that nobody can name."""
    strangers: tuple[tuple[int, str], ...] = ()
    """Line and kind of documents that are not ours."""
    reads: Mapping[str, str] = field(default_factory=dict)
    """Other files it was read with → their blob ids, empty for one that is not there."""


NOTHING = Parsed()
