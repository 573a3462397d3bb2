"""Health: each sample's folder is its verdict, its first line what the agent says of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.core.health import checked, finished, health, health_at
from agent.core.live import key_of
from agent.core.values import Health, HealthCheck, HealthStatus, Target

TESTDATA = Path(__file__).parents[2] / "testdata" / "health"
SAMPLES = sorted(TESTDATA.glob("*/*.yaml"))
VERDICTS = {
    "current": HealthStatus.CURRENT,
    "in-progress": HealthStatus.IN_PROGRESS,
    "failed": HealthStatus.FAILED,
    "terminating": HealthStatus.TERMINATING,
}


def load(path: Path) -> dict[str, Any]:
    """Read one sample."""
    loaded: dict[str, Any] = yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506
    return _typed(loaded)


def _typed(value: Any) -> Any:
    """Give plain scalars the types JSON would have, and keep quoted dates text."""
    if isinstance(value, dict):
        return {name: _typed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_typed(each) for each in value]
    if value.lstrip("-").isdecimal():
        return int(value)
    return {"true": True, "false": False, "": None}.get(value, value)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample_has_the_health_that_its_folder_names(path: Path):
    """Manifest in, status and sentence out."""
    says = path.read_text().splitlines()[0].removeprefix("# ")

    assert health(load(path)) == Health(VERDICTS[path.parent.name], says)


def test_an_unschedulable_pod_fails_after_fifteen_seconds():
    """The window of kstatus, for callers that have a clock."""
    pod = load(TESTDATA / "in-progress" / "pod-unschedulable.yaml")

    at = [health_at(pod, datetime(2026, 1, 5, 10, 0, second, tzinfo=UTC)) for second in (14, 15)]

    assert [each.status for each in at] == [HealthStatus.IN_PROGRESS, HealthStatus.FAILED]


@pytest.mark.parametrize(
    ("sample", "word"),
    [
        ("current/job-complete", "Complete"),
        ("failed/job-failed", "Failed"),
        ("in-progress/job-failing", ""),
        ("current/job-suspended", ""),
        ("current/deployment-available", ""),
    ],
)
def test_only_an_ended_job_is_finished(sample: str, word: str):
    """Complete and Failed count only with status True."""
    assert finished(load(TESTDATA / f"{sample}.yaml")) == word


SHOP = {
    "apiVersion": "example.com/v1",
    "kind": "Shop",
    "metadata": {"name": "x", "generation": 1},
    "status": {"open": True, "count": 1, "conditions": [{"type": "Ready", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("path", "equals", "expected"),
    [
        (".status.open", True, Health(HealthStatus.CURRENT, "all health checks hold")),
        ("/status/open", True, Health(HealthStatus.CURRENT, "all health checks hold")),
        (".status.count", True, Health(HealthStatus.IN_PROGRESS, ".status.count is 1, not True")),
        (".status.no", 1, Health(HealthStatus.IN_PROGRESS, ".status.no is not set, not 1")),
        (
            "/status/conditions/0/type",
            "Ready",
            Health(HealthStatus.CURRENT, "all health checks hold"),
        ),
    ],
)
def test_a_custom_check_replaces_the_rule_of_the_kind(path: str, equals: Any, expected: Health):
    """The value at the path decides, types included."""
    checks = (HealthCheck(Target(kind="Shop"), path, equals),)

    assert checked(SHOP, key_of(SHOP), checks) == expected


def test_a_check_for_another_kind_changes_nothing():
    """Only the objects that its target names are concerned."""
    checks = (HealthCheck(Target(kind="Bakery"), ".status.open", equals=True),)

    assert checked(SHOP, key_of(SHOP), checks) == health(SHOP)


# --- a corpus of another project's samples, where it is at hand -----------------------------------

CORPUS = os.environ.get("TIDEGATE_CORPUS", "")
# Their verdict is in the name; kstatus differs where the comment says so.
CORPUS_VERDICTS = {
    "deployment-degraded": HealthStatus.FAILED,
    "deployment-progressing": HealthStatus.IN_PROGRESS,
    "job-failed": HealthStatus.FAILED,
    "job-running": HealthStatus.IN_PROGRESS,
    "job-succeeded": HealthStatus.CURRENT,
    "job-suspended": HealthStatus.CURRENT,
    "pod-crashloop": HealthStatus.FAILED,
    "pod-deletion": HealthStatus.TERMINATING,
    "pod-failed": HealthStatus.CURRENT,  # it has ended
    "pod-pending": HealthStatus.IN_PROGRESS,
    "pod-running-not-ready": HealthStatus.IN_PROGRESS,
    "pod-running-restart-always": HealthStatus.CURRENT,
    "pod-succeeded": HealthStatus.CURRENT,
    "pvc-bound": HealthStatus.CURRENT,
    "pvc-pending": HealthStatus.IN_PROGRESS,
    "svc-clusterip": HealthStatus.CURRENT,
    "svc-loadbalancer": HealthStatus.CURRENT,
    "svc-loadbalancer-unassigned": HealthStatus.CURRENT,  # an address is not waited for
}


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS, reason="TIDEGATE_CORPUS names no folder of other projects' samples")
@pytest.mark.parametrize("name", CORPUS_VERDICTS)
def test_samples_of_another_project(name: str):
    """Real objects, recorded by others."""
    folder = Path(CORPUS) / "argo-cd/gitops-engine/pkg/health/testdata"
    loaded = yaml.safe_load((folder / f"{name}.yaml").read_text())

    assert health(loaded).status == CORPUS_VERDICTS[name]
