"""What cannot be read proves nothing, so nothing is deleted because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, package

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def two_packages(site: Site) -> None:
    """Have two packages of one object each, without a delay before pruning."""
    site.commit(
        package(site.namespace, "web", {"a": config_map("a")}, pruneDelay="0s"),
        package(site.namespace, "api", {"b": config_map("b")}, pruneDelay="0s"),
    )
    site.sync()


def test_a_corrupt_declaration_keeps_a_removed_package(site: Site) -> None:
    """One Package file corrupted and another removed in one commit: nothing is deleted."""
    two_packages(site)
    mark = site.plane.marker()
    gone = {path: None for path in site.repository.files() if path.startswith("teams/api")}
    corrupt = "apiVersion: tidegate.io/v1alpha1\nkind: Package\nmetadata: {name: [\n"
    site.commit({"teams/web.yaml": corrupt}, gone)
    site.sync(expect=3)
    assert site.workload_writes(mark) == []
    assert site.values() == {"a": "1", "b": "1"}
    assert site.told("api") == site.told("web") == ("Unknown", "SetUnknown")


def test_an_empty_commit_and_a_lost_repository_delete_nothing(site: Site) -> None:
    """Git away, then a commit that removes every file: nothing is deleted, for two reasons."""
    two_packages(site)
    mark = site.plane.marker()
    site.remote.down = True
    away = site.sync(expect=3)
    assert site.values() == {"a": "1", "b": "1"}
    site.remote.down = False
    site.repository.remove_everything()
    site.sync(expect=3)
    assert site.values() == {"a": "1", "b": "1"}
    assert site.workload_writes(mark) == []
    assert site.told("web") == site.told("api") == ("Unknown", "SetUnknown")
    assert "poll of branch main" in away.stderr
    assert "the commit has no file at all" in site.status()["message"]


def test_two_packages_that_leave_together_wait(site: Site) -> None:
    """More than one package removed in a commit waits for somebody's word."""
    two_packages(site)
    mark = site.plane.marker()
    site.commit({"README.md": "moved"}, dict.fromkeys(site.repository.files()))
    site.sync(expect=6)
    assert site.workload_writes(mark) == []
    assert site.told("web") == site.told("api") == ("Deleting", "DeletionHeld")
    assert site.holds("web") == [("budget", "BudgetExceeded")]


def test_an_empty_source_is_not_believed(site: Site) -> None:
    """A package whose source lost all its files keeps its objects."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    site.sync()
    mark = site.plane.marker()
    site.commit({"teams/web/a.yaml": None})
    site.sync(expect=3)
    assert site.workload_writes(mark) == []
    assert site.values() == {"a": "1"}


def test_an_empty_commit_is_not_believed(site: Site) -> None:
    """A commit without any file removes nothing, were there but one package to remove."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}, pruneDelay="0s"))
    site.sync()
    mark = site.plane.marker()
    site.repository.remove_everything()
    site.sync(expect=3)
    assert site.workload_writes(mark) == []
    assert site.told() == ("Unknown", "SetUnknown")
