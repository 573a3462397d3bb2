"""kubectl shows what a package is doing, waits for it, and can't harm what it declares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, package

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def test_the_columns_of_get_packages(site: Site) -> None:
    """`kubectl get packages` shows whether, what, which revision, why not, and until when."""
    held = {"tidegate.io/suspend": "true", "tidegate.io/suspend-until": "2099-01-01T00:00:00Z"}
    commit = site.commit(
        package(site.namespace, "api", {"b": config_map("b")}, annotations=held),
        package(site.namespace, "web", {"a": config_map("a")}),
    )
    site.sync(expect=6)
    lines = site.plane.kubectl("get", "packages", "-n", site.namespace).splitlines()
    assert [re.split(" {2,}", line)[:-1] for line in lines] == [
        ["NAME", "READY", "STATE", "REVISION", "HOLD", "NEXT"],
        ["api", "False", "Suspended", commit[:7], "Suspended", "2099-01-01T00:00:00Z"],
        ["web", "True", "Synced", commit[:7]],
    ]


def test_wait_and_delete(site: Site) -> None:
    """`kubectl wait` sees Ready; a deleted Package comes back and its objects never notice."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    with site.start(interval="1h"):
        site.wait_until_quiet()
        where = ("package/web", "-n", site.namespace, "--timeout=20s")
        waited = site.plane.kubectl("wait", "--for=condition=Ready", *where)
        assert waited == "package.tidegate.io/web condition met\n"
        before = site.get("configmaps", "a")
        uid = site.uid("tidegate.io/v1alpha1/packages", "web")
        mark = site.plane.marker()
        site.plane.kubectl("delete", *where)
        site.wait_for(
            "tidegate.io/v1alpha1/packages",
            "web",
            lambda one: bool(one) and one["metadata"]["uid"] != uid and "status" in one,
        )
    assert site.workload_writes(mark) == []
    assert site.get("configmaps", "a") == before
    assert site.told() == ("Synced", "Synced")
