"""The newest record of every object we own, by key and by package; its owner holds the lock.

Never goes back in time: what is older than what is known, or than a deletion, is dropped.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.core.live import is_older
from agent.core.words import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.core.values import Key, Live

_REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of one object, for one package."""

    package: str
    """The package label: 20 hex digits, or empty."""
    old: Live | None
    new: Live | None


@dataclass(frozen=True, slots=True)
class _Departed:
    """An object that went: late news of it are void."""

    uid: str = ""
    version: str = ""

    def outdates(self, live: Live) -> bool:
        gone = bool(self.uid) and self.uid == live.uid
        return gone or live.version == self.version or is_older(live.version, self.version)


class Records:
    """Records and their index; not safe from several threads."""

    def __init__(self) -> None:
        self._records: dict[Key, Live] = {}
        self._packages: dict[str, dict[Key, Live]] = {}
        self._departed: OrderedDict[Key, _Departed] = OrderedDict()

    def get(self, key: Key) -> Live | None:
        """Give the newest record."""
        return self._records.get(key)

    def keys(self, wanted: Callable[[Key], bool]) -> list[Key]:
        """Name the objects that are there and wanted."""
        return [key for key in self._records if wanted(key)]

    def of_package(self, label: str) -> Mapping[Key, Live]:
        """Give a copy of the records that carry this package label."""
        return dict(self._packages.get(label, {}))

    def accept(self, live: Live) -> tuple[Changed, ...]:
        """Take a record, unless something newer is known."""
        old, departed = self._records.get(live.key), self._departed.get(live.key)
        if departed is not None and departed.outdates(live):
            return ()
        if old is not None and (old.version == live.version or is_older(live.version, old.version)):
            return ()
        self._departed.pop(live.key, None)
        self._unlist(old)
        self._records[live.key] = live
        self._packages.setdefault(_package(live), {})[live.key] = live
        return _changes(old, live)

    def lose(self, key: Key, version: str) -> tuple[Changed, ...]:
        """Take a record away, unless it is newer than the version at which the object went."""
        old = self._records.get(key)
        if old is not None and is_older(version, old.version):
            return ()
        return self._remove(key, _Departed(version=version))

    def lose_uid(self, key: Key, uid: str) -> tuple[Changed, ...]:
        """Take exactly this object away; one of the same name that came after it stays."""
        old = self._records.get(key)
        if old is not None and old.uid != uid:
            return ()
        return self._remove(key, _Departed(uid=uid))

    def forget(self, key: Key) -> tuple[Changed, ...]:
        """Take a record away as if the object had never been seen."""
        changes = self._remove(key, _Departed())
        self._departed.pop(key)
        return changes

    def _remove(self, key: Key, departed: _Departed) -> tuple[Changed, ...]:
        self._departed[key] = departed
        self._departed.move_to_end(key)
        if len(self._departed) > _REMEMBERED:
            self._departed.popitem(last=False)
        old = self._records.pop(key, None)
        self._unlist(old)
        return _changes(old, None)

    def _unlist(self, old: Live | None) -> None:
        if old is None:
            return
        label = _package(old)
        del self._packages[label][old.key]
        if not self._packages[label]:
            del self._packages[label]


def _package(live: Live) -> str:
    return live.marks.get(PACKAGE, "")


def _changes(old: Live | None, new: Live | None) -> tuple[Changed, ...]:
    """Tell both packages of an object that moved from one to the other."""
    labels = dict.fromkeys(_package(live) for live in (old, new) if live is not None)
    return tuple(Changed(label, old, new) for label in labels)
