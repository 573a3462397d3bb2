"""The story of the demo comes true on a real control plane too, and says what it needs there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from render_example import rendered

if TYPE_CHECKING:
    from control_plane.build import Assets

pytestmark = [pytest.mark.e2e, pytest.mark.real]

DEMO = Path(__file__).parents[1] / "demo.py"
STEPS = [
    "A repository",
    "Install",
    "Drift",
    "Suspend",
    "Queue",
    "Resume",
    "Windows",
    "Jobs",
    "Jobs",
    "Budget",
    "Override",
    "Status",
]


def demo(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run it as `make demo CLUSTER=real DEMO_FLAGS=--fast` does."""
    return subprocess.run(
        [sys.executable, DEMO, "--fast"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_every_step_of_the_demo_comes_true(assets: Assets) -> None:
    """The example, told step by step, from install to the status branch."""
    assert assets.program("helm").is_file()
    done = demo()
    titles = re.findall(r"^\d+\. (\w+(?: repository)?)", done.stdout, re.MULTILINE)
    assert (done.returncode, titles) == (0, STEPS), done.stdout[-3000:] + done.stderr
    assert "Everything came true" in done.stdout


def test_without_a_control_plane_it_says_what_is_missing(tmp_path: Path) -> None:
    """Exit code 3, and no traceback."""
    done = demo(KUBEBUILDER_ASSETS=str(tmp_path))
    assert done.returncode == 3
    assert done.stderr == (
        f"error: the demo needs a control plane: KUBEBUILDER_ASSETS={tmp_path} lacks etcd,"
        " kube-apiserver, kubectl; complete that folder or unset the variable\n"
        "  exit:  3 (the operation failed)\n"
    )


def test_what_is_shipped_rendered_is_what_the_real_programs_make(assets: Assets) -> None:
    """Where kustomize or helm is missing the demo commits the very objects they would give."""
    for path, text in rendered(assets).items():
        assert path.read_text() == text, "run: python tests/render_example.py"
