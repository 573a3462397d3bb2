"""How an object is doing, by the rules of kstatus: a table with one function per kind.

Never reads a clock, never asks the server: the same object always gives the same answer.

The rules are those of sigs.k8s.io/cli-utils `pkg/kstatus/status` (generic.go, core.go), with two
differences on purpose. A Job is only Current when it is Complete (kstatus: when it has started),
because a wave waits for its end. A Pod that can't be scheduled is Failed only for a caller that
names the time (kstatus reads the clock).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from agent.core.reading import (
    at,
    condition,
    group_kind,
    is_true,
    items,
    lookup,
    mapping,
    number,
    text,
)
from agent.core.values import (
    ABSENT,
    GroupKind,
    Health,
    HealthCheck,
    HealthStatus,
    Key,
    Manifest,
    Target,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NO_DEADLINE: Final = 2**31 - 1
"""`progressDeadlineSeconds` as the server writes "never" (apps/v1 defaults)."""
_SCHEDULE_WINDOW: Final = timedelta(seconds=15)


def health(manifest: Manifest) -> Health:
    """Compute the health of a live object.

    A kind without a rule is Current when it has no `Ready` condition; a custom resource whose
    controller has not looked yet is therefore Current too, which callers cover by a grace period.
    """
    return (
        _generic(manifest)
        or _KINDS.get(group_kind(manifest), _by_ready_condition)(manifest)
        or _current("Resource is current")
    )


def health_at(manifest: Manifest, now: datetime) -> Health:
    """As `health`, and a Pod that could not be scheduled for 15 seconds is Failed."""
    found = health(manifest)
    if group_kind(manifest) != GroupKind("", "Pod") or not _unschedulable(manifest):
        return found
    created = text(at(manifest, "metadata", "creationTimestamp"))
    if found.status is HealthStatus.IN_PROGRESS and created:
        waited = now - datetime.fromisoformat(created)
        if waited >= _SCHEDULE_WINDOW:
            return Health(HealthStatus.FAILED, found.says)
    return found


def checked(manifest: Manifest, key: Key, checks: Sequence[HealthCheck]) -> Health:
    """Compute health with the package's own checks, which replace the rule of the kind.

    Leaving, an outdated `observedGeneration`, Reconciling and Stalled still come first.
    """
    mine = [check for check in checks if is_about(check.target, key)]
    if not mine:
        return health(manifest)
    return _generic(manifest) or _by_checks(manifest, mine)


def finished(manifest: Manifest) -> str:
    """Give `Complete` or `Failed` for a Job that is over, else the empty string.

    Only a condition whose status is "True" counts; `SuccessCriteriaMet` and `FailureTarget`
    announce an end, they are not one (KEP-3998, KEP-3329).
    """
    if group_kind(manifest) != GroupKind("batch", "Job"):
        return ""
    return next((word for word in ("Complete", "Failed") if is_true(manifest, word)), "")


# --- rules for every kind ----------------------------------------------------------------------


def _generic(manifest: Manifest) -> Health | None:
    if at(manifest, "metadata", "deletionTimestamp") is not ABSENT:
        return Health(HealthStatus.TERMINATING, "Resource is being deleted")
    return (
        _observed(manifest)
        or _when(manifest, "Reconciling", HealthStatus.IN_PROGRESS)
        or _when(manifest, "Stalled", HealthStatus.FAILED)
    )


def _observed(manifest: Manifest) -> Health | None:
    observed = at(manifest, "status", "observedGeneration")
    generation = at(manifest, "metadata", "generation")
    if observed is ABSENT or observed == generation:
        return None
    return _progressing(f"generation is {generation}, its controller has seen {observed}")


def _when(manifest: Manifest, name: str, status: HealthStatus) -> Health | None:
    if not is_true(manifest, name):
        return None
    return Health(status, _told(manifest, name) or f"{name} is True")


def _by_ready_condition(manifest: Manifest) -> Health | None:
    match condition(manifest, "Ready").get("status"):
        case "True":
            return _current("Ready is True")
        case "False" | "Unknown" as status:
            return _progressing(_told(manifest, "Ready") or f"Ready is {status}")
        case _:
            return None


def _by_checks(manifest: Manifest, checks: Sequence[HealthCheck]) -> Health:
    for check in checks:
        value = lookup(manifest, check.path)
        # 1 == True in Python, and a check for `true` must not pass on 1.
        if type(value) is not type(check.equals) or value != check.equals:
            return _progressing(f"{check.path} is {_shown(value)}, not {check.equals!r}")
    return _current("all health checks hold")


# --- workloads ---------------------------------------------------------------------------------


def _deployment(manifest: Manifest) -> Health:
    progress = condition(manifest, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return _failed(_told(manifest, "Progressing") or "Progress deadline exceeded")
    wanted, count = _replicas(manifest), _counter(manifest)
    replicas, updated = count("replicas"), count("updatedReplicas")
    deadline = number(at(manifest, "spec", "progressDeadlineSeconds"), _NO_DEADLINE)
    rolled_out = deadline == _NO_DEADLINE or (
        progress.get("status") == "True" and progress.get("reason") == "NewReplicaSetAvailable"
    )
    return (
        _fewer(replicas, wanted, "replicas exist")
        or _fewer(updated, wanted, "replicas are updated")
        or _extra(replicas, wanted)
        or _fewer(count("availableReplicas"), updated, "updated replicas are available")
        or _fewer(count("readyReplicas"), wanted, "replicas are ready")
        or (None if rolled_out else _progressing("The new ReplicaSet is not available yet"))
        or (None if is_true(manifest, "Available") else _progressing("Available is not True"))
        or _current(f"Deployment is available, replicas: {replicas}")
    )


def _stateful_set(manifest: Manifest) -> Health:
    if at(manifest, "spec", "updateStrategy", "type") == "OnDelete":
        return _current("StatefulSet updates its Pods when they are deleted (OnDelete)")
    wanted, count = _replicas(manifest), _counter(manifest)
    scaled = (
        _fewer(count("replicas"), wanted, "replicas exist")
        or _fewer(count("readyReplicas"), wanted, "replicas are ready")
        or _extra(count("replicas"), wanted)
    )
    return scaled or _rolled_out(manifest, wanted, count)


def _rolled_out(manifest: Manifest, wanted: int, count: Callable[[str], int]) -> Health:
    partition = number(at(manifest, "spec", "updateStrategy", "rollingUpdate", "partition"), -1)
    if partition != -1:
        updated = count("updatedReplicas")
        return _fewer(
            updated, wanted - partition, "replicas above the partition are updated"
        ) or _current(f"Partition is rolled out, updated: {updated}")
    status = mapping(manifest.get("status"))
    if short := _fewer(count("currentReplicas"), wanted, "replicas have the current revision"):
        return short
    if status.get("currentRevision") != status.get("updateRevision"):
        return _progressing("The updated revision is not the current one yet")
    return _current(f"All replicas are as asked, replicas: {count('replicas')}")


def _daemon_set(manifest: Manifest) -> Health:
    if at(manifest, "metadata", "generation") is ABSENT:
        return _progressing("metadata.generation is missing")
    if at(manifest, "status", "observedGeneration") is ABSENT:
        return _progressing("The controller has not looked at the DaemonSet yet")
    count = _counter(manifest)
    wanted = number(at(manifest, "status", "desiredNumberScheduled"), -1)
    if wanted == -1:
        return _progressing("status.desiredNumberScheduled is missing")
    return (
        _fewer(count("currentNumberScheduled"), wanted, "Pods are scheduled")
        or _fewer(count("updatedNumberScheduled"), wanted, "Pods are updated")
        or _fewer(count("numberAvailable"), wanted, "Pods are available")
        or _fewer(count("numberReady"), wanted, "Pods are ready")
        or _current(f"All Pods are as asked, Pods: {wanted}")
    )


def _replica_set(manifest: Manifest) -> Health:
    if is_true(manifest, "ReplicaFailure"):
        return _progressing(_told(manifest, "ReplicaFailure") or "Pods could not be created")
    wanted, count = _replicas(manifest), _counter(manifest)
    return (
        _fewer(count("fullyLabeledReplicas"), wanted, "replicas have all labels")
        or _fewer(count("availableReplicas"), wanted, "replicas are available")
        or _fewer(count("readyReplicas"), wanted, "replicas are ready")
        or _extra(count("replicas"), wanted)
        or _current(f"ReplicaSet is available, replicas: {wanted}")
    )


def _pod(manifest: Manifest) -> Health:
    match phase := at(manifest, "status", "phase"):
        case "Succeeded":
            return _current("Pod has completed")
        case "Failed":
            return _current("Pod has completed, but not successfully")
        case "Running":
            return _running_pod(manifest)
        case "Pending" if why := _unschedulable(manifest):
            return _progressing(f"Pod could not be scheduled: {why}")
        case "Pending":
            return _progressing("Pod is in the Pending phase")
        case _:
            return _progressing(f"Pod has no known phase ({_shown(phase)})")


def _running_pod(manifest: Manifest) -> Health:
    if is_true(manifest, "Ready"):
        return _current("Pod is ready")
    looping = [
        text(container.get("name"))
        for container in items(at(manifest, "status", "containerStatuses"))
        if at(container, "state", "waiting", "reason") == "CrashLoopBackOff"
    ]
    if looping:
        return _failed(f"Containers crash again and again: {', '.join(looping)}")
    return _progressing("Pod is running but not ready")


def _unschedulable(manifest: Manifest) -> str:
    scheduled = condition(manifest, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return text(scheduled.get("message")) or "Unschedulable"
    return ""


def _job(manifest: Manifest) -> Health:
    match finished(manifest):
        case "Complete":
            succeeded = _counter(manifest)("succeeded")
            return _current(f"Job is complete, succeeded: {succeeded}")
        case "Failed":
            return _failed(_told(manifest, "Failed") or "Job failed")
        case _:
            pass
    if at(manifest, "spec", "suspend") is True:
        return _current("Job is suspended")
    return _progressing(_job_progress(manifest))


def _job_progress(manifest: Manifest) -> str:
    if at(manifest, "status", "startTime") is ABSENT:
        return "Job has not started"
    count = _counter(manifest)
    return ", ".join(
        [
            "Job is running",
            *(f"{word}: {count(word)}" for word in ("active", "succeeded", "failed")),
        ]
    )


# --- other kinds -------------------------------------------------------------------------------


def _service(manifest: Manifest) -> Health:
    # kstatus asks for the cluster IP only: an address may never come without a cloud.
    if at(manifest, "spec", "type") == "LoadBalancer" and not at(manifest, "spec", "clusterIP"):
        return _progressing("clusterIP is not set, type: LoadBalancer")
    return _current("Service is ready")


def _volume_claim(manifest: Manifest) -> Health:
    phase = at(manifest, "status", "phase")
    if phase == "Bound":
        return _current("Claim is bound")
    return _progressing(f"Claim is not bound, phase: {_shown(phase)}")


def _definition(manifest: Manifest) -> Health:
    if condition(manifest, "NamesAccepted").get("status") == "False":
        return _failed(_told(manifest, "NamesAccepted") or "The names are not accepted")
    established = condition(manifest, "Established")
    if established.get("status") == "True":
        return _current("The kind is established")
    if established.get("status") == "False" and established.get("reason") != "Installing":
        return _failed(_told(manifest, "Established") or "The kind is not established")
    return _progressing("The kind is being installed")


def _always_current(_: Manifest) -> Health:
    return _current("Resource is always ready")


_KINDS: Final[Mapping[GroupKind, Callable[[Manifest], Health | None]]] = {
    GroupKind("", "ConfigMap"): _always_current,
    GroupKind("", "PersistentVolumeClaim"): _volume_claim,
    GroupKind("", "Pod"): _pod,
    GroupKind("", "Secret"): _always_current,
    GroupKind("", "Service"): _service,
    GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    GroupKind("apps", "DaemonSet"): _daemon_set,
    GroupKind("apps", "Deployment"): _deployment,
    GroupKind("apps", "ReplicaSet"): _replica_set,
    GroupKind("apps", "StatefulSet"): _stateful_set,
    GroupKind("batch", "CronJob"): _always_current,
    GroupKind("batch", "Job"): _job,
    GroupKind("policy", "PodDisruptionBudget"): _always_current,
}


# --- reading -----------------------------------------------------------------------------------


def _told(manifest: Manifest, name: str) -> str:
    """Give what a condition says: its message, else its reason."""
    found = condition(manifest, name)
    return text(found.get("message")) or text(found.get("reason"))


def _shown(value: Any) -> str:
    return "not set" if value is ABSENT else repr(value)


def _counter(manifest: Manifest) -> Callable[[str], int]:
    status = mapping(manifest.get("status"))
    return lambda name: number(status.get(name), 0)


def _replicas(manifest: Manifest) -> int:
    return number(at(manifest, "spec", "replicas"), 1)


def is_about(target: Target, key: Key) -> bool:
    """Whether a check's target names the object; an empty field names any."""
    return (
        target.kind in ("", key.kind)
        and target.group in (None, key.group)
        and target.name in ("", key.name)
        and target.namespace in ("", key.namespace)
    )


# --- answers -----------------------------------------------------------------------------------


def _current(says: str) -> Health:
    return Health(HealthStatus.CURRENT, says)


def _progressing(says: str) -> Health:
    return Health(HealthStatus.IN_PROGRESS, says)


def _failed(says: str) -> Health:
    return Health(HealthStatus.FAILED, says)


def _fewer(have: int, want: int, what: str) -> Health | None:
    return _progressing(f"{have} of {want} {what}") if have < want else None


def _extra(have: int, want: int) -> Health | None:
    return _progressing(f"{have - want} replicas are to go, {have} exist") if have > want else None
