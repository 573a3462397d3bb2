"""What left Git is deleted only with proof, within a budget, and never where data would go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, job, objects_of, package, policy

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def test_a_removed_object_is_deleted_once(site: Site) -> None:
    """An object that left Git is deleted; another of that name that people made later is not."""
    site.commit(package(site.namespace, objects={n: config_map(n) for n in "abc"}))
    site.sync()
    site.delete("configmaps", "c")
    site.create("configmaps", config_map("c", "somebody's"))
    mark = site.plane.marker()
    site.commit(objects_of("web", {"b": None, "c": None}))
    site.sync()
    assert site.workload_writes(mark) == ["delete configmaps/b"]
    assert site.values() == {"a": "1", "c": "somebody's"}


def test_what_holds_data_is_never_pruned(site: Site) -> None:
    """A Namespace, and an object marked `tidegate.io/prune: disabled`, outlive their manifests."""
    space = f"{site.name}-data"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
    marked = config_map("kept", annotations={"tidegate.io/prune": "disabled"})
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    site.create("persistentvolumeclaims", claim)
    site.patch("persistentvolumeclaims", "data/status", {"status": {"phase": "Bound"}})
    objects = {"space": namespace, "kept": marked, "data": claim, "a": config_map("a")}
    site.commit(package(site.namespace, objects=objects))
    site.sync()
    mark = site.plane.marker()
    site.commit(objects_of("web", {"space": None, "kept": None, "data": None}))
    site.sync()
    assert site.workload_writes(mark) == []
    assert site.client.get(f"/api/v1/namespaces/{space}").code == 200
    assert site.get("persistentvolumeclaims", "data") is not None
    assert site.values() == {"a": "1", "kept": "1"}


def test_a_job_that_is_to_stay_is_never_pruned(site: Site) -> None:
    """What Git said of a Job counts after it left Git, although the live Job has no such mark."""
    kept = job("kept", annotations={"tidegate.io/prune": "disabled"})
    kept["spec"]["suspend"] = True  # healthy without anybody who runs it
    gone = job("gone")
    gone["spec"]["suspend"] = True
    site.commit(package(site.namespace, objects={"kept": kept, "gone": gone, "a": config_map("a")}))
    site.sync()
    mark = site.plane.marker()
    site.commit(objects_of("web", {"kept": None, "gone": None}))
    site.sync()
    assert site.workload_writes(mark) == ["delete jobs/gone"]
    assert site.get("batch/v1/jobs", "kept") is not None


def test_too_many_deletions_wait_for_that_very_plan(site: Site) -> None:
    """More deletions than the budget wait; an Override that names the plan lets all happen.

    They come in two waves, so that the first ones change the plan the others belong to.
    """
    names = [f"m{number}" for number in range(8)]
    waves = {name: {"tidegate.io/wave": str(number % 2)} for number, name in enumerate(names)}
    objects = {name: config_map(name, annotations=wave) for name, wave in waves.items()}
    site.commit(package(site.namespace, objects=objects))
    site.sync()
    mark = site.plane.marker()
    site.commit(objects_of("web", dict.fromkeys(names[1:])))
    site.sync(expect=6)
    assert site.workload_writes(mark) == []
    assert site.told() == ("Waiting", "BudgetExceeded")
    until = datetime.now(UTC) + timedelta(hours=1)  # noqa: TID251 - a person writes this
    override = policy(
        "Override",
        "clean-up",
        packages=[f"{site.namespace}/web"],
        passes=["Budget"],
        plan=site.status()["planDigest"],
        until=until.isoformat(timespec="seconds"),
        reason="moved elsewhere",
    )
    site.commit({"policies/clean-up.yaml": override})
    site.sync()
    assert sorted(site.workload_writes(mark)) == [f"delete configmaps/{n}" for n in names[1:]]
    assert site.values() == {"m0": "1"}


def test_a_removed_package_goes_in_reverse_order_and_wholly(site: Site) -> None:
    """The last wave is deleted first; then the Package and what was remembered of it are gone."""
    waves = {
        f"w{wave}": config_map(f"w{wave}", annotations={"tidegate.io/wave": str(wave)})
        for wave in range(3)
    }
    site.commit(package(site.namespace, objects=waves, pruneDelay="0s"), {"README.md": "hello"})
    site.sync()
    mark = site.plane.marker()
    site.commit({path: None for path in site.repository.files() if path.startswith("teams/")})
    site.sync()
    assert site.workload_writes(mark) == [f"delete configmaps/w{wave}" for wave in (2, 1, 0)]
    assert site.get("tidegate.io/v1alpha1/packages", "web") is None
    kept = site.client.get(site.path("configmaps", "", site.home)).body["items"]
    assert [each["metadata"]["name"] for each in kept] == ["tidegate-state"]


def test_an_orphaned_package_leaves_its_objects(site: Site) -> None:
    """`deletionPolicy: Orphan` takes the Package away at once and leaves every object."""
    objects = {"a": config_map("a"), "b": config_map("b")}
    site.commit(package(site.namespace, objects=objects, deletionPolicy="Orphan"), {"README": "x"})
    site.sync()
    mark = site.plane.marker()
    site.commit({path: None for path in site.repository.files() if path.startswith("teams/")})
    site.sync()
    assert site.workload_writes(mark) == []
    assert site.values() == {"a": "1", "b": "1"}
    assert site.get("tidegate.io/v1alpha1/packages", "web") is None


def test_a_package_that_left_by_mistake_comes_back(site: Site) -> None:
    """By default a removed package keeps its objects for five minutes, and may return in time."""
    files = package(site.namespace, objects={"a": config_map("a")})
    site.commit(files, {"README": "x"})
    site.sync()
    mark = site.plane.marker()
    site.commit(dict.fromkeys(files))
    site.sync(expect=6)
    assert site.told() == ("Deleting", "PruneHeld")
    site.commit(files)
    site.sync()
    assert site.told() == ("Synced", "Synced")
    assert site.workload_writes(mark) == []
