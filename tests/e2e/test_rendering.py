"""Kustomizations and charts become objects by the real programs, and nothing else of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from e2e.manifests import config_map, package, text

if TYPE_CHECKING:
    from e2e.agent_process import Ended, Site
    from e2e.manifests import Files

pytestmark = [pytest.mark.e2e, pytest.mark.real]

JOBS = "batch/v1/jobs"
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations:
    helm.sh/hook: %s
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: "example/migrate:{{ .Values.version }}"}]
"""
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-a", namespace: "{{ .Release.Namespace }}"}
data: {value: "{{ .Values.version }}"}
"""


def rendered(site: Site, *, expect: int = 0) -> Ended:
    """Run `--once` with the renderers of the control plane's folder."""
    programs = (f"--{name}={site.plane.assets.program(name)}" for name in ("kustomize", "helm"))
    return site.sync(*programs, expect=expect)


def chart(site: Site, version: str) -> Files:
    """Give a package of a chart with a hook before upgrades, a test, and one template."""
    source = {"helm": {"chart": "./chart", "values": {"version": version}}}
    return {
        **package(site.namespace, source=source),
        "teams/chart/Chart.yaml": text({"apiVersion": "v2", "name": "chart", "version": "1.0.0"}),
        "teams/chart/values.yaml": "version: unset\n",
        "teams/chart/templates/a.yaml": TEMPLATE,
        "teams/chart/templates/migrate.yaml": HOOK % "pre-install,pre-upgrade",
        "teams/chart/templates/test.yaml": HOOK % "test",
    }


def complete(site: Site, name: str) -> None:
    """Say that a Job has completed, as its controller would."""
    moment = "2026-01-01T00:00:00Z"
    met = [
        {"type": kind, "status": "True", "lastTransitionTime": moment}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    status: dict[str, Any] = {"startTime": moment, "completionTime": moment, "conditions": met}
    site.patch(JOBS, f"{name}/status", {"status": status | {"succeeded": 1}})


def test_a_kustomization_is_built(site: Site) -> None:
    """Generators, name prefixes and patches are kustomize's; a change is one write."""
    kustomization = {
        "namePrefix": "my-",
        "resources": ["a.yaml"],
        "patches": [{"patch": text(config_map("a", "patched")), "target": {"name": "a"}}],
        "configMapGenerator": [{"name": "made", "literals": ["value=generated"]}],
        "generatorOptions": {"disableNameSuffixHash": True},
    }
    built = {"teams/web/kustomization.yaml": text(kustomization)}
    site.commit(package(site.namespace, objects={"a": config_map("a", also="kept")}), built)
    rendered(site)
    assert site.values() == {"my-a": "patched", "my-made": "generated"}
    mark = site.plane.marker()
    literals = [{"name": "made", "literals": ["value=changed"]}]
    changed = text(kustomization | {"configMapGenerator": literals})
    site.commit({"teams/web/kustomization.yaml": changed})
    rendered(site)
    assert site.values() == {"my-a": "patched", "my-made": "changed"}
    assert site.workload_writes(mark) == ["patch configmaps/my-made"]


def test_a_broken_kustomization_keeps_what_is_there(site: Site) -> None:
    """What can't be built changes nothing, and the program's words are told."""
    built = {"teams/web/kustomization.yaml": text({"resources": ["a.yaml"]})}
    site.commit(package(site.namespace, objects={"a": config_map("a")}), built)
    rendered(site)
    mark = site.plane.marker()
    site.commit({"teams/web/kustomization.yaml": text({"resources": ["gone.yaml"]})})
    rendered(site, expect=3)
    assert site.told() == ("Failed", "RenderFailed")
    assert "gone.yaml" in site.status()["message"]
    assert site.workload_writes(mark) == []


@pytest.mark.usefixtures("no_controllers")
def test_a_chart_with_hooks(site: Site) -> None:
    """A hook before upgrades runs first and once per content; a test hook is left out."""
    site.commit(chart(site, "1"))
    mark = site.plane.marker()
    with site.start(f"--helm={site.plane.assets.program('helm')}") as agent:
        site.wait_for(JOBS, "web-migrate", lambda one: runs(one, "1"))
        assert site.values() == {}
        complete(site, "web-migrate")
        site.wait_until_told("Synced")
        commit = site.commit(chart(site, "2"))
        site.wait_for(JOBS, "web-migrate", is_leaving)
        site.patch(JOBS, "web-migrate", {"metadata": {"finalizers": None}})  # as its collector
        site.wait_for(JOBS, "web-migrate", lambda one: runs(one, "2"))
        assert site.values() == {"web-a": "1"}
        complete(site, "web-migrate")
        site.wait_until_applied(commit)
        site.wait_until_told("Synced")
        assert agent.stop().code == 0
    assert site.values() == {"web-a": "2"}
    assert site.workload_writes(mark) == [
        "patch jobs/web-migrate",
        "patch configmaps/web-a",
        "delete jobs/web-migrate",
        "patch jobs/web-migrate",
        "patch configmaps/web-a",
    ]


def is_leaving(found: Any) -> bool:
    """Whether an object is being deleted."""
    return bool(found) and "deletionTimestamp" in found["metadata"]


def runs(found: Any, version: str) -> bool:
    """Whether a Job runs the image of a version."""
    containers = found["spec"]["template"]["spec"]["containers"] if found else []
    return [one["image"] for one in containers] == [f"example/migrate:{version}"]


def test_a_missing_program_is_named(site: Site) -> None:
    """Without helm only the chart fails, and the message says what to install."""
    site.commit(chart(site, "1"), package(site.namespace, "api", {"a": config_map("a")}))
    site.sync("--helm=/nowhere/helm", expect=3)
    assert site.told("web") == ("Failed", "RenderFailed")
    assert "helm" in site.status("web")["message"]
    assert site.told("api") == ("Synced", "Synced")
