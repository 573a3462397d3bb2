"""What has to come first comes first, and the rest waits until it is healthy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from e2e.manifests import config_map, package, workload

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def definition(group: str, **properties: Any) -> dict[str, Any]:
    """Give a CustomResourceDefinition of `Widget`; properties are those of its schema."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema |= {"properties": properties} if properties else {}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def test_a_kind_and_its_object_come_in_one_package(site: Site) -> None:
    """One `--once` applies a CustomResourceDefinition and then its object; both stay quiet."""
    group = f"{site.name}.example.com"
    widget = {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"size": 1},
    }
    site.commit(package(site.namespace, objects={"widget": widget, "kind": definition(group)}))
    mark = site.plane.marker()
    site.sync()
    assert site.workload_writes(mark) == [
        f"patch customresourcedefinitions/widgets.{group}",
        "patch widgets/w",
    ]
    mark = site.plane.marker()
    site.sync()
    assert site.mutations(mark) == []


def test_a_wave_waits_for_a_controller_that_has_not_answered(site: Site) -> None:
    """A resource whose kind has a status gets ten seconds for one, and `--once` waits for it."""
    group = f"{site.name}.example.com"
    metadata = {"name": "w", "annotations": {"tidegate.io/wave": "1"}}
    objects = {
        "kind": definition(group, status={"type": "object"}),
        "widget": {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": metadata},
        "later": config_map("later", annotations={"tidegate.io/wave": "2"}),
    }
    site.commit(package(site.namespace, objects=objects))
    site.sync(timeout="60s")
    waited = created(site, "configmaps", "later") - created(site, f"{group}/v1/widgets", "w")
    assert waited >= timedelta(seconds=10)
    assert site.told() == ("Synced", "Synced")


def created(site: Site, resource: str, name: str) -> datetime:
    """Give the instant at which the server made an object, in whole seconds."""
    found = site.get(resource, name)
    assert found is not None
    return datetime.fromisoformat(found["metadata"]["creationTimestamp"])


@pytest.mark.usefixtures("no_controllers")
def test_a_wave_waits_for_the_health_of_the_one_before(site: Site) -> None:
    """The second wave is applied when the first is healthy, by the event that says so."""
    waves = {
        "one": workload("one", annotations={"tidegate.io/wave": "1"}),
        "two": config_map("two", annotations={"tidegate.io/wave": "2"}),
    }
    commit = site.commit(package(site.namespace, objects=waves))
    mark = site.plane.marker()
    with site.start(interval="1h"):
        site.wait_until_quiet("Progressing")
        assert site.workload_writes(mark) == ["patch deployments/one"]
        site.make_available("one")
        site.wait_until_applied(commit)
    assert site.workload_writes(mark) == ["patch deployments/one", "patch configmaps/two"]


@pytest.mark.usefixtures("no_controllers")
def test_a_package_waits_for_what_it_depends_on(site: Site) -> None:
    """`dependsOn` holds a new revision until the dependency is healthy, and lets repairs pass."""
    commit = site.commit(
        package(site.namespace, "db", {"db": workload("db")}),
        package(site.namespace, "app", {"a": config_map("a")}, dependsOn=["db"]),
    )
    with site.start(interval="1h"):
        site.wait_until_told("Waiting", "DependencyNotReady", name="app")
        assert site.values() == {}
        site.wait_for("apps/v1/deployments", "db", bool)  # two packages, two workers
        site.make_available("db")
        site.wait_until_applied(commit, name="app")
    assert site.values() == {"a": "1"}
