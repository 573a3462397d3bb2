"""Stands in for nodes: pods become ready, Jobs' pods finish; never runs a container.

What becomes of a pod is read from its annotation or label `test/outcome`:

    (none)  a Job's pod succeeds; any other becomes ready
    fail    a Job's pod fails; any other crashes over and over
    hold    it runs and is not ready, until the word is taken away or changed

Pods get no node name, and so the server deletes them at once when asked, with no kubelet's consent.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from control_plane.client import Client, Watch

Pod = dict[str, Any]
_MOMENT = "2026-01-01T00:00:00Z"
_ADDRESS = "10.1.0.1"


class Kubelet:
    """A thread that follows pods, as a context manager; in one namespace, or all when empty."""

    def __init__(self, client: Client, namespace: str = "") -> None:
        self._client = client
        scope = f"/namespaces/{namespace}" if namespace else ""
        self._path = f"/api/v1{scope}/pods"
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name="test-kubelet")

    def __enter__(self) -> Self:
        self._client.request("POST", "/api/v1/nodes", _NODE)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with self._turn:
            if self._watch:
                self._watch.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            found = self._client.get(self._path).body
            for pod in found["items"]:
                self._step(pod)
            self._follow(found["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        """Step pods as they change, until the watch ends for whatever reason."""
        query = f"watch=true&resourceVersion={version}&timeoutSeconds=300"
        with self._client.watch(f"{self._path}?{query}") as watch:
            with self._turn:
                self._watch = watch
            if self._stopped.is_set():
                return
            for event in watch.events():
                if event["type"] == "ERROR":  # too old a version, mostly: list again
                    return
                if event["type"] != "DELETED":
                    self._step(event["object"])

    def _step(self, pod: Pod) -> None:
        wanted = status(pod)
        if wanted is None or _gist(pod.get("status", {})) == _gist(wanted):
            return
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        # A pod deleted meanwhile answers 404, a changed one comes again as an event: both are fine.
        self._client.merge(path, {"status": wanted})


def status(pod: Pod) -> dict[str, Any] | None:
    """Give the status that the pod should have, or `None` when nothing is left to do."""
    if "deletionTimestamp" in pod["metadata"] or _is_finished(pod):
        return None
    outcome = _outcome(pod)
    if outcome == "hold":
        return _status(pod, "Running", ready=False, state={"running": {"startedAt": _MOMENT}})
    if pod["spec"].get("restartPolicy", "Always") != "Always":
        failed = outcome == "fail"
        ended = {
            "exitCode": 1 if failed else 0,
            "reason": "Error" if failed else "Completed",
            "startedAt": _MOMENT,
            "finishedAt": _MOMENT,
        }
        phase = "Failed" if failed else "Succeeded"
        return _status(pod, phase, ready=False, state={"terminated": ended})
    if outcome == "fail":
        waiting = {"reason": "CrashLoopBackOff", "message": "test/outcome: fail"}
        return _status(pod, "Running", ready=False, state={"waiting": waiting})
    return _status(pod, "Running", ready=True, state={"running": {"startedAt": _MOMENT}})


def _is_finished(pod: Pod) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _outcome(pod: Pod) -> str:
    metadata = pod["metadata"]
    words = {**metadata.get("labels", {}), **metadata.get("annotations", {})}
    return str(words.get("test/outcome", ""))


def _status(pod: Pod, phase: str, *, ready: bool, state: dict[str, Any]) -> dict[str, Any]:
    claim = "True" if ready else "False"
    return {
        "phase": phase,
        "startTime": _MOMENT,
        "podIP": _ADDRESS,
        "podIPs": [{"ip": _ADDRESS}],
        "conditions": [
            {"type": kind, "status": value, "lastTransitionTime": _MOMENT}
            for kind, value in (
                ("PodScheduled", "True"),
                ("Initialized", "True"),
                ("ContainersReady", claim),
                ("Ready", claim),
            )
        ],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": container["image"],
                "ready": ready,
                "restartCount": 0,
                "state": state,
            }
            for container in pod["spec"]["containers"]
        ],
    }


def _gist(status_: dict[str, Any]) -> tuple[object, ...]:
    """Give what tells one step from the next, without what the server adds."""
    conditions = {each["type"]: each["status"] for each in status_.get("conditions", ())}
    states = [sorted(each.get("state", {})) for each in status_.get("containerStatuses", ())]
    return status_.get("phase"), conditions.get("Ready"), states


# DaemonSets want one pod per node: there is one.
_NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "test-node"},
}
