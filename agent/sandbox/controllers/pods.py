"""Stands in for scheduler and kubelet: Pods run, become ready, and end if they belong to a Job.

Never starts a program. A container whose image holds `crash` fails, one whose image holds `hang`
never becomes ready, so that a demo can show both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agent.sandbox.controllers.site import created, is_leaving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from agent.sandbox.controllers.site import Site
    from agent.sandbox.store import Stored

Object = dict[str, Any]
PODS: Final = "pods"
_ENDED: Final = ("Succeeded", "Failed")


def step(site: Site) -> None:
    """Move every Pod on by what time has passed."""
    for pod in site.all(PODS):
        if not is_leaving(pod):
            _step(site, pod)


def due(site: Site) -> Iterator[datetime]:
    """Yield when a Pod will be ready, or end."""
    for pod in site.all(PODS):
        if not is_over(pod) and not is_leaving(pod):
            begun = created(pod)
            yield begun + site.pods_ready_after
            if pod.object["spec"]["restartPolicy"] != "Always":
                yield begun + site.jobs_done_after


def is_ready(pod: Stored) -> bool:
    """Whether a Pod's Ready condition holds."""
    listed = pod.object.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in listed)


def is_over(pod: Stored) -> bool:
    """Whether a Pod has ended."""
    return pod.object.get("status", {}).get("phase") in _ENDED


def _step(site: Site, pod: Stored) -> None:
    if is_over(pod):
        return
    runs_once = pod.object["spec"]["restartPolicy"] != "Always"
    images = " ".join(each["image"] for each in pod.object["spec"]["containers"])
    if runs_once and site.age(pod) >= site.jobs_done_after and "hang" not in images:
        phase = "Failed" if "crash" in images else "Succeeded"
        site.tell(PODS, pod, _status(site, pod, phase, ready=False))
        return
    ready = site.age(pod) >= site.pods_ready_after and not ("crash" in images or "hang" in images)
    if ready != is_ready(pod) or pod.object["status"].get("phase") == "Pending":
        site.tell(PODS, pod, _status(site, pod, "Running", ready=ready))


def _status(site: Site, pod: Stored, phase: str, *, ready: bool) -> Object:
    before = pod.object.get("status", {})
    now = site.world.now()
    holds = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    known = {each["type"]: each for each in before.get("conditions") or ()}
    listed = []
    for kind, value in holds.items():
        old = known.get(kind, {})
        same = old.get("status") == str(value)
        time = old["lastTransitionTime"] if same else now
        listed.append({"type": kind, "status": str(value), "lastTransitionTime": time})
    containers = [
        _container(each, phase, now, ready=ready) for each in pod.object["spec"]["containers"]
    ]
    return {
        **before,
        "phase": phase,
        "startTime": before.get("startTime", now),
        "conditions": listed,
        "containerStatuses": containers,
    }


def _container(container: Object, phase: str, now: str, *, ready: bool) -> Object:
    if phase in _ENDED:
        failed = phase == "Failed"
        ended = {"exitCode": int(failed), "reason": "Error" if failed else "Completed"}
        state = {"terminated": {**ended, "startedAt": now, "finishedAt": now}}
    else:
        state = {"running": {"startedAt": now}}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": ready,
        "started": phase == "Running",
        "restartCount": 0,
        "state": state,
    }
