"""What real projects publish is installed, upgraded and left alone, by the real command.

Needs `TIDEGATE_CORPUS`, a folder of manifests, kustomizations and charts, one project per folder.
Each test has a control plane of its own: applications claim names of the whole cluster.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from control_plane.server import ControlPlane
from corpus.applications import (
    BOUTIQUE,
    INGRESS_CHART,
    METRICS,
    NGINX,
    PLATFORM,
    PROMETHEUS,
    Application,
    published,
)
from e2e.agent_process import Site
from e2e.manifests import OURS, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from control_plane.build import Assets
    from e2e.manifests import Files

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.e2e,
    pytest.mark.real,
    pytest.mark.skipif(
        "TIDEGATE_CORPUS" not in os.environ, reason="TIDEGATE_CORPUS names no corpus"
    ),
]

SECONDS = 150
"""Big CRDs take a small machine's API server a while."""
SYNCED = ("Synced", "Synced")


@pytest.fixture
def site(assets: Assets, tmp_path: Path) -> Iterator[Site]:
    """Give an agent's corner of a cluster where Pods become ready and Jobs finish.

    What `deploy/cluster` gives the agent is enough for all that real projects bring.
    """
    assets.program("kube-controller-manager")
    with (
        ControlPlane(tmp_path / "plane", assets) as plane,
        plane.controller_manager(),
        plane.kubelet(),
        Site(plane, tmp_path / "site", "apps", "default") as site,
    ):
        yield site
        assert site.refusals() == []


def spaces(*applications: Application) -> Files:
    """Declare the namespaces that the projects themselves leave to whoever installs them."""
    names = sorted({one.space for one in applications} - {"ingress-nginx", "kube-system"})
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in names
        if name not in {"monitoring", "olm"}
    ]
    metadata = {"name": "spaces", "namespace": "default"}
    declared = {"apiVersion": OURS, "kind": "Package", "metadata": metadata}
    package = text(declared | {"spec": {"source": {"path": "./spaces"}}})
    return {"apps/spaces.yaml": package, "apps/spaces/spaces.yaml": text(*objects)}


def install(site: Site, *files: Files, code: int = 0) -> None:
    """Commit, converge, and find nothing to write in a second run."""
    site.commit(*files)
    once(site, code)
    mark = site.plane.marker()
    once(site, code)
    assert site.mutations(mark) == []


def once(site: Site, code: int = 0) -> None:
    """Run `tidegate run --once` to its end."""
    with site.start("--once", f"--timeout={SECONDS}s") as agent:
        assert agent.ended(SECONDS + 30).code == code


def packages(site: Site) -> dict[str, tuple[str, str]]:
    """State and reason of every package."""
    found = site.client.get("/apis/tidegate.io/v1alpha1/packages").body["items"]
    return {
        one["metadata"]["name"]: (one["status"]["state"], one["status"]["reason"]) for one in found
    }


def unready(site: Site) -> list[str]:
    """Name every workload that is not as asked, by its own numbers."""
    found: list[str] = []
    for path, ready in (
        ("apps/v1/deployments", "readyReplicas"),
        ("apps/v1/statefulsets", "readyReplicas"),
        ("apps/v1/daemonsets", "numberReady"),
        ("batch/v1/jobs", "succeeded"),
    ):
        for one in site.client.get(f"/apis/{path}").body["items"]:
            status = one.get("status", {})
            wanted = one["spec"].get("replicas", status.get("desiredNumberScheduled", 1))
            if status.get(ready, 0) != wanted:
                found.append(f"{path} {one['metadata']['name']}: {status}")
    return found


def test_a_platform_of_real_applications(site: Site) -> None:
    """A dozen packages come up from one commit, with CRDs, charts, hooks and dependencies."""
    install(site, spaces(*PLATFORM), *(one.committed() for one in PLATFORM))
    assert packages(site) == dict.fromkeys([one.name for one in PLATFORM] + ["spaces"], SYNCED)
    assert unready(site) == []


def test_an_application_with_big_definitions(site: Site) -> None:
    """CRDs beyond the limit of client-side apply, and their objects, in one package."""
    install(site, PROMETHEUS.committed())
    assert packages(site) == {"prometheus": SYNCED}
    assert unready(site) == []


def test_an_aggregated_interface_without_a_server(site: Site) -> None:
    """An APIService whose group does not answer disturbs neither its package nor others."""
    others = (METRICS, INGRESS_CHART)
    install(site, spaces(*others), *(one.committed() for one in others))
    assert packages(site) == dict.fromkeys(("metrics", "ingress-chart", "spaces"), SYNCED)
    assert unready(site) == []


def test_admission_jobs_that_nobody_here_wrote(site: Site) -> None:
    """Upgrades skip Jobs that cannot be changed, and replace them where the package says so."""
    first, name = Application("nginx", f"ingress-nginx/at-controller-v1.8.1/{NGINX}"), "nginx"
    second = replace(first, files=f"ingress-nginx/at-controller-v1.11.3/{NGINX}")
    third = replace(first, files=f"ingress-nginx/at-controller-v1.14.1/{NGINX}")
    old, new = (
        f"registry.k8s.io/ingress-nginx/kube-webhook-certgen:v{v}" for v in ("20230407", "1.4.4")
    )

    install(site, home(first))
    assert (packages(site)[name], admission_jobs(site)) == (SYNCED, [old, old])
    install(site, home(second))
    assert (packages(site)[name], admission_jobs(site)) == (("Synced", "JobSkipped"), [old, old])
    install(site, home(second, jobs="RecreateFinished"))
    assert (packages(site)[name], admission_jobs(site)) == (SYNCED, [new, new])
    # From here on the project lets a TTL of no time at all remove its Jobs: done, not missing.
    mark = site.plane.marker()
    install(site, home(third, jobs="RecreateFinished"))
    assert (packages(site)[name], admission_jobs(site)) == (SYNCED, [])
    written = [one for one in site.workload_writes(mark) if "jobs/" in one]
    assert sorted(written) == [
        f"{verb} jobs/ingress-nginx-admission-{job}"
        for verb in ("delete", "patch")
        for job in ("create", "patch")
    ]
    assert unready(site) == []


def home(nginx: Application, **spec: Any) -> Files:
    """Commit ingress-nginx, which brings its own namespace."""
    return replace(nginx, namespace="ingress-nginx").committed(**spec)


def admission_jobs(site: Site) -> list[str]:
    """Images of the Jobs that make the webhook's certificate."""
    found = site.client.get(site.path("batch/v1/jobs", namespace="ingress-nginx")).body["items"]
    pods = [one["spec"]["template"]["spec"]["containers"][0] for one in found]
    return [one["image"].partition("@")[0] for one in pods]


def test_upgrades_along_real_releases(site: Site) -> None:
    """Each release replaces the one before; an HPA's replicas and defaulted fields stay."""
    for shop, info in (("at-v0.10.0/", "at-6.5.4/"), ("at-v0.10.4/", "at-6.9.4/"), ("", "")):
        boutique = Application("boutique", f"microservices-demo/{shop}{BOUTIQUE}")
        podinfo = Application("podinfo", f"podinfo/{info}kustomize")
        both = (boutique, podinfo)
        install(site, spaces(*both), *(one.committed() for one in both))
        assert packages(site) == dict.fromkeys(("boutique", "podinfo", "spaces"), SYNCED)
    podinfo_live = site.get("apps/v1/deployments", "podinfo", "podinfo")
    assert podinfo_live is not None
    (container,) = podinfo_live["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "ghcr.io/stefanprodan/podinfo:6.14.1"
    assert unready(site) == []


def test_a_component_that_takes_objects_away(site: Site) -> None:
    """What a kustomization no longer wants is deleted, and nothing else."""
    shop = Application("shop", "microservices-demo/kustomize")
    install(site, spaces(shop), shop.committed())
    path = "apps/shop/kustomization.yaml"
    before = published(shop.files, "apps/shop")[path]
    assert isinstance(before, bytes)
    after = before
    for component in (b"without-loadgenerator", b"non-public-frontend"):
        after = after.replace(b"# - components/" + component, b"- components/" + component)
    site.commit({path: after})
    mark = site.plane.marker()
    once(site)
    assert sorted(one for one in site.workload_writes(mark) if one.startswith("delete")) == [
        "delete deployments/loadgenerator",
        "delete services/frontend-external",
    ]
    assert packages(site)["shop"] == SYNCED


def test_a_release_that_the_server_is_too_new_for(site: Site) -> None:
    """Kinds and versions that are gone are named and not asked for; a later release heals it."""
    site.commit(gatekeeper("3.7.0"))
    mark = site.plane.marker()
    once(site, 3)
    assert packages(site) == {"gatekeeper": ("Failed", "ApplyFailed")}
    told = site.status("gatekeeper", "gatekeeper-system")
    assert sorted(one["message"] for one in told["holds"]) == [
        "the server does not serve policy/v1beta1 PodDisruptionBudget (yet), only policy/v1",
        "the server does not serve policy/v1beta1 PodSecurityPolicy (yet)",
    ]
    assert not [one for one in site.mutations(mark) if one.endswith("(404)")]
    install(site, gatekeeper("3.10.0"))
    assert packages(site) == {"gatekeeper": SYNCED}
    assert unready(site) == []


def gatekeeper(version: str) -> Files:
    """Give a release without its last two documents, which are samples of kapp's.

    One is of a kind that Gatekeeper makes when it runs, the other only claims that the kind exists.
    """
    path = f"kapp/examples/gatekeeper-v{version}/config.yml"
    files = Application("gatekeeper", path, namespace="gatekeeper-system").committed()
    whole = files["apps/gatekeeper/config.yml"]
    assert isinstance(whole, bytes)
    return files | {"apps/gatekeeper/config.yml": b"\n---\n".join(whole.split(b"\n---\n")[:-2])}
