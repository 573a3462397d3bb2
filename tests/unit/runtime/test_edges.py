"""Packages that wait for the same instant start one after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.core.values import PackageName
from agent.runtime.edges import LONGEST, STEP, Edges

OPENS = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def _name(number: int) -> PackageName:
    return PackageName("shop", f"p{number}")


def test_the_first_starts_at_the_edge_and_the_others_follow() -> None:
    """A window that opens for many packages is no stampede, and delays nobody for nothing."""
    edges = Edges()
    assert [edges.delay(_name(n), OPENS) for n in range(3)] == [timedelta(0), STEP, 2 * STEP]


def test_asking_again_changes_nothing() -> None:
    """A pass before the edge keeps the place in the row."""
    edges = Edges()
    edges.delay(_name(0), OPENS)
    edges.delay(_name(1), OPENS)
    assert edges.delay(_name(1), OPENS) == STEP


def test_who_waits_for_another_edge_frees_its_place() -> None:
    """The next in the row moves up."""
    edges = Edges()
    edges.delay(_name(0), OPENS)
    edges.delay(_name(1), OPENS)
    edges.delay(_name(0), OPENS + timedelta(days=1))
    assert edges.delay(_name(1), OPENS) == timedelta(0)


def test_nobody_waits_longer_than_the_longest() -> None:
    """A thousand packages start within half a minute."""
    edges = Edges()
    assert max(edges.delay(_name(n), OPENS) for n in range(1000)) == LONGEST
