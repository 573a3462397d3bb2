"""What is suspended stays as it is: by commit, by annotation, by grade, across restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from e2e.manifests import config_map, defaults, job, objects_of, package, policy

if TYPE_CHECKING:
    from e2e.agent_process import Site
    from e2e.manifests import Files

pytestmark = [pytest.mark.e2e, pytest.mark.real]

SUSPEND = "tidegate.io/suspend"


def suspension(site: Site, *grades: str) -> Files:
    """Give the file of a Suspension of the site's packages."""
    spec = policy(
        "Suspension",
        "incident",
        match=[{"namespaces": {"names": [site.namespace]}}],
        holds=list(grades) or ["All"],
        reason="INC-1",
        indefinite=True,
    )
    return {"policies/incident.yaml": spec}


def test_neither_git_nor_live_edits_are_overwritten(site: Site) -> None:
    """Suspended by commit: a later commit waits and a live edit stays, until it is resumed."""
    objects = {"a": config_map("a"), "b": config_map("b")}
    site.commit(package(site.namespace, objects=objects))
    site.sync()
    mark = site.plane.marker()
    held = {SUSPEND: "true", "tidegate.io/suspend-reason": "CHG-7", "tidegate.io/suspend-by": "eve"}
    site.commit(package(site.namespace, annotations=held))
    site.commit(objects_of("web", {"a": config_map("a", "2")}))
    site.patch("configmaps", "b", {"data": {"value": "edited"}})
    site.sync(expect=6)
    assert site.workload_writes(mark) == []
    assert site.values() == {"a": "1", "b": "edited"}
    status = site.status()
    assert (status["state"], status["reason"]) == ("Suspended", "Suspended")
    assert [(one["by"], one["message"]) for one in status["holds"]] == [
        ("eve", f"package {site.namespace}/web is suspended: CHG-7")
    ]
    assert site.conditions()["Ready"] == "True"
    site.commit(package(site.namespace))
    site.sync()
    assert site.values() == {"a": "2", "b": "1"}


@pytest.mark.parametrize(
    ("grade", "after"),
    [
        ("All", {"changed": "1", "edited": "edited", "removed": "1"}),
        ("Apply", {"changed": "1", "edited": "edited", "removed": "1"}),
        ("Upgrades", {"changed": "1", "edited": "1", "removed": "1"}),
        ("Drift", {"changed": "2", "edited": "edited"}),
        ("Prune", {"changed": "2", "edited": "1", "removed": "1"}),
    ],
)
def test_a_grade_holds_what_it_names(site: Site, grade: str, after: dict[str, str]) -> None:
    """Each grade lets everything through but what it is for; set with the change, it holds it."""
    names = ("changed", "edited", "removed")
    site.commit(package(site.namespace, objects={name: config_map(name) for name in names}))
    site.sync()
    site.patch("configmaps", "edited", {"data": {"value": "edited"}})
    site.commit(
        suspension(site, grade),
        defaults(),
        objects_of("web", {"changed": config_map("changed", "2"), "removed": None}),
    )
    site.sync(expect=6)
    assert site.values() == after
    site.commit({"policies/incident.yaml": None})
    site.sync()
    assert site.values() == {"changed": "2", "edited": "1"}


def test_jobs_can_be_held_alone(site: Site) -> None:
    """The grade Jobs runs no new Job and lets the rest through."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}), suspension(site, "Jobs"))
    site.commit(objects_of("web", {"a": config_map("a", "2"), "job": job("migrate")}))
    site.sync(expect=6)
    assert site.value("a") == "2"
    assert site.get("batch/v1/jobs", "migrate") is None


@pytest.mark.parametrize("place", ["package", "namespace", "object"])
def test_a_live_annotation_holds(site: Site, place: str) -> None:
    """Annotating the Package, its Namespace or one object holds just that, for a day at first."""
    site.commit(package(site.namespace, objects={"a": config_map("a"), "b": config_map("b")}))
    site.sync()
    paths = {
        "package": site.path("tidegate.io/v1alpha1/packages", "web"),
        "namespace": f"/api/v1/namespaces/{site.namespace}",
        "object": site.path("configmaps", "a"),
    }
    patch = {"metadata": {"annotations": {SUSPEND: "true"}}}
    marked = site.client.merge(paths[place], patch)
    assert marked.code == 200
    new = {name: config_map(name, "2") for name in "ab"}
    site.commit(objects_of("web", new))
    site.sync(expect=6)
    assert site.values() == {"a": "1", "b": "2" if place == "object" else "1"}
    assert site.conditions()["Undeclared"] == "True"
    assert {one["until"] for one in site.status()["holds"]} == {a_day_after_its_mark(marked.body)}
    patch["metadata"]["annotations"][SUSPEND] = None
    assert site.client.merge(paths[place], patch).code == 200
    site.sync()
    assert site.values() == {"a": "2", "b": "2"}


def a_day_after_its_mark(found: Any) -> str:
    """Give the instant 24 hours after the suspend annotation of an object was set."""
    (entry,) = (
        each
        for each in found["metadata"]["managedFields"]
        if f"f:{SUSPEND}" in each["fieldsV1"].get("f:metadata", {}).get("f:annotations", {})
    )
    ends = datetime.fromisoformat(entry["time"]) + timedelta(hours=24)
    return ends.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_live_suspension_outlives_the_agent_and_ends_by_itself(site: Site) -> None:
    """Killed and restarted, the agent still holds; at `until` it goes on without a new commit."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    first = site.start()
    site.wait_until_told("Synced")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)  # noqa: TID251
    marks = {SUSPEND: "true", "tidegate.io/suspend-until": until.isoformat()}
    site.patch("tidegate.io/v1alpha1/packages", "web", {"metadata": {"annotations": marks}})
    site.wait_until_told("Suspended")
    commit = site.commit(objects_of("web", {"a": config_map("a", "2")}))
    site.wait_until_observed(commit)
    first.kill()
    site.bury()
    mark = site.plane.marker()
    shortly_before = until - timedelta(seconds=3)
    with site.start(clock=shortly_before.isoformat()) as second:
        status = site.wait_until_applied(commit)
        second.stop()
    assert datetime.fromisoformat(status["transitions"][-1]["time"]) >= until
    assert site.workload_writes(mark) == ["patch configmaps/a"]
    assert site.value("a") == "2"


def test_a_suspended_package_that_left_git_waits_and_then_goes(site: Site) -> None:
    """Removed while suspended: DeletionHeld, nothing goes; resumed: gone, in reverse order."""
    waves = {
        name: config_map(name, annotations={"tidegate.io/wave": str(wave)})
        for wave, name in enumerate("abc")
    }
    files = package(site.namespace, objects=waves, pruneDelay="0s")
    site.commit(files, defaults())
    site.sync()
    mark = site.plane.marker()
    site.commit(suspension(site), dict.fromkeys(files))
    site.sync(expect=6)
    assert site.told() == ("Deleting", "DeletionHeld")
    assert site.conditions()["DeletionHeld"] == "True"
    assert site.values() == {"a": "1", "b": "1", "c": "1"}
    site.commit({"policies/incident.yaml": None})
    site.sync()
    assert site.workload_writes(mark) == [f"delete configmaps/{name}" for name in "cba"]
    assert site.get("tidegate.io/v1alpha1/packages", "web") is None
