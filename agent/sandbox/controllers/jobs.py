"""Jobs: one Pod at a time until enough have succeeded or too many failed; then their time to live.

Never runs CronJobs: nothing in a demo waits for a minute to come round.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from agent.sandbox.controllers.pods import PODS, is_over
from agent.sandbox.controllers.site import is_leaving
from agent.sandbox.controllers.workloads import new_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.sandbox.controllers.site import Site
    from agent.sandbox.store import Stored

Object = dict[str, Any]
JOBS: Final = "jobs.batch"


def step(site: Site) -> None:
    """Bring every Job one step on, and take away those whose time is over."""
    for job in site.all(JOBS):
        if is_leaving(job):
            continue
        if ended := _ended(job):
            _expire(site, job, ended)
        elif job.object["spec"].get("suspend") is True:
            _suspend(site, job)
        else:
            _run(site, job)


def _ended(job: Stored) -> str:
    """Tell when a Job ended, empty while it did not."""
    for each in job.object["status"].get("conditions") or ():
        if each["type"] in ("Complete", "Failed") and each["status"] == "True":
            return str(each["lastTransitionTime"])
    return ""


def _expire(site: Site, job: Stored, ended: str) -> None:
    seconds = job.object["spec"].get("ttlSecondsAfterFinished")
    if seconds is not None and site.since(ended) >= timedelta(seconds=seconds):
        site.delete(JOBS, job, "Background")


def _suspend(site: Site, job: Stored) -> None:
    for pod in site.owned(job, PODS):
        if not is_over(pod):
            site.delete(PODS, pod)
    before = job.object["status"]
    if not _holds(before, "Suspended"):
        told = _condition(site, "Suspended", "JobSuspended", "Job suspended")
        kept = {name: each for name, each in before.items() if name not in ("active", "startTime")}
        site.tell(JOBS, job, {**kept, "conditions": [told]})


def _holds(status: Object, kind: str) -> bool:
    listed = status.get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in listed)


def _run(site: Site, job: Stored) -> None:
    spec, before = job.object["spec"], job.object["status"]
    pods = site.owned(job, PODS)
    succeeded = sum(each.object["status"]["phase"] == "Succeeded" for each in pods)
    failed = sum(each.object["status"]["phase"] == "Failed" for each in pods)
    wanted = spec.get("completions", 1)
    started = before.get("startTime", site.world.now())
    counts = {"succeeded": succeeded, "failed": failed}
    status: Object = {"startTime": started, "uncountedTerminatedPods": {}, "ready": 0}
    status |= {name: each for name, each in counts.items() if each}
    if "conditions" in before:
        status["conditions"] = [{**each, "status": "False"} for each in before["conditions"]]
    if succeeded >= wanted:
        site.tell(JOBS, job, _done(site, status, "Complete", "CompletionsReached"))
    elif failed > spec["backoffLimit"]:
        site.tell(JOBS, job, _done(site, status, "Failed", "BackoffLimitExceeded"))
    elif _is_late(site, spec, started):
        for pod in pods:
            site.delete(PODS, pod)
        site.tell(JOBS, job, _done(site, status, "Failed", "DeadlineExceeded"))
    else:
        active = _keep_running(site, job, pods, wanted - succeeded)
        site.tell(JOBS, job, {**status, "active": active})


def _keep_running(site: Site, job: Stored, pods: list[Stored], missing: int) -> int:
    wanted = min(job.object["spec"]["parallelism"], missing)
    running = [each for each in pods if not is_over(each) and not is_leaving(each)]
    for _ in range(wanted - len(running)):
        name = f"{job.place[1]}-{site.world.suffix()}"
        template = job.object["spec"]["template"]
        made = site.create(PODS, job.place[0], new_pod(job, template, name, {}))
        running += [made] if made else []
    return len(running)


def _is_late(site: Site, spec: Object, started: str) -> bool:
    seconds = spec.get("activeDeadlineSeconds")
    return seconds is not None and site.since(started) >= timedelta(seconds=seconds)


_SAYS: Final = {
    "CompletionsReached": "Reached expected number of succeeded pods",
    "BackoffLimitExceeded": "Job has reached the specified backoff limit",
    "DeadlineExceeded": "Job was active longer than specified deadline",
}


def _done(site: Site, status: Object, kind: str, reason: str) -> Object:
    first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
    told = [_condition(site, each, reason, _SAYS[reason]) for each in (first, kind)]
    done = {**status, "conditions": [*status.get("conditions", ()), *told], "terminating": 0}
    return {**done, "completionTime": site.world.now()} if kind == "Complete" else done


def _condition(site: Site, kind: str, reason: str, message: str) -> Object:
    now = site.world.now()
    return {
        "type": kind,
        "status": "True",
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def due(site: Site) -> Iterator[datetime]:
    """Yield when a Job will be too late, or its time to live is over."""
    for job in site.all(JOBS):
        spec, ended = job.object["spec"], _ended(job)
        seconds = spec.get("ttlSecondsAfterFinished" if ended else "activeDeadlineSeconds")
        begun = ended or job.object["status"].get("startTime")
        if seconds is not None and begun and not is_leaving(job):
            yield datetime.fromisoformat(begun) + timedelta(seconds=seconds)
