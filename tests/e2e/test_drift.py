"""Live edits are undone when they happen, not when somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, package

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def test_drift_is_repaired_by_event(site: Site) -> None:
    """An edit, a stripped label and a deletion are undone at once, without asking Git.

    Without its label an object looks deleted: making it is refused, and it is taken back.
    """
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    with site.start("--no-status", interval="1h") as agent:
        site.wait_until_quiet()
        uid = site.uid("configmaps", "a")
        asked = len(site.remote.requests)
        mark = site.plane.marker()

        site.patch("configmaps", "a", {"data": {"value": "edited"}})
        site.wait_for("configmaps", "a", lambda one: bool(one) and one["data"]["value"] == "1")
        site.patch("configmaps", "a", {"metadata": {"labels": None}})
        site.wait_for("configmaps", "a", lambda one: bool(one) and "labels" in one["metadata"])
        site.delete("configmaps", "a")
        site.wait_for("configmaps", "a", bool)
        site.wait_until_quiet()
        agent.stop()
    refused, taken = "patch configmaps/a (409)", "patch configmaps/a"
    assert site.workload_writes(mark) == [taken, refused, taken, taken]
    assert site.uid("configmaps", "a") != uid
    assert site.remote.requests[asked:] == []


def test_drift_while_nobody_watched_is_repaired_at_the_next_start(site: Site) -> None:
    """What was edited while no agent ran is undone, and its history names the edit."""
    site.commit(package(site.namespace, objects={"a": config_map("a"), "b": config_map("b")}))
    site.sync()
    site.patch("configmaps", "a", {"data": {"value": "edited"}})
    site.delete("configmaps", "b")
    mark = site.plane.marker()
    site.sync()
    assert site.values() == {"a": "1", "b": "1"}
    assert sorted(site.workload_writes(mark)) == ["patch configmaps/a", "patch configmaps/b"]
    assert site.status()["transitions"][-1]["cause"] == (
        f"live edit of ConfigMap {site.namespace}/a, ConfigMap {site.namespace}/b"
    )
