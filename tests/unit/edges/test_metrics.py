"""What a scrape says of the agent, and that the documentation lists all of it."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from facts_builder import NOW, PAYMENTS, later, lively, result_of, synced, wanted

from agent.core.report.values import Report
from agent.core.values import (
    Action,
    Cause,
    Change,
    Inventory,
    Reason,
    State,
    Step,
    Told,
    WasApplied,
)
from agent.edges.metrics import Metrics
from agent.passes.package import Passed

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.values import Result

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
_ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \| (?P<labels>.*?) \| (?P<says>.+) \|$")
NAMES = {"namespace": "shop", "name": "payments"}


def _report(state: State = State.SYNCED, *, wrote: bool = False) -> Report:
    return Report(PAYMENTS, state, Reason.SYNCED, "", is_ready=True, is_healthy=True, wrote=wrote)


def _passed(
    report: Report, result: Result | None = None, *, suspended: datetime | None = None, **more: bool
) -> Passed:
    conditions = (("Suspended", "True", suspended),) if suspended else ()
    inventory = Inventory(PAYMENTS, told=Told(conditions=conditions))
    return Passed(result or result_of(synced()), report, inventory, saved=True, answers=(), **more)


@pytest.fixture
def metrics() -> Metrics:
    """Metrics two seconds after the pass began that tests tell."""
    return Metrics(now=lambda: later(seconds=2), monotonic=count(0, 30).__next__)


def _value(metrics: Metrics, metric: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(metric, labels)


def test_a_package_is_in_one_state(metrics: Metrics) -> None:
    """A package that changes state leaves no series of the old one behind."""
    metrics.passed(_passed(_report(State.WAITING)))
    metrics.passed(_passed(_report(State.FAILED)))
    states = {
        state: _value(metrics, "tidegate_package_state", state=state, **NAMES) for state in State
    }
    assert {state for state, value in states.items() if value is not None} == {State.FAILED}


def test_a_package_that_is_over_is_gone(metrics: Metrics) -> None:
    """Nothing is told of a package that was removed."""
    metrics.passed(_passed(_report(), suspended=NOW))
    metrics.passed(_passed(_report(), over=True))
    assert b"payments" not in metrics.text()[0]


def test_suspended_seconds_count_from_the_condition(metrics: Metrics) -> None:
    """The time is that of the Suspended condition, so a restart does not begin again."""
    metrics.passed(_passed(_report(State.SUSPENDED), suspended=later(hours=-1)))
    assert _value(metrics, "tidegate_suspended_seconds", **NAMES) == 3602


def test_only_passes_that_write_are_syncs(metrics: Metrics) -> None:
    """A pass that changes nothing takes no part in the duration of syncs."""
    metrics.passed(_passed(_report()))
    metrics.passed(_passed(_report(wrote=True)))
    seen = [_value(metrics, f"tidegate_sync_duration_seconds_{part}") for part in ("count", "sum")]
    assert seen == [1, 2]


def test_drift_counts_what_was_put_back(metrics: Metrics) -> None:
    """A repair counts, a change from Git does not."""
    web, api = wanted("Deployment", "web"), wanted("Deployment", "api")
    steps = [
        Step(one.key, Action.UPDATE, changes=(Change("spec.replicas", cause),))
        for one, cause in ((web, Cause.DRIFT), (api, Cause.GIT))
    ]
    outcomes = tuple(WasApplied(one.key, one.digest, lively(one)) for one in (web, api))
    result = result_of(synced(web, api), *steps, outcomes=outcomes)
    metrics.passed(_passed(_report(wrote=True), result))
    assert _value(metrics, "tidegate_drift_total") == 1


def test_requests_count_by_what_they_are(metrics: Metrics) -> None:
    """Every request counts under its verb, resource and status."""
    metrics.request("apply", "apps/deployments", 200)
    metrics.request("apply", "apps/deployments", 0)
    labels = {"verb": "apply", "resource": "apps/deployments"}
    counts = [
        _value(metrics, "tidegate_api_requests_total", code=c, **labels) for c in ("200", "0")
    ]
    assert counts == [1, 1]


def test_a_failed_poll_does_not_make_the_repository_younger(metrics: Metrics) -> None:
    """The age is that of the last good poll: made at 0 s, polled at 30 s, asked at 60 s."""
    metrics.polled(ok=True)
    metrics.polled(ok=False)
    assert _value(metrics, "tidegate_git_poll_age_seconds") == 30


def test_leader_is_asked_at_each_scrape(metrics: Metrics) -> None:
    """The lease may be lost between two scrapes without anybody telling."""
    leads = [False, True]
    metrics.follow_leader(leads.pop)
    assert [_value(metrics, "tidegate_leader") for _ in range(2)] == [1, 0]


def test_reference_lists_every_metric(metrics: Metrics) -> None:
    """docs/reference/metrics.md has the name, type, labels and sentence of each, and no others."""
    metrics.passed(_passed(_report(State.SUSPENDED, wrote=True), suspended=NOW))
    metrics.request("get", "packages", 200)
    served = {}
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        served[name] = (family.type, labels, family.documentation)
    rows = filter(None, map(_ROW.match, REFERENCE.read_text().splitlines()))
    listed = {
        row["name"]: (row["type"], set(re.findall(r"\w+", row["labels"])), row["says"])
        for row in rows
    }
    assert listed == served
