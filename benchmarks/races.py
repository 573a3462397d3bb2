"""The races: each gives named numbers, in seconds, requests, MiB or percent as its name says."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING

import floor
from control_plane.client import MERGE
from stage import PACKAGES, STATUS_BRANCH, TIDEGATE, pause
from watching import Watching

from agent.edges.kube.seam import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from corpus import Thing
    from process import Measured
    from stage import Stage

Numbers = dict[str, float]
_READS = ("get", "list", "watch")


def cold(stage: Stage) -> tuple[Measured, Numbers]:
    """From the start of the command on an empty cluster to the last of all objects."""
    mark = stage.plane.marker()
    with stage.watching() as watch:
        agent = stage.agent()
        count = stage.corpus.objects
        watch.wait_for(lambda: len(watch.seen) >= count, 300, agent.check)
        first = min(at for at, _ in watch.seen.values())
        took = watch.last - agent.started
    agent.check()
    busy = agent.cpu()
    stage.until_all("Progressing", agent)
    numbers = {
        "seconds": took,
        "seconds to the first object": first - agent.started,
        "own CPU seconds": busy,
        "requests per object": len(stage.requests(mark)) / count,
    }
    return agent, numbers


def settle(stage: Stage, agent: Measured) -> Numbers:
    """Every Deployment's status is written by its controller (the harness); all become Synced."""
    begin, busy, mark = time.monotonic(), agent.cpu(), stage.plane.marker()
    stage.settle()
    written = time.monotonic()
    done = stage.until_all("Synced", agent)
    return {
        "seconds after the last status": max(0.0, done - written),
        "seconds": done - begin,
        "own CPU seconds": agent.cpu() - busy,
        "requests": len(stage.requests(mark)),
    }


def rest(stage: Stage, agent: Measured, seconds: float = 30) -> Numbers:
    """Nothing happens."""
    mark, busy, polls = stage.plane.marker(), agent.cpu(), stage.gate.connections
    resident = agent.memory()[0]
    pause(seconds)
    used = agent.cpu() - busy
    requests = Counter(f"{one.verb} {one.resource}" for one in stage.requests(mark))
    if requests:
        print("  requests at rest:", dict(requests))
    polls = stage.gate.connections - polls
    return {
        "requests": sum(requests.values()),
        "own CPU percent of a core": 100 * used / seconds,
        "polls": polls,
        "own CPU ms per poll": 1000 * used / max(polls, 1),
        "MiB resident": agent.memory()[0],
        "MiB grown": agent.memory()[0] - resident,
    }


def change(stage: Stage, rounds: int = 5) -> Numbers:
    """A one-file commit: visible → applied → the package tells so; and what it cost."""
    things = stage.corpus.config_maps()
    applied, confirmed, requests = [], [], []
    for number in range(rounds):
        pause(1.5)  # what the round before has left to tell
        thing = things[(number * 37 + 5) % len(things)]
        mark = stage.plane.marker()
        with stage.watching_one(thing) as watch, _packages(stage, thing) as told:
            with stage.gate.held():
                commit = stage.commit(thing)
                visible = time.monotonic()
            watch.wait_for(lambda: _is_at(watch, thing, stage.revision), 60)  # noqa: B023
            applied.append(watch.last - visible)
            told.wait_for(lambda: _tells(told, thing, commit), 60)  # noqa: B023
            confirmed.append(told.last - visible)
        pause(0.3)
        requests.append(len(stage.requests(mark)))
    return {
        "seconds to applied": statistics.median(applied),
        "seconds to applied, worst": max(applied),
        "seconds to confirmed": statistics.median(confirmed),
        "requests": statistics.median(requests),
    }


def pushed(stage: Stage, rounds: int = 3) -> Numbers:
    """A one-file commit long after the last push: applied → the status branch says so.

    Pushes that follow each other within a minute are kept apart, which is not what is raced here.
    """
    things = stage.corpus.config_maps()
    found = []
    for number in range(rounds):
        thing = things[-1 - number * 7]
        tip = _quiet_tip(stage)
        with stage.watching_one(thing) as watch:
            with stage.gate.held():
                commit = stage.commit(thing)
            watch.wait_for(lambda: _is_at(watch, thing, stage.revision), 60)  # noqa: B023
            landed = _next_tip(stage, tip)
        if _told_revision(stage, thing) != commit:
            raise RuntimeError("the first push after the commit does not say that it is applied")
        found.append(landed - watch.last)
    return {"seconds from applied": statistics.median(found), "seconds, worst": max(found)}


def _quiet_tip(stage: Stage, seconds: float = 62) -> str:
    """Wait until the status branch has not moved for over a minute."""
    tip, since = stage.status_tip(), time.monotonic()
    while time.monotonic() - since < seconds:
        pause(0.2)
        if (newer := stage.status_tip()) != tip:
            tip, since = newer, time.monotonic()
    return tip


def _next_tip(stage: Stage, tip: str, seconds: float = 90) -> float:
    end = time.monotonic() + seconds
    while stage.status_tip() == tip:
        if time.monotonic() > end:
            raise TimeoutError("the status branch does not move")
        pause(0.001)
    return time.monotonic()


def _told_revision(stage: Stage, thing: Thing) -> str:
    path = f"packages/{thing.namespace}/{thing.name[:4]}.yaml"
    told = stage.repository.show(STATUS_BRANCH, path)
    return told.partition("applied: ")[2].partition("\n")[0].strip("\"' ")


def repair(stage: Stage, rounds: int = 25) -> Numbers:
    """A live edit → repaired, as the observer sees both."""
    things = stage.corpus.config_maps()
    found = []
    for number in range(rounds):
        thing = things[number % len(things)]
        body = json.dumps({"data": {"server.conf": f"edited = {number}\n"}}).encode()
        with stage.watching_one(thing) as watch:
            stage.raw.send(Request("PATCH", thing.path, (), body, MERGE))
            watch.wait_for(lambda: len(_versions(watch, thing)) >= 2, 30)  # noqa: B023, PLR2004
            versions = _versions(watch, thing)
            found.append(versions[-1] - versions[0])
    return {
        "seconds p50": statistics.median(found),
        "seconds p99": sorted(found)[round(0.99 * (len(found) - 1))],
    }


def restart(stage: Stage, agent: Measured) -> tuple[Measured, Numbers]:
    """End the command, start it again: until it knows of every package that it is in sync."""
    ended = agent.stop()
    mark = stage.plane.marker()
    agent = stage.agent()
    done = stage.until_all("Synced", agent)
    found = stage.requests(mark)
    return agent, {
        "seconds": done - agent.started,
        "own CPU seconds": agent.cpu(),
        "requests": len(found),
        "writes": sum(one.verb not in _READS for one in found),
        "seconds to end": ended,
    }


def starts(stage: Stage) -> Numbers:
    """How long people wait for the command itself."""
    status = [
        *(str(TIDEGATE), "status", "--kubeconfig", str(stage.plane.kubeconfig())),
        *("--cluster", "bench"),
    ]
    return {
        "seconds of --help": floor.best_of(lambda: _quiet([str(TIDEGATE), "--help"])),
        "seconds of status": floor.best_of(lambda: _quiet(status)),
    }


def _quiet(command: Iterable[str]) -> None:
    done = subprocess.run([*command], capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{[*command]}: {done.stderr.decode()}")


def _packages(stage: Stage, thing: Thing) -> Watching:
    path = PACKAGES.replace("/packages", f"/namespaces/{thing.namespace}/packages")
    return Watching(stage.plane, [path], whole=True)


def _tells(told: Watching, thing: Thing, commit: str) -> bool:
    name = thing.name[:4]
    return any(
        one["metadata"]["name"] == name
        and one.get("status", {}).get("revision", {}).get("applied") == commit
        for _, one in told.seen.values()
    )


def _is_at(watch: Watching, thing: Thing, revision: int) -> bool:
    return any(
        one["metadata"]["name"] == thing.name and one["data"]["revision"] == str(revision)
        for _, one in watch.seen.values()
    )


def _versions(watch: Watching, thing: Thing) -> list[float]:
    return [at for at, one in watch.log if one["metadata"]["name"] == thing.name]
