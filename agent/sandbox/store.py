"""Objects, their versions, and the log of what happened to them; one lock, held by who asks.

Never judges a write: what is committed here has passed everything else.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.sandbox.apply import Managers

Place = tuple[str, str]
"""Namespace (empty: none) and name."""
FIRST_VERSION: Final = 100
"""A real server has written about as much before it answers; no object ever has version 1."""
LONGEST_LOG: Final = 20_000
"""Events kept for watches; who asks for older ones gets a 410."""


@dataclass(slots=True, eq=False)
class Stored:
    """One object as it is at one version; nobody changes it."""

    object: dict[str, Any]
    managers: Managers
    version: int
    api_version: str
    _data: bytes = b""

    @property
    def data(self) -> bytes:
        """Its JSON, made once."""
        if not self._data:
            self._data = orjson.dumps(self.object)
        return self._data

    @property
    def uid(self) -> str:
        """What tells it from others of its name."""
        return str(self.object["metadata"]["uid"])

    @property
    def owners(self) -> set[str]:
        """The uids of its owners."""
        return {each["uid"] for each in self.object["metadata"].get("ownerReferences") or ()}

    @property
    def place(self) -> Place:
        """Its namespace and name."""
        metadata = self.object["metadata"]
        return metadata.get("namespace", ""), metadata["name"]


@dataclass(frozen=True, slots=True)
class Event:
    """One change: what was there before, what is there after it."""

    version: int
    resource: str
    before: Stored | None
    after: Stored | None
    last: Stored
    """What a watch tells: the object, or as it last was, with the version of this event."""


@dataclass
class Store:
    """All objects by resource."""

    version: int = FIRST_VERSION
    oldest: int = FIRST_VERSION
    """Events after this version are still in the log."""
    log: list[Event] = field(default_factory=list)
    dropped: int = 0
    """How many events are no more at the front of the log."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.lock)
        self._objects: dict[str, dict[Place, Stored]] = {}
        self._owned: dict[tuple[str, str], dict[Place, Stored]] = {}

    def get(self, resource: str, place: Place) -> Stored | None:
        """Give one object."""
        found = self._objects.get(resource)
        return found.get(place) if found else None

    def all(self, resource: str, namespace: str = "") -> list[Stored]:
        """List objects in the order of their names."""
        found = self._objects.get(resource) or {}
        return [found[place] for place in sorted(found) if not namespace or place[0] == namespace]

    def owned(self, resource: str, uid: str) -> list[Stored]:
        """List what refers to an owner, in the order of their names."""
        found = self._owned.get((resource, uid)) or {}
        return [found[place] for place in sorted(found)]

    def resources(self) -> list[str]:
        """Name what has objects."""
        return [name for name, objects in self._objects.items() if objects]

    def everything(self) -> Iterator[tuple[str, Stored]]:
        """Yield every object with its resource."""
        for name, objects in list(self._objects.items()):
            for stored in list(objects.values()):
                yield name, stored

    def put(self, resource: str, before: Stored | None, after: Stored) -> None:
        """Commit an object; its version must be `next_version`."""
        self.version = after.version
        self._objects.setdefault(resource, {})[after.place] = after
        if before is not None:
            self._let_go(resource, before)
        for uid in after.owners:
            self._owned.setdefault((resource, uid), {})[after.place] = after
        self._note(Event(after.version, resource, before, after, after))

    def remove(self, resource: str, before: Stored) -> Stored:
        """Delete an object; returns it with the version of its deletion."""
        self.version += 1
        del self._objects[resource][before.place]
        self._let_go(resource, before)
        metadata = {**before.object["metadata"], "resourceVersion": str(self.version)}
        body = {**before.object, "metadata": metadata}
        last = Stored(body, before.managers, self.version, before.api_version)
        self._note(Event(self.version, resource, before, None, last))
        return last

    def compact(self) -> None:
        """Forget the past, as etcd does every five minutes: watches from before get a 410."""
        with self.lock:
            self._drop(len(self.log))

    def _let_go(self, resource: str, stored: Stored) -> None:
        for uid in stored.owners:
            found = self._owned[resource, uid]
            del found[stored.place]
            if not found:
                del self._owned[resource, uid]

    def _note(self, event: Event) -> None:
        self.log.append(event)
        if len(self.log) > LONGEST_LOG:
            self._drop(LONGEST_LOG // 4)
        self.changed.notify_all()

    def _drop(self, count: int) -> None:
        if count:
            self.oldest = self.log[count - 1].version
            self.dropped += count
            del self.log[:count]
