"""The floor: what the same requests cost with nothing around them, in the same run.

Same transport, same connections, same bodies; no reading, no deciding, no memory. What a race is
slower than its floor is what the agent adds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import yaml
from control_plane.client import APPLY, MERGE
from stage import CONNECTIONS, PATHS, STATUS_BRANCH
from watching import Watching

from agent.edges.kube.seam import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from corpus import Thing
    from stage import Stage

_LABELS = {"tidegate.io/instance": "floor", "tidegate.io/package": "0123456789abcdef0123"}


def _body(thing: Thing, name: str) -> bytes:
    manifest: dict[str, Any] = yaml.safe_load(thing.text())
    manifest["metadata"]["name"] = name
    manifest["metadata"]["labels"] |= _LABELS
    manifest["metadata"]["annotations"] = {"tidegate.io/owner": "floor/bench/team-00/p000"}
    return json.dumps(manifest).encode()


def creates(stage: Stage, count: int) -> float:
    """Create so many objects by server-side apply, as fast as the connections go: seconds."""
    requests = []
    for thing in list(stage.corpus.things())[:count]:
        path, name = thing.path.rpartition("/")[0], f"floor-{thing.name}"
        query = (("fieldManager", "floor"), ("fieldValidation", "Strict"))
        body = _body(thing, name)
        requests.append(Request("PATCH", f"{path}/{name}", query, body, APPLY))
    begin = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        codes = {answer.status for answer in pool.map(stage.raw.send, requests)}
    took = time.monotonic() - begin
    if codes != {201}:
        raise RuntimeError(f"the floor was not made: {codes}")
    return took


def lists(stage: Stage) -> float:
    """List everything the agent owns, as a start does: seconds."""
    selector = ("labelSelector", "tidegate.io/instance=default")

    def whole(path: str) -> int:
        count, token = 0, ""
        while True:
            query = (("limit", "500"), selector, *((("continue", token),) if token else ()))
            answer = json.loads(stage.raw.send(Request("GET", path, query)).body)
            count += len(answer["items"])
            token = answer["metadata"].get("continue", "")
            if not token:
                return count

    begin = time.monotonic()
    with ThreadPoolExecutor(len(PATHS)) as pool:
        list(pool.map(whole, PATHS))
    return time.monotonic() - begin


def repairs(stage: Stage, count: int = 20) -> list[float]:
    """Watch an object, and patch it back as soon as the edit is seen: seconds each."""
    thing = stage.corpus.config_maps()[0]
    collection, _, _ = thing.path.rpartition("/")
    path = f"{collection}/floor-{thing.name}"
    found: list[float] = []
    selector = "tidegate.io/instance=floor"
    with Watching(stage.plane, [collection], selector, whole=True) as watch:
        for number in range(count):
            begin = time.monotonic()
            _merge(stage, path, f"live-{number}")
            watch.wait_for(lambda: _has(watch, f"live-{number}"), 10)  # noqa: B023 - called at once
            _merge(stage, path, "1")
            watch.wait_for(lambda: _has(watch, "1"), 10)
            found.append(watch.last - begin)
    return found


def _has(watch: Watching, revision: str) -> bool:
    latest = max(watch.seen.values(), default=(0.0, {}), key=lambda each: each[0])[1]
    return bool(latest) and latest["data"]["revision"] == revision


def _merge(stage: Stage, path: str, revision: str) -> None:
    body = json.dumps({"data": {"revision": revision}}).encode()
    stage.raw.send(Request("PATCH", path, (), body, MERGE))


def change(stage: Stage, count: int = 5) -> dict[str, float]:
    """What a one-file commit can't go without: ask, fetch, read one blob, apply one object."""
    folder = stage.folder / "floor.git"
    url = stage.gate.url("repo.git")
    _git("init", "--quiet", "--bare", str(folder))
    git = ("-C", str(folder))
    fetch = (*git, "fetch", "--quiet", "--no-tags", url, "+refs/heads/main:refs/heads/main")
    _git(*fetch)
    thing = stage.corpus.config_maps()[1]
    asked, fetched, whole = [], [], []
    for _ in range(count):
        stage.commit(thing)
        begin = time.monotonic()
        _git(*git, "ls-remote", url, "refs/heads/main")
        asked.append(time.monotonic() - begin)
        _git(*fetch)
        fetched.append(time.monotonic() - begin - asked[-1])
        _git(*git, "cat-file", "blob", f"main:{thing.file}")
        path, name = thing.path.rpartition("/")[0], f"floor-{thing.name}"
        query = (("fieldManager", "floor"), ("force", "true"))
        stage.raw.send(Request("PATCH", f"{path}/{name}", query, _body(thing, name), APPLY))
        whole.append(time.monotonic() - begin)
    median = statistics.median
    return {
        "ls-remote": median(asked),
        "fetch": median(fetched),
        "commit to applied": median(whole),
    }


def push(stage: Stage, count: int = 3) -> float:
    """Write one file on a branch and push it, with porcelain-free Git: seconds."""
    folder = stage.folder / "floor.git"
    git = ("-C", str(folder))
    found = []
    for number in range(count):
        begin = time.monotonic()
        script = (
            f"commit refs/heads/floor\ncommitter floor <f@example.com> {number + 1} +0000\n"
            f"data 1\nx\nM 100644 inline status\ndata 1\n{number}\n"
        )
        _git(*git, "fast-import", "--quiet", "--force", stdin=script)
        url = stage.gate.url("repo.git")
        _git(*git, "push", "--quiet", "--force", url, "refs/heads/floor:refs/heads/floor")
        found.append(time.monotonic() - begin)
    return statistics.median(found)


def interpreter() -> float:
    """Start Python and end: seconds."""
    return best_of(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))


def best_of(call: Callable[[], object], rounds: int = 5) -> float:
    """Give the median seconds of some rounds."""
    found = []
    for _ in range(rounds):
        begin = time.monotonic()
        call()
        found.append(time.monotonic() - begin)
    return statistics.median(found)


def _git(*arguments: str, stdin: str = "") -> None:
    subprocess.run(["git", *arguments], input=stdin.encode(), capture_output=True, check=True)


__all__ = [
    "STATUS_BRANCH",
    "best_of",
    "change",
    "creates",
    "interpreter",
    "lists",
    "push",
    "repairs",
]
