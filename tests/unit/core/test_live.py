"""Records of live objects: what is kept of them, and how they are read back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.core.live import is_older, key_of, namespace_facts, record, root, unpack
from agent.core.values import Health, HealthStatus, Key, Live, NamespaceFacts, Origin, Root


def managed(manager: str, time: str, *annotations: str) -> dict[str, Any]:
    """Make an entry of managedFields for annotations."""
    fields = {f"f:{name}": {} for name in annotations}
    return {
        "manager": manager,
        "operation": "Update",
        "time": time,
        "fieldsV1": {"f:metadata": {"f:annotations": fields}},
    }


JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {
        "name": "migrate",
        "namespace": "shop",
        "uid": "u1",
        "resourceVersion": "42",
        "labels": {"tidegate.io/package": "abc", "app": "shop"},
        "annotations": {"tidegate.io/owner": "a/b/c/d", "note": "x"},
        "managedFields": [managed("tidegate", "2026-01-05T10:00:00Z"), managed("kcm", "", "x")],
        "ownerReferences": [{"kind": "CronJob", "controller": True}],
        "deletionTimestamp": "2026-01-05T10:00:00Z",
    },
    "status": {"conditions": [{"type": "Failed", "status": "True"}]},
}


def test_a_record_holds_facts_and_the_whole_object():
    """Everything planning asks often is beside the compressed object."""
    live = record(JOB)

    assert live == Live(
        key=Key("batch", "Job", "shop", "migrate"),
        uid="u1",
        version="42",
        packed=live.packed,
        marks={"tidegate.io/package": "abc", "tidegate.io/owner": "a/b/c/d"},
        managers=("tidegate", "kcm"),
        controlled=True,
        leaving=True,
        health=Health(HealthStatus.TERMINATING, "Resource is being deleted"),
        finished="Failed",
    )
    assert unpack(live) == JOB


def test_an_empty_object_is_a_record_too():
    """What a webhook or an odd API leaves out is empty, never an error."""
    live = record({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "x"}})

    assert live == Live(
        Key("", "Thing", "", "x"),
        "",
        "",
        live.packed,
        health=Health(HealthStatus.CURRENT, "Resource is current"),
    )


@pytest.mark.parametrize(
    "mark",
    [
        "argocd.argoproj.io/instance",
        "argocd.argoproj.io/tracking-id",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
        "meta.helm.sh/release-name",
    ],
)
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_marks_of_other_tools_are_kept(mark: str, field: str):
    """Whoever judges ownership sees whose an object may be."""
    manifest = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", field: {mark: "y"}}}

    assert record(manifest).marks == {mark: "y"}


@pytest.mark.parametrize(
    ("value", "marks"), [("Helm", {"app.kubernetes.io/managed-by": "Helm"}), ("me", {})]
)
def test_managed_by_is_a_mark_for_helm_only(value: str, marks: dict[str, str]):
    """People write other things into this label."""
    labels = {"app.kubernetes.io/managed-by": value}

    assert record({"metadata": {"name": "x", "labels": labels}}).marks == marks


def test_options_for_other_tools_are_no_marks():
    """An author may write them for Argo CD and for us alike."""
    annotations = {"argocd.argoproj.io/sync-wave": "1", "kustomize.toolkit.fluxcd.io/prune": "no"}

    assert record({"metadata": {"name": "x", "annotations": annotations}}).marks == {}


@pytest.mark.parametrize(
    ("kind", "status", "manager", "operation", "written"),
    [
        ("example.com/v1", {}, "tidegate", "Apply", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("example.com/v1", {"ready": True}, "tidegate", "Apply", None),
        ("example.com/v1", {}, "kubectl", "Apply", None),
        ("example.com/v1", {}, "tidegate", "Update", None),
        ("apps/v1", {}, "tidegate", "Apply", None),
    ],
)
def test_a_custom_resource_without_status_says_when_we_wrote_it(
    kind: str, status: object, manager: str, operation: str, written: datetime | None
):
    """Only that one may be waiting for its controller to look at what we wrote."""
    entry = {"manager": manager, "operation": operation, "time": "2026-01-05T10:00:00Z"}
    metadata = {"name": "x", "managedFields": [entry]}
    manifest = {"apiVersion": kind, "kind": "X", "metadata": metadata, "status": status}

    assert record(manifest).unanswered == written


@pytest.mark.parametrize(
    ("annotation", "since"),
    [("tidegate.io/suspend", datetime(2026, 1, 5, 10, tzinfo=UTC)), ("tidegate.io/wave", None)],
)
def test_an_object_says_since_when_it_is_suspended(annotation: str, since: datetime | None):
    """Without a start a hold that names no end would never come up for review."""
    metadata = {
        "name": "x",
        "annotations": {annotation: "1"},
        "managedFields": [managed("kubectl-annotate", "2026-01-05T10:00:00Z", annotation)],
    }

    assert record({"kind": "ConfigMap", "metadata": metadata}).suspended == since


def test_a_namespace_says_since_when_it_is_suspended():
    """Of several owners of an annotation the earliest time counts."""
    metadata = {
        "name": "shop",
        "labels": {"team": "a"},
        "annotations": {"tidegate.io/suspend": "true", "note": "x"},
        "managedFields": [
            managed("kubectl-edit", "2026-01-05T11:00:00Z", "tidegate.io/suspend", "note"),
            managed("kubectl-annotate", "2026-01-05T10:00:00Z", "tidegate.io/suspend"),
        ],
    }

    assert namespace_facts({"kind": "Namespace", "metadata": metadata}) == NamespaceFacts(
        name="shop",
        exists=True,
        labels={"team": "a"},
        annotations={"tidegate.io/suspend": "true", "note": "x"},
        since={"tidegate.io/suspend": datetime(2026, 1, 5, 10, tzinfo=UTC)},
        origin=Origin(object="Namespace shop"),
    )


def test_a_root_is_the_live_package():
    """Its spec is the declaration as applied."""
    metadata = {
        "name": "web",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 2,
    }

    assert root({"metadata": metadata, "spec": {"prune": True}}) == Root(
        uid="u", version="7", generation=2, spec={"prune": True}
    )


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("9", "10", True),
        ("10", "10", False),
        ("11", "10", False),
        ("a", "b", False),
        ("", "1", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, than: str, older: bool):  # noqa: FBT001
    """Text order would say that 9 is newer than 10."""
    assert is_older(version, than) is older


def test_a_key_of_the_core_group_has_no_group():
    """`v1` is a version, not a group."""
    assert key_of({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}) == Key(
        "", "Pod", "", "a"
    )
