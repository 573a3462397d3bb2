"""Counts what the agent does, for Prometheus; docs/reference/metrics.md lists every name.

Never decides, never asks anybody: a scrape costs no API request. No label holds a name that
clients choose freely, except those of packages, which Git bounds.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from agent.core.standing import repairs
from agent.core.values import WasApplied
from agent.edges import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from prometheus_client.core import GaugeMetricFamily, Metric

    from agent.core.report.values import Report
    from agent.core.values import PackageName
    from agent.passes.package import Passed

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds of the histogram: one object takes tens of milliseconds, a thousand take seconds."""
_PACKAGE: Final = ("namespace", "name")


class Metrics:
    """All numbers of one agent, in a registry of its own; safe from any thread."""

    def __init__(
        self,
        now: Callable[[], datetime] = clock.now,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Start counting; the age of the last poll counts from here until the first one."""
        from prometheus_client import (  # noqa: PLC0415 - lazy: only agents that listen need it
            CollectorRegistry,
            Counter,
            Histogram,
        )

        self.registry = CollectorRegistry()
        self._packages = _Packages(now)
        self._moments = _Moments(monotonic)
        self.registry.register(self._packages)
        self.registry.register(self._moments)
        self._now = now
        self._syncs = Histogram(
            "tidegate_sync_duration_seconds",
            "Seconds that a pass took which changed the cluster, from its first look to the end.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "tidegate_api_requests_total",
            "Requests to the Kubernetes API; code 0: no answer came.",
            ("verb", "resource", "code"),
            registry=self.registry,
        )
        self._drift = Counter(
            "tidegate_drift_total",
            "Objects put back after they were changed or deleted by somebody else.",
            registry=self.registry,
        )
        self._polls = Counter(
            "tidegate_git_poll_total",
            "Polls of the repository; result is ok or failed.",
            ("result",),
            registry=self.registry,
        )
        for result in ("ok", "failed"):
            self._polls.labels(result)

    def request(self, verb: str, resource: str, status: int) -> None:
        """Count a request to the API server, as `agent.edges.kube.paths.described` names it."""
        self._requests.labels(verb, resource, str(status)).inc()

    def passed(self, passed: Passed) -> None:
        """Take in how a package is after a pass, how long that took, and what it put back."""
        self._packages.put(passed)
        if passed.report.wrote:
            took = self._now() - passed.result.facts.now
            self._syncs.observe(max(0.0, took.total_seconds()))
        self._drift.inc(_repaired(passed))

    def polled(self, ok: bool) -> None:  # noqa: FBT001 - what it was, and nothing else
        """Count a poll of the repository."""
        self._polls.labels("ok" if ok else "failed").inc()
        if ok:
            self._moments.polled()

    def follow_leader(self, holds: Callable[[], bool]) -> None:
        """Ask this at every scrape whether the agent leads; without it, it does not."""
        self._moments.leads = holds

    def text(self) -> tuple[bytes, str]:
        """Return all numbers as a scrape gets them, and their content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415

        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def _repaired(passed: Passed) -> int:
    """How many objects the pass put back; repeated while somebody fights over a field."""
    steps = {step.key: step for step in passed.result.decision.plan.steps}
    applied = (one.key for one in passed.result.outcomes if isinstance(one, WasApplied))
    return sum(key in steps and repairs(steps[key]) for key in applied)


def _gauge(name: str, says: str, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    return GaugeMetricFamily(name, says, labels=labels)


class _Packages:
    """The state of each package, as one consistent picture per scrape."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[PackageName, tuple[Report, datetime | None]] = {}

    def put(self, passed: Passed) -> None:
        """Replace what is known of the package; forget it when it is over."""
        told = passed.inventory.told.conditions
        since = next((at for kind, is_, at in told if (kind, is_) == ("Suspended", "True")), None)
        with self._lock:
            if passed.over:
                self._known.pop(passed.report.package, None)
            else:
                self._known[passed.report.package] = (passed.report, since)

    def collect(self) -> Iterator[Metric]:
        """Give the families to the registry."""
        with self._lock:
            known = sorted(self._known.items())
        states = _gauge(
            "tidegate_package_state", "1 for the state a package is in.", (*_PACKAGE, "state")
        )
        suspended = _gauge(
            "tidegate_suspended_seconds", "Seconds since a package was suspended.", _PACKAGE
        )
        now = self._now()
        for name, (report, since) in known:
            states.add_metric((*name, report.state.value), 1)
            if since is not None:
                suspended.add_metric(name, max(0.0, (now - since).total_seconds()))
        yield states
        yield suspended


class _Moments:
    """Numbers that are only true at the instant of the scrape."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._polled = monotonic()
        self.leads: Callable[[], bool] = lambda: False

    def polled(self) -> None:
        """Note a poll that went well."""
        self._polled = self._monotonic()

    def collect(self) -> Iterator[Metric]:
        """Give the families to the registry."""
        age = _gauge(
            "tidegate_git_poll_age_seconds",
            "Seconds since the repository was last polled with success, or since the start.",
        )
        age.add_metric((), self._monotonic() - self._polled)
        leader = _gauge("tidegate_leader", "1 while this agent holds the Lease and may write.")
        leader.add_metric((), float(self.leads()))
        yield age
        yield leader
