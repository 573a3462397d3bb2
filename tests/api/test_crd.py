"""The Package CRD, by kubectl: on a real API server, and on the sandbox over HTTPS."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from sandbox.conftest import served

from agent.edges import clock
from agent.sandbox.api import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from control_plane.build import Assets

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
CRD = ROOT / "deploy/crds/packages.tidegate.io.yaml"
PACKAGE = """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata: {name: payments, labels: {tier: backend}}
spec:
  source: {helm: {chart: ./chart, values: {a: {b: [1, null]}}, valuesFiles: [x.yaml]}}
  dependsOn: [cache]
  prune: true
  deletionPolicy: Orphan
  jobs: Once
  approval: Automatic
  ignore: [{target: {kind: Deployment, group: apps}, paths: [/spec/replicas]}]
  health: {timeout: 10m, checks: [{target: {kind: Certificate}, path: .status.ready, equals: true}]}
  serviceAccountName: deployer
  retry: {backoff: 10s, max: 10m}
  clusters: ["prod-*"]
  pruneDelay: 0s
"""
STATUS = {
    "status": {
        "state": "Waiting",
        "hold": "WindowClosed",
        "next": "2026-11-21T22:00:00Z",
        "revision": {"short": "0123456", "applied": "0123456789"},
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Synced",
                "lastTransitionTime": "2026-11-21T06:00:00Z",
            }
        ],
    }
}


@pytest.fixture(params=["https", "real"])
def kubectl(
    request: pytest.FixtureRequest, assets: Assets, tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """Run kubectl on the one and on the other."""
    if request.param == "real":
        yield request.getfixturevalue("control_plane").kubectl
        return
    program = assets.program("kubectl")
    with served(Sandbox(clock.now)) as server:
        config = server.write_kubeconfig(tmp_path / "kubeconfig")
        own = {"KUBECONFIG": str(config), "KUBECACHEDIR": str(tmp_path / "cache")}
        environment = {**os.environ, **own, "KUBECTL_KUBERC": "false"}

        def run(*arguments: str, stdin: str = "") -> str:
            done = subprocess.run(
                [program, *arguments],
                input=stdin,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        yield run


@pytest.fixture
def namespace(kubectl: Callable[..., str]) -> str:
    """Give a fresh namespace."""
    name = f"test-{secrets.token_hex(5)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    kubectl("create", "-f", "-", stdin=json.dumps(body))
    return name


@pytest.fixture
def crd(kubectl: Callable[..., str]) -> str:
    """Apply the CRD and wait until it is served."""
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    kubectl("wait", "--for=condition=Established", "--timeout=30s", f"-f={CRD}")
    return "customresourcedefinition/packages.tidegate.io"


def test_the_crd_is_accepted_whole(kubectl: Callable[..., str], crd: str):
    """The server keeps every keyword and finds the schema structural."""
    found = json.loads(kubectl("get", crd, "-o", "json"))
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_a_full_package_is_kept_as_declared(kubectl: Callable[..., str], crd: str, namespace: str):
    """Strict validation knows every field, and nothing is defaulted or pruned."""
    assert crd
    apply = ("apply", "--server-side", "--validate=strict", "-n", namespace, "-f", "-")
    kubectl(*apply, stdin=PACKAGE)
    found = json.loads(kubectl("get", "packages", "-n", namespace, "payments", "-o", "json"))
    assert found["spec"] == yaml.safe_load(PACKAGE)["spec"]


def test_the_columns_of_kubectl_get(kubectl: Callable[..., str], crd: str, namespace: str):
    """READY, STATE, REVISION, HOLD and NEXT come from the status."""
    assert crd
    kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=PACKAGE)
    kubectl(
        "patch", "package", "payments", "-n", namespace, "--subresource=status", "--type=merge",
        "-p", json.dumps(STATUS),
    )  # fmt: skip
    header, row = kubectl("get", "packages", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "READY", "STATE", "REVISION", "HOLD", "NEXT", "AGE"]
    assert row.split()[:6] == [
        "payments", "True", "Waiting", "0123456", "WindowClosed", "2026-11-21T22:00:00Z",
    ]  # fmt: skip
