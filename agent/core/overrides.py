"""Overrides: which gate may be passed now, by whose word; never whether it is closed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from agent.core.select import name_matches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from agent.core.policies import Override
    from agent.core.values import Facts, PackageName, Policies

DEFAULT_LIMIT = timedelta(hours=4)


def limit(facts: Facts) -> timedelta:
    """The longest time an Override may be in force (`AgentPolicy.overrides.maxDuration`)."""
    agent = facts.policies.agent
    return agent.override_max if agent else DEFAULT_LIMIT


def in_force(facts: Facts, at: datetime) -> Iterator[Override]:
    """Overrides of this package that are neither over nor further off than the limit allows."""
    for override in facts.policies.overrides:
        if at < override.until <= at + limit(facts) and name_matches(
            override.packages, str(facts.package)
        ):
            yield override


def revisions(policies: Policies, package: PackageName) -> frozenset[str]:
    """Name the revisions that Overrides of a package are for, as they are written."""
    return frozenset(
        each.revision
        for each in policies.overrides
        if each.revision and name_matches(each.packages, str(package))
    )


def passing(facts: Facts, gate: str, at: datetime, plan: str = "") -> Override | None:
    """The Override that passes `gate` now, or None.

    Args:
        facts: what the pass knows.
        gate: `SyncWindow/<name>`, `Suspension/<name>`, `Suspension`, `History` or `Budget`.
        at: the instant, UTC.
        plan: digest of the plan at hand; an Override that names another one does not count.
    """
    for override in in_force(facts, at):
        fits = not override.plan or override.plan == plan
        if gate in override.passes and fits and _is_of(override.revision, gate, facts):
            return override
    return None


def _is_of(revision: str, gate: str, facts: Facts) -> bool:
    """Whether an Override that names a revision counts for the new one.

    The commit that brings the Override comes after the one it names, and further ones may follow:
    the package has to be as it was there. A rewritten history that was let in once stays let in.
    """
    commit = getattr(facts.new, "commit", "")
    known = facts.follows if gate == "History" else facts.matches
    return not revision or commit.startswith(revision) or revision in known


def edges(facts: Facts, at: datetime) -> Iterator[datetime]:
    """Instants after `at` at which an Override of this package begins or ends to count."""
    for override in facts.policies.overrides:
        if name_matches(override.packages, str(facts.package)):
            yield from (t for t in (override.until - limit(facts), override.until) if t > at)
