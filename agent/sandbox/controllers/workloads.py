"""Deployments, ReplicaSets, StatefulSets, DaemonSets: objects under them, and their status.

Never rolls back. A new template replaces the old Pods at once: a rollout is one step here.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.sandbox.controllers.pods import PODS, is_over, is_ready
from agent.sandbox.controllers.site import conditions, is_leaving, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.sandbox.controllers.site import Site
    from agent.sandbox.store import Stored

Object = dict[str, Any]
DEPLOYMENTS: Final = "deployments.apps"
REPLICA_SETS: Final = "replicasets.apps"
STATEFUL_SETS: Final = "statefulsets.apps"
DAEMON_SETS: Final = "daemonsets.apps"
_HASH: Final = "pod-template-hash"
_REVISION: Final = "controller-revision-hash"
_NODES: Final = 1
"""The cluster looks as if it had one node."""


def step(site: Site) -> None:
    """Bring every workload one step on."""
    for deployment in site.all(DEPLOYMENTS):
        if not is_leaving(deployment):
            _deployment(site, deployment)
    for replica_set in site.all(REPLICA_SETS):
        if not is_leaving(replica_set):
            _replica_set(site, replica_set)
    for stateful_set in site.all(STATEFUL_SETS):
        if not is_leaving(stateful_set):
            _stateful_set(site, stateful_set)
    for daemon_set in site.all(DAEMON_SETS):
        if not is_leaving(daemon_set):
            _daemon_set(site, daemon_set)


def _digest(template: Object) -> str:
    data = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(data).hexdigest()[:10]


def _replicas(stored: Stored) -> int:
    return int(stored.object["spec"].get("replicas", 1))


# --- Deployments ---------------------------------------------------------------------------------


def _deployment(site: Site, deployment: Stored) -> None:
    mine = site.owned(deployment, REPLICA_SETS)
    template = deployment.object["spec"]["template"]
    digest = _digest(template)
    current = next((each for each in mine if _labels(each).get(_HASH) == digest), None)
    if deployment.object["spec"].get("paused") is not True:
        if current is None:
            made = _new_replica_set(deployment, digest)
            current = site.create(REPLICA_SETS, deployment.place[0], made)
        for each in mine:
            wanted = _replicas(deployment) if each is current else 0
            if _replicas(each) != wanted:
                spec = {**each.object["spec"], "replicas": wanted}
                site.change(REPLICA_SETS, each, {**each.object, "spec": spec})
    site.tell(DEPLOYMENTS, deployment, _deployment_status(site, deployment, current))


def _labels(stored: Stored) -> dict[str, str]:
    return stored.object["metadata"].get("labels") or {}


def _new_replica_set(deployment: Stored, digest: str) -> Object:
    spec = deployment.object["spec"]
    template = spec["template"]
    labels = {**(template["metadata"].get("labels") or {}), _HASH: digest}
    selector = spec["selector"]
    matched = {**(selector.get("matchLabels") or {}), _HASH: digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{deployment.place[1]}-{digest}",
            "labels": labels,
            "ownerReferences": [reference(deployment)],
        },
        "spec": {
            "replicas": _replicas(deployment),
            "selector": {**selector, "matchLabels": matched},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }


def _deployment_status(site: Site, deployment: Stored, current: Stored | None) -> Object:
    sets = site.owned(deployment, REPLICA_SETS)
    count = sum(each.object["status"].get("replicas", 0) for each in sets)
    ready = sum(each.object["status"].get("readyReplicas", 0) for each in sets)
    updated = ready_now = 0
    if current is not None:
        there = site.world.store.get(REPLICA_SETS, current.place)
        status = there.object["status"] if there else {}
        updated, ready_now = status.get("replicas", 0), status.get("readyReplicas", 0)
    wanted = _replicas(deployment)
    available, complete = ready >= wanted, ready_now == wanted == count
    before = deployment.object["status"]
    late = not complete and _is_late(site, deployment)
    name = current.place[1] if current else deployment.place[1]
    told = conditions(
        site,
        before.get("conditions") or (),
        (
            "Available",
            available,
            "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
            f"Deployment {'has' if available else 'does not have'} minimum availability.",
        ),
        ("Progressing", not late, *_progress(name, complete=complete, late=late)),
    )
    counts = {
        "replicas": count,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(wanted - ready, 0),
    }
    generation = deployment.object["metadata"]["generation"]
    kept = {name: each for name, each in counts.items() if each}
    return {"observedGeneration": generation, **kept, "conditions": told}


def _progress(name: str, *, complete: bool, late: bool) -> tuple[str, str]:
    if complete:
        said = f'ReplicaSet "{name}" has successfully progressed.'
        return "NewReplicaSetAvailable", said
    if late:
        return "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.'
    return "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'


def _is_late(site: Site, deployment: Stored) -> bool:
    if _progressing(deployment).get("reason") == "ProgressDeadlineExceeded":
        observed = deployment.object["status"].get("observedGeneration")
        return bool(observed == deployment.object["metadata"]["generation"])
    deadline = _deadline(deployment)
    return deadline is not None and site.world.clock() >= deadline


def _progressing(deployment: Stored) -> Object:
    listed = deployment.object["status"].get("conditions") or ()
    return next((each for each in listed if each["type"] == "Progressing"), {})


def _deadline(deployment: Stored) -> datetime | None:
    """Tell when a rollout that is under way counts as failed."""
    seconds = deployment.object["spec"].get("progressDeadlineSeconds", 600)
    found = _progressing(deployment)
    if found.get("reason") != "ReplicaSetUpdated":
        return None
    return datetime.fromisoformat(found["lastUpdateTime"]) + timedelta(seconds=seconds)


def due(site: Site) -> Iterator[datetime]:
    """Yield when a rollout will be too late."""
    for deployment in site.all(DEPLOYMENTS):
        deadline = _deadline(deployment)
        if deadline is not None and not is_leaving(deployment):
            yield deadline


# --- Pods of everything --------------------------------------------------------------------------


def new_pod(owner: Stored, template: Object, name: str, labels: dict[str, str]) -> Object:
    """Write the Pod of a template."""
    metadata = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {**(metadata.get("labels") or {}), **labels},
            "annotations": metadata.get("annotations") or {},
            "ownerReferences": [reference(owner)],
        },
        "spec": {**template["spec"], "nodeName": "sandbox"},
    }


def _replica_set(site: Site, replica_set: Stored) -> None:
    pods = [each for each in site.owned(replica_set, PODS) if not is_leaving(each)]
    wanted = _replicas(replica_set)
    for pod in pods[wanted:]:
        site.delete(PODS, pod)
    template = replica_set.object["spec"]["template"]
    for _ in range(wanted - len(pods)):
        name = f"{replica_set.place[1]}-{site.world.suffix()}"
        site.create(PODS, replica_set.place[0], new_pod(replica_set, template, name, {}))
    pods = site.owned(replica_set, PODS)
    ready = sum(map(is_ready, pods))
    status = {"replicas": len(pods), "fullyLabeledReplicas": len(pods)}
    status |= {"readyReplicas": ready, "availableReplicas": ready}
    kept = {name: each for name, each in status.items() if each or name == "replicas"}
    generation = replica_set.object["metadata"]["generation"]
    site.tell(REPLICA_SETS, replica_set, {**kept, "observedGeneration": generation})


def _numbered(site: Site, owner: Stored, count: int, digest: str) -> list[Stored]:
    """Keep Pods `name-0` … `name-n` of the current template; each waits for the one before it."""
    pods = {each.place[1]: each for each in site.owned(owner, PODS)}
    names = [f"{owner.place[1]}-{number}" for number in range(count)]
    for name, pod in pods.items():
        if name not in names or _labels(pod).get(_REVISION) != digest:
            site.delete(PODS, pod)
    for name in names:
        there = site.world.store.get(PODS, (owner.place[0], name))
        if there is None:
            template = owner.object["spec"]["template"]
            labels = {_REVISION: digest, "statefulset.kubernetes.io/pod-name": name}
            site.create(PODS, owner.place[0], new_pod(owner, template, name, labels))
            break
        if not is_ready(there):
            break
    return [each for each in site.owned(owner, PODS) if not is_over(each)]


def _stateful_set(site: Site, stateful_set: Stored) -> None:
    template = stateful_set.object["spec"]["template"]
    digest = f"{stateful_set.place[1]}-{_digest(template)}"
    wanted = _replicas(stateful_set)
    pods = _numbered(site, stateful_set, wanted, digest)
    ready = sum(map(is_ready, pods))
    site.tell(
        STATEFUL_SETS,
        stateful_set,
        {
            "observedGeneration": stateful_set.object["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": ready,
            "currentReplicas": len(pods),
            "updatedReplicas": len(pods),
            "availableReplicas": ready,
            "currentRevision": digest,
            "updateRevision": digest,
            "collisionCount": 0,
        },
    )


def _daemon_set(site: Site, daemon_set: Stored) -> None:
    template = daemon_set.object["spec"]["template"]
    digest = _digest(template)
    pods = site.owned(daemon_set, PODS)
    for pod in pods:
        if _labels(pod).get(_REVISION) != digest:
            site.delete(PODS, pod)
    pods = site.owned(daemon_set, PODS)
    for _ in range(_NODES - len(pods)):
        name = f"{daemon_set.place[1]}-{site.world.suffix()}"
        made = new_pod(daemon_set, template, name, {_REVISION: digest})
        site.create(PODS, daemon_set.place[0], made)
    pods = site.owned(daemon_set, PODS)
    ready = sum(map(is_ready, pods))
    site.tell(
        DAEMON_SETS,
        daemon_set,
        {
            "observedGeneration": daemon_set.object["metadata"]["generation"],
            "currentNumberScheduled": len(pods),
            "desiredNumberScheduled": _NODES,
            "updatedNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "numberReady": ready,
            **({"numberAvailable": ready} if ready else {"numberUnavailable": _NODES}),
        },
    )
