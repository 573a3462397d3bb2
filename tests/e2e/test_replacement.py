"""Fields that can't be changed in place: held, replaced where people said so, and data never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from e2e.manifests import objects_of, package, workload

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]

BINDINGS = "rbac.authorization.k8s.io/v1/rolebindings"


def binding(role: str) -> dict[str, Any]:
    """Give a RoleBinding to that ClusterRole."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "readers"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
    }


def claim(mode: str) -> dict[str, Any]:
    """Give a PersistentVolumeClaim with that access mode."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}},
    }


def test_an_immutable_field_is_held_until_people_say_recreate(site: Site) -> None:
    """A changed roleRef waits by default; `replace: Recreate` deletes and makes it again."""
    site.commit(package(site.namespace, objects={"readers": binding("view")}))
    site.sync()
    before = site.get(BINDINGS, "readers")
    mark = site.plane.marker()
    site.commit(objects_of("web", {"readers": binding("edit")}))
    site.sync(expect=6)
    assert site.get(BINDINGS, "readers") == before
    assert site.told() == ("Waiting", "ReplacementHeld")
    assert site.conditions()["ReplacementHeld"] == "True"
    site.commit(package(site.namespace, replace="Recreate"))
    site.sync()
    after = site.get(BINDINGS, "readers")
    assert before is not None
    assert after is not None
    assert after["roleRef"]["name"] == "edit"
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    writes = ["delete rolebindings/readers", "patch rolebindings/readers"]
    assert site.workload_writes(mark) == writes


def test_a_claim_is_never_replaced(site: Site) -> None:
    """Whatever `replace` says, a PersistentVolumeClaim keeps its data."""
    site.create("persistentvolumeclaims", claim("ReadWriteOnce"))
    site.patch("persistentvolumeclaims", "data/status", {"status": {"phase": "Bound"}})
    site.commit(
        package(site.namespace, objects={"data": claim("ReadWriteOnce")}, replace="Recreate")
    )
    site.sync()
    before = site.get("persistentvolumeclaims", "data")
    mark = site.plane.marker()
    site.commit(objects_of("web", {"data": claim("ReadWriteMany")}))
    site.sync(expect=6)
    assert site.get("persistentvolumeclaims", "data") == before
    assert site.workload_writes(mark) == []
    assert site.told() == ("Waiting", "ReplacementHeld")


@pytest.mark.usefixtures("no_controllers")
def test_a_workload_is_replaced_only_where_it_says_so_itself(site: Site) -> None:
    """A Deployment's selector waits although its package says Recreate."""
    site.commit(package(site.namespace, objects={"app": workload("app")}, replace="Recreate"))
    with site.start() as agent:
        site.wait_until_told("Progressing")
        site.make_available("app")
        site.wait_until_told("Synced")
        agent.stop()
    uid = site.uid("apps/v1/deployments", "app")
    other = workload("app")
    other["spec"]["selector"]["matchLabels"] = {"app": "other"}
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    site.commit(objects_of("web", {"app": other}))
    site.sync(expect=6)
    assert site.told() == ("Waiting", "ReplacementHeld")
    assert site.uid("apps/v1/deployments", "app") == uid
    marked = {
        **other,
        "metadata": {"name": "app", "annotations": {"tidegate.io/replace": "Recreate"}},
    }
    site.commit(objects_of("web", {"app": marked}))
    with site.start():
        site.wait_for(
            "apps/v1/deployments", "app", lambda one: bool(one) and one["metadata"]["uid"] != uid
        )
