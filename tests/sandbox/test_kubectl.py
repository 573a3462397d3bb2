"""kubectl talks to the sandbox as to any cluster, and is told what it can't have."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sandbox import cases
from sandbox.conftest import served

from agent.edges import clock
from agent.sandbox.api import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from control_plane.build import Assets

pytestmark = pytest.mark.real


@pytest.fixture
def run(assets: Assets, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Run kubectl against a sandbox: gives its output, or what it complained of."""
    program = assets.program("kubectl")
    with served(Sandbox(clock.now)) as server:
        config = server.write_kubeconfig(tmp_path / "config")
        own = {"KUBECONFIG": str(config), "KUBECACHEDIR": str(tmp_path / "cache")}

        def kubectl(*arguments: str, stdin: str = "") -> str:
            done = subprocess.run(
                [program, *arguments],
                input=stdin,
                env={**os.environ, **own, "KUBECTL_KUBERC": "false"},
                capture_output=True,
                text=True,
                check=False,
            )
            return done.stdout or done.stderr

        yield kubectl


def test_apply_wait_get_delete(run: Callable[..., str]) -> None:
    """The way people look at a cluster."""
    path = Path(cases.TESTDATA / "many-kinds.yaml")
    text = path.read_text().partition("---\napiVersion: admissionregistration")[0]
    deployment = json.dumps(cases.DEPLOYMENT)
    assert "deployment.apps/web serverside-applied" in run(
        "apply", "--server-side", "-f", "-", stdin=text
    )
    applied = run("apply", "--server-side", "-f", "-", "-n", "kube-public", stdin=deployment)
    assert "serverside-applied" in applied
    assert "condition met" in run(
        "wait", "--for=condition=Available", "deploy/web", "-n", "kube-public", "--timeout=30s"
    )
    lines = run("get", "deploy", "-n", "kube-public").splitlines()
    assert lines[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert lines[1].split()[:4] == ["web", "1/1", "1", "1"]
    assert "deleted" in run("delete", "deploy", "web", "-n", "kube-public", "--timeout=30s")
    assert run("auth", "can-i", "create", "pods").strip() == "yes"


def test_what_it_can_not_have_is_named(run: Callable[..., str]) -> None:
    """With the way that works instead."""
    for found in (cases.CONFIG, cases.DEPLOYMENT):
        run("apply", "--server-side", "-f", "-", stdin=json.dumps(found))
    refused = run(
        "apply", "-f", "-", stdin=json.dumps(cases.changed(cases.CONFIG, data={"a": "2"}))
    )
    assert "kubectl apply --server-side" in refused
    assert "does not serve the scale subresource" in run("scale", "deploy/web", "--replicas=2")
