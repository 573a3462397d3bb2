"""What exists already is taken over only where policy and marks allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, package, text, workload

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


@pytest.mark.usefixtures("no_controllers")
def test_never_leaves_an_existing_deployment_untouched(site: Site) -> None:
    """With `adopt: Never` an unlabelled Deployment stays as it is, and the refusal is shown."""
    before = site.create("apps/v1/deployments", workload("app", "example/theirs:1"))
    site.commit(
        package(site.namespace, objects={"app": workload("app", "example/ours:2")}, adopt="Never")
    )
    mark = site.plane.marker()
    site.sync(expect=6)
    assert site.get("apps/v1/deployments", "app") == before
    assert site.workload_writes(mark) == ["patch deployments/app (409)"]
    assert site.told() == ("Waiting", "AdoptionRefused")
    assert site.status()["message"].startswith(
        f"Deployment {site.namespace}/app exists already and adopt: Never is set"
    )


def test_an_unowned_object_is_adopted_with_what_kubectl_applied(site: Site) -> None:
    """`adopt: IfUnowned` takes over, and fields of client-side applies follow Git from then on."""
    theirs = text(config_map("app", "theirs", namespace=site.namespace, extra="old"))
    site.plane.kubectl("apply", "-f", "-", stdin=theirs)
    uid = site.uid("configmaps", "app")
    site.commit(package(site.namespace, objects={"app": config_map("app", "ours")}))
    mark = site.plane.marker()
    site.sync()
    live = site.get("configmaps", "app")
    assert live is not None
    assert (live["metadata"]["uid"], live["data"]) == (uid, {"value": "ours"})
    assert [each["manager"] for each in live["metadata"]["managedFields"]] == ["tidegate"]
    assert site.workload_writes(mark) == [
        "patch configmaps/app (409)",
        "patch configmaps/app",
        "patch configmaps/app",
    ]


@pytest.mark.parametrize(
    ("tool", "marks"),
    [
        ("Argo CD", {"annotations": {"argocd.argoproj.io/tracking-id": "a:v1/ConfigMap:x/app"}}),
        ("Flux", {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}),
        ("Helm", {"annotations": {"meta.helm.sh/release-name": "app"}}),
    ],
)
def test_what_another_tool_marked_is_refused(
    site: Site, tool: str, marks: dict[str, dict[str, str]]
) -> None:
    """Objects of Argo CD, Flux and Helm stay theirs unless the package says `adopt: Always`."""
    theirs = config_map("app", "theirs")
    before = site.create("configmaps", {**theirs, "metadata": {"name": "app", **marks}})
    site.commit(package(site.namespace, objects={"app": config_map("app", "ours")}))
    site.sync(expect=6)
    assert site.get("configmaps", "app") == before
    assert site.told() == ("Waiting", "AdoptionRefused")
    assert f"is marked as {tool}'s" in site.status()["message"]
    site.commit(package(site.namespace, adopt="Always"))
    site.sync()
    assert site.value("app") == "ours"
