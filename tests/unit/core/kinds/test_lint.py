"""What lint tells beside what is refused, without a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.core.declare import Layout, Revision, declare
from agent.core.kinds.lint import lint

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
PACKAGE = """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata: {name: payments, namespace: shop, labels: {tier: backend}}
spec: {source: {path: manifests}}
"""
FILES = {"p.yaml": PACKAGE, "manifests/cm.yaml": "a: 1"}


@dataclass(frozen=True)
class Blob:
    """A file as the tree names it."""

    oid: str


def findings(files: Mapping[str, str]) -> list[str]:
    """Return every finding of a revision as `path:line message [Code]`."""
    blobs = {path: Blob(text) for path, text in files.items()}
    revision = Revision("c1", blobs, lambda paths: {path: files[path].encode() for path in paths})
    found = lint(declare(revision, Layout()), frozenset(files), NOW)
    return [
        f"{each.problem.path}:{each.problem.line} {each.problem.message} [{each.code}]"
        for each in found
    ]


def policy(kind: str, spec: str) -> dict[str, str]:
    """Return the files with one policy added."""
    text = f"apiVersion: tidegate.io/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n"
    return {**FILES, "policies/x.yaml": text}


def test_a_good_repository_has_no_findings():
    """Nothing is said where nothing is wrong."""
    assert findings(FILES) == []


def test_problems_are_findings():
    """What is refused is told as an error, policies and all."""
    assert findings(policy("AgentPolicy", "{tenant: []}")) == [
        (
            ":0 the policies are invalid (policies/x.yaml:4:8: unknown field `tenant` in spec: "
            "write one of breakGlass, overrides, pruneBudget, staleSuspension, timeZone), and no "
            "good set was ever loaded [PoliciesKept]"
        ),
        (
            "policies/x.yaml:4 unknown field `tenant` in spec: write one of breakGlass, "
            "overrides, pruneBudget, staleSuspension, timeZone [Invalid]"
        ),
    ]


def test_missing_sources_and_dependencies():
    """A folder or a package that is not there is told with what may have been meant."""
    text = PACKAGE.replace("manifests}", "manifest}, dependsOn: [paymnts]")
    assert findings({**FILES, "p.yaml": text}) == [
        (
            "p.yaml:1 the folder manifest is not in this revision; did you mean `manifests`? "
            "[SourceMissing]"
        ),
        (
            "p.yaml:1 waits for shop/paymnts, which is not declared; did you mean "
            "`shop/payments`? [DependencyMissing]"
        ),
    ]


def test_charts_need_their_files():
    """A chart has a Chart.yaml, and its values files exist."""
    text = PACKAGE.replace("{path: manifests}", "{helm: {chart: c, valuesFiles: [v.yaml]}}")
    assert findings({"p.yaml": text, "c/templates/x.yaml": ""}) == [
        "p.yaml:1 the chart's file c/Chart.yaml is not in this revision [SourceMissing]",
        (
            "p.yaml:1 the values file v.yaml is not in this revision; did you mean `p.yaml`? "
            "[SourceMissing]"
        ),
    ]


def test_suspensions_by_annotation():
    """Unreadable, unreasoned and expired ones are warnings: the package stays held."""
    marks = "annotations: {tidegate.io/suspend: oops, tidegate.io/suspend-until: soon}"
    assert findings({**FILES, "p.yaml": PACKAGE.replace("labels", f"{marks}, labels")}) == [
        (
            "p.yaml:1 tidegate.io/suspend: 'oops' can't be read, so everything is held "
            "[SuspendUnreadable]"
        ),
        (
            "p.yaml:1 tidegate.io/suspend-until: 'soon' can't be read: write RFC 3339 with an "
            "offset [SuspendUnreadable]"
        ),
    ]
    over = "2026-01-01T00:00:00Z"
    marks = f"annotations: {{tidegate.io/suspend: Prune, tidegate.io/suspend-until: '{over}'}}"
    assert findings({**FILES, "p.yaml": PACKAGE.replace("labels", f"{marks}, labels")}) == [
        "p.yaml:1 is suspended without a reason: write tidegate.io/suspend-reason [ReasonMissing]",
        (
            "p.yaml:1 tidegate.io/suspend-until: '2026-01-01T00:00:00Z' is over: remove the "
            "suspension, or renew it [Expired]"
        ),
    ]


def test_expired_policies():
    """What is over can go."""
    spec = '{reason: x, until: 2026-11-01T00:00:00Z, match: [{packages: {names: ["*"]}}]}'
    assert findings(policy("Suspension", spec)) == [
        (
            "policies/x.yaml:1 Suspension x is over since 2026-11-01T00:00:00+00:00: remove it "
            "[Expired]"
        )
    ]


def test_policies_that_match_nothing():
    """Told unless labels of live namespaces decide; the cluster does not matter."""
    idle = "{reason: x, indefinite: true, match: [{packages: {names: [pay]}}]}"
    assert findings(policy("Suspension", idle)) == [
        "policies/x.yaml:1 Suspension x matches no declared package [MatchesNothing]"
    ]
    for item in (
        "{namespaces: {selector: {matchLabels: {a: b}}}}",
        "{packages: {selector: {matchLabels: {tier: backend}}}, clusters: [elsewhere]}",
    ):
        assert (
            findings(policy("Suspension", f"{{reason: x, indefinite: true, match: [{item}]}}"))
            == []
        )


def test_windows_are_judged_by_time():
    """The findings about a schedule are told at its window."""
    spec = (
        "{effect: Deny, timeZone: UTC, match: [{packages: {names: ['*']}}], "
        "recurring: [{cron: '0 22 * * 5', duration: 6h}]}"
    )
    assert findings(policy("SyncWindow", spec)) == [
        (
            'policies/x.yaml:1 SyncWindow x: cron "0 22 * * 5" for 6h: numbers of weekdays differ '
            "between tools, write names such as MON-FRI [NumericWeekday]"
        )
    ]


def test_overrides_that_pass_nothing():
    """An Override names gates that are declared and can be passed."""
    spec = (
        "{packages: [shop/x], passes: [SyncWindow/nights], reason: x, until: 2026-11-22T00:00:00Z}"
    )
    assert findings(policy("Override", spec)) == [
        "policies/x.yaml:1 Override x matches no declared package [MatchesNothing]",
        (
            "policies/x.yaml:1 Override x passes SyncWindow/nights, which is not declared "
            "[PassesNothing]"
        ),
    ]


def test_documents_that_nobody_applies():
    """A manifest beside declarations, in no source, is probably a mistake."""
    text = f"{PACKAGE}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n"
    assert findings({**FILES, "p.yaml": text}) == [
        "p.yaml:6 ConfigMap is in no package's source: nobody applies it [NotOurs]"
    ]
