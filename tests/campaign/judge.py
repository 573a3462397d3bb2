"""Judges the agent from outside: by the server's journal and its objects, and by what Git said.

Never asks the agent anything, and shares no code with what it judges.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from campaign.model import APIS, Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.sandbox.api import Asked
    from agent.sandbox.store import Event
    from campaign.world import World

OWNER = "tidegate.io/owner"
MINE = "default/sim/shop/"
"""How the owner of everything of ours begins: instance, cluster, namespace."""
PACKAGES = "/apis/tidegate.io/v1alpha1/namespaces/shop/packages"
THEIRS = "theirs"
"""The key of ConfigMaps that only people write."""
_BOOKS = (
    "/api/v1/namespaces/tidegate-system",
    "/apis/coordination.k8s.io/v1/namespaces/tidegate-system",
    "/apis/tidegate.io/",
    "/apis/events.k8s.io/",
    "/apis/apiextensions.k8s.io/",
)
_LEASE = ("leases.coordination.k8s.io", ("tidegate-system", "tidegate-default"))
_WORDS = {"POST": "creates", "PATCH": "applies", "PUT": "updates", "DELETE": "deletes"}


@dataclass(slots=True)
class Judge:
    """What was seen so far, and every promise that was broken."""

    models: dict[str, Model] = field(default_factory=dict)
    """Commit → what it says."""
    seen: Model | None = None
    """What the process that lives now has read."""
    live_holds: set[str] = field(default_factory=set)
    """Packages that somebody suspended in the cluster, as the agent must know by now."""
    faults: list[str] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    """Job path and image → how often one was created."""
    journal: list[str] = field(default_factory=list)
    """Every request as one line: the same seed writes the same lines."""
    workload_writes: int = 0
    _replaced: set[str] = field(default_factory=set)
    """Paths that we deleted although Git wants them: to be put back, whatever holds."""
    _wanted_once: set[str] = field(default_factory=set)
    _version: int = 0
    _rests_since: int = 0
    _world: Any = None

    def look_at(self, world: World) -> None:
        """Begin."""
        self._world = world
        self.catch_up()

    def knows(self, commit: str, model: Model) -> None:
        """Take in what a commit says."""
        self.models[commit] = model
        for package in model.packages.values():
            self._wanted_once |= package.objects.keys()

    def read(self, commit: str) -> None:
        """The process has read a commit."""
        self.seen = self.models[commit]

    def died(self) -> None:
        """The process is gone, and what it had read with it."""
        self.seen = None

    # --- the journal -----------------------------------------------------------------------------

    def asked(self, asked: Asked) -> None:
        """Take in one request that the server answered."""
        if asked.path.startswith("/openapi/v3/"):
            return
        who = asked.user_agent.partition("/")[0] or "server"
        self.journal.append(f"{asked.at:%H:%M:%S} {who} {asked.method} {asked.path} {asked.code}")
        events = self.catch_up() if self._world is not None else []
        if asked.method == "DELETE" and asked.path.startswith(PACKAGES) and asked.code < 300:
            self.live_holds.discard(asked.path.rpartition("/")[2])  # its annotations went with it
        ours = who == "tidegate" and asked.method != "GET" and not asked.dry_run
        if ours and asked.code < 300 and events and not _path(asked, events[0]).startswith(_BOOKS):
            self.workload_writes += 1
            says = self._wrongs(asked, events[0])
            line = f"{asked.at:%H:%M:%S} {_WORDS[asked.method]} {asked.path}"
            self.faults += [f"{line}: {each}" for each in says]
            self._remember(asked, events[0])

    def catch_up(self) -> list[Event]:
        """Give what changed since the last look."""
        log, since = self._world.cluster.world.store.log, self._version
        fresh: list[Event] = []
        for event in reversed(log):
            if event.version <= since:
                break
            fresh.append(event)
        self._version = self._world.cluster.world.store.version
        return fresh[::-1]

    # --- promises --------------------------------------------------------------------------------

    def _wrongs(self, asked: Asked, event: Event) -> Iterator[str]:
        path = _path(asked, event)
        if path not in self._wanted_once:
            yield "outside of everything Git ever declared"
        yield from self._unled(asked)
        if self.seen is None:
            yield "before anything was read from Git"
            return
        held = self.seen.holds(asked.method, path, asked.at) or self._held_live(event)
        if held and not (path in self._replaced and asked.method != "DELETE"):
            yield held
        if asked.method == "DELETE":
            yield from self._wrong_deletion(path, event)
        elif event.before is not None:
            yield from _taken(event.before.object)
            yield from _lost(event)

    def _unled(self, asked: Asked) -> Iterator[str]:
        """Only the process that the Lease names may write, whatever another one believes."""
        lease = self._world.cluster.world.store.get(*_LEASE)
        holder = lease.object["spec"].get("holderIdentity") if lease else None
        writer = asked.user_agent.rpartition(" ")[2]
        if writer != holder:
            yield f"{writer} writes, but {holder or 'nobody'} holds the Lease"

    def _held_live(self, event: Event) -> str:
        """Who keeps an object: the one who had it before, or gets it now."""
        for each in (event.before, event.after):
            owner = _owner(each.object) if each else ""
            if owner.removeprefix(MINE) in self.live_holds:
                return f"{owner} is suspended in the cluster"
        return ""

    def _wrong_deletion(self, path: str, event: Event) -> Iterator[str]:
        assert self.seen is not None
        owner = _owner(event.before.object) if event.before else ""
        if not owner.startswith(MINE):
            yield f"it is not ours but {owner or 'nobody'}'s"
        wants = self.seen.wants(path)
        if wants and not ("/jobs/" in path or "/services/" in path):
            yield f"{wants} wants it, and it can be changed in place"
        if not wants and not self.seen.is_known:
            yield "nobody knows which packages there are"
        giver = self.seen.packages.get(owner.removeprefix(MINE))
        if giver is not None and giver.is_broken:
            yield "nobody knows what its package wants"

    def _remember(self, asked: Asked, event: Event) -> None:
        path = _path(asked, event)
        if asked.method == "DELETE":
            if self.seen is not None and self.seen.wants(path):
                self._replaced.add(path)
            return
        self._replaced.discard(path)
        if "/jobs/" in path and event.before is None and event.after is not None:
            run = f"{path} {_image(event.after.object)}"
            self.runs[run] += 1
            if self.runs[run] > 1:
                self.faults.append(f"{asked.at:%H:%M:%S} {run} runs again")

    # --- at the end ------------------------------------------------------------------------------

    def end(self, model: Model) -> None:
        """Everything has to be as Git says, told so, and nothing of ours left over."""
        self.faults += [f"at the end: {each}" for each in self.undone(model)]

    def rests_from_here(self) -> None:
        """Everything is done and told: from here on there is nothing to ask for."""
        self._rests_since = len(self.journal)

    def rested(self) -> None:
        """At rest nothing is asked but the lease."""
        asked = self.journal[self._rests_since :]
        self.faults += [
            f"at rest: {each}" for each in asked if " tidegate " in each and "/leases/" not in each
        ]

    def undone(self, model: Model) -> list[str]:
        """List what is not as Git says, or not told so."""
        return [*self._unlike(model), *self._telling(model)]

    def _unlike(self, model: Model) -> Iterator[str]:
        live = dict(self._live())
        wanted = {
            path: (name, one)
            for name, package in model.packages.items()
            for path, one in package.objects.items()
        }
        for path, (name, one) in wanted.items():
            yield from self._amiss(path, name, one, live)
        for path, found in live.items():
            if path not in wanted and _owner(found).startswith(MINE):
                yield f"{path} is left over"

    def _live(self) -> Iterator[tuple[str, dict[str, Any]]]:
        store = self._world.cluster.world.store
        for resource, stored in store.everything():
            found = stored.object
            api = APIS.get(found["kind"])
            if api is not None and found["metadata"].get("namespace") == "shop":
                yield f"{api[1]}/{found['metadata']['name']}", found
            del resource

    def _amiss(
        self, path: str, name: str, one: dict[str, Any], live: dict[str, Any]
    ) -> Iterator[str]:
        if path not in live:
            if "/jobs/" not in path or not self.runs[f"{path} {_image(one)}"]:
                yield f"{path} is missing"
            return
        found = live[path]
        owner = _owner(found)
        if owner != f"{MINE}{name}":
            yield f"{path} belongs to {owner}"
        if not _has(found, {each: one[each] for each in one if each != "metadata"}):
            yield f"{path} is not as in Git"

    def _telling(self, model: Model) -> Iterator[str]:
        world = self._world
        for name in model.packages:
            told = world.ask("GET", f"{PACKAGES}/{name}")
            status = told.get("status", {})
            if status.get("state") != "Synced":
                yield f"{name} says {status.get('state')}: {status.get('message')}"
        yield from _history(world.repository.status or {})

    def digest(self) -> str:
        """Sum the journal up: the same for the same seed."""
        return hashlib.sha256("\n".join(self.journal).encode()).hexdigest()


def _path(asked: Asked, event: Event) -> str:
    """Name the object; a creation is asked of its collection."""
    return asked.path if asked.method != "POST" else f"{asked.path}/{event.last.place[1]}"


def _owner(found: dict[str, Any]) -> str:
    return str((found["metadata"].get("annotations") or {}).get(OWNER, ""))


def _image(found: dict[str, Any]) -> str:
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def _taken(before: dict[str, Any]) -> Iterator[str]:
    """What is nobody's may be adopted, what is another one's may not."""
    owner = _owner(before)
    if owner and not owner.startswith(MINE):
        yield f"takes what is {owner}'s"


def _lost(event: Event) -> Iterator[str]:
    """What people wrote beside ours has to stay."""
    assert event.before is not None
    if event.after is None:
        return
    before = (event.before.object.get("data") or {}).get(THEIRS)
    after = (event.after.object.get("data") or {}).get(THEIRS)
    if before is not None and before != after:
        yield f"loses what people wrote: {before!r}"


def _has(found: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is there."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and _has(found[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_has(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)


def _history(files: dict[str, bytes]) -> Iterator[str]:
    """Transitions are numbered; none may be missing. A package that comes back begins anew."""
    seen: dict[str, list[tuple[str, int]]] = {}
    for path, data in files.items():
        if path.startswith("history/shop/"):
            lines = [json.loads(line) for line in data.splitlines()]
            told = [(each["time"], each["seq"]) for each in lines]
            seen.setdefault("/".join(path.split("/")[1:3]), []).extend(told)
    for package, told in sorted(seen.items()):
        numbers = [seq for _, seq in sorted(told)]
        steps = zip([0, *numbers], numbers, strict=False)
        if any(after not in (1, before + 1) for before, after in steps):
            yield f"the history of {package} has the numbers {numbers}"
