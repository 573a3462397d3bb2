"""A repository in memory: commits of files, the mirror a process keeps of it, a status branch.

It forgets nothing that was committed; a ref may be moved anywhere, or taken away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from agent.edges.git.errors import GitError, GitReason
from agent.edges.git.objects import Author, Blob
from campaign.faults import KILLS, OF_GIT, Fault, Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from campaign.faults import Faults

Files = dict[str, bytes]
_FILE = 0o100644
_ADA = ("Ada", "ada@example.com")


@dataclass(frozen=True)
class Commit:
    """A commit, with all its files."""

    id: str
    parent: str
    files: Mapping[str, bytes]

    @cached_property
    def blobs(self) -> dict[str, Blob]:
        """Path → blob."""
        return {path: Blob(_id(data), _FILE, len(data)) for path, data in self.files.items()}

    @cached_property
    def trees(self) -> dict[str, str]:
        """Folder → tree id; the root is the empty path."""
        inside: dict[str, list[str]] = {"": []}
        for path, blob in sorted(self.blobs.items()):
            parts = path.split("/")
            for depth in range(len(parts)):
                inside.setdefault("/".join(parts[:depth]), []).append(f"{path} {blob.oid}")
        return {folder: _id("\n".join(entries).encode()) for folder, entries in inside.items()}


@dataclass(slots=True)
class Repository:
    """What the server has."""

    commits: dict[str, Commit] = field(default_factory=dict)
    head: str = ""
    reachable: bool = True
    has_branch: bool = True
    """Whether the ref is there; its commits are, whatever happens to it."""
    status: Files | None = None
    """The files of the status branch; None before the first commit to it."""
    pushes: int = 0

    def commit(self, files: Mapping[str, bytes], *, parent: str | None = None) -> str:
        """Commit all files onto a parent, the head unless another is named."""
        before = self.head if parent is None else parent
        name = _id(f"{len(self.commits)} {before}".encode())
        self.commits[name] = Commit(name, before, dict(files))
        self.head = name
        return name

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether a commit follows another, or is it."""
        while commit and commit != ancestor:
            commit = self.commits[commit].parent
        return commit == ancestor


@dataclass(slots=True)
class Disk:
    """What a machine keeps of the repository while processes come and go."""

    tip: str = ""
    pins: dict[str, str] = field(default_factory=dict)


class Mirror:
    """See `agent.edges.git.mirror`."""

    def __init__(
        self, repository: Repository, disk: Disk, faults: Faults, on_read: Callable[[str], None]
    ) -> None:
        """Tell `on_read` of each newest commit that a process has read."""
        self._repository = repository
        self._disk = disk
        self._faults = faults
        self._on_read = on_read
        self._contents: dict[str, bytes] = {}

    def poll(self) -> str | None:
        """The branch's commit over there; None if there is no such branch."""
        self._cross("git ls-remote")
        return self._repository.head if self._repository.has_branch else None

    def fetch(self) -> str:
        """Bring it here."""
        fault = self._faults.at("git fetch", OF_GIT)
        if fault is Fault.KILL_BEFORE:
            raise Killed
        if fault is Fault.UNSENT or not self._repository.reachable:
            raise GitError(GitReason.UNREACHABLE, "no route to host")
        if fault is Fault.LOST:
            raise GitError(GitReason.TIMED_OUT, "half of a pack came")
        if not self._repository.has_branch:
            raise GitError(GitReason.NO_BRANCH, "there is no branch main")
        self._disk.tip = self._repository.head
        if fault is Fault.KILL_AFTER:
            raise Killed
        return self._disk.tip

    def tip(self) -> str | None:
        """The commit fetched last."""
        return self._disk.tip or None

    def has(self, commit: str) -> bool:
        """Whether the commit was brought here before."""
        if commit in self._disk.pins.values():
            return True
        return bool(self._disk.tip) and self._repository.descends(self._disk.tip, commit)

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether the commit follows the ancestor, or is it."""
        return ancestor in self._repository.commits and self._repository.descends(commit, ancestor)

    def resolve(self, revision: str) -> str:
        """The commit whose id begins so."""
        found = [each for each in self._repository.commits if each.startswith(revision)]
        return found[0] if len(found) == 1 and self.has(found[0]) else ""

    def pin_all(self, commits: Mapping[str, str]) -> None:
        """Keep commits, by name, although the branch may lose them."""
        self._disk.pins |= commits

    def listing(self, commit: str) -> Mapping[str, Blob]:
        """Path → blob of every file."""
        found = self._commit(commit)
        if commit == self._disk.tip:
            self._on_read(commit)
        return found.blobs

    def trees(self, commit: str) -> Mapping[str, str]:
        """Folder → tree id."""
        return self._commit(commit).trees

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Blob id → content."""
        return {oid: self._contents[oid] for oid in oids if oid in self._contents}

    def blame(self, commit: str, paths: Iterable[str]) -> Mapping[str, Author]:
        """Path → who last changed it; everything by Ada, in the newest commit."""
        found = self._commit(commit)
        return {path: Author(commit, *_ADA, 0) for path in paths if path in found.files}

    def _commit(self, commit: str) -> Commit:
        if not self.has(commit):
            raise GitError(GitReason.NO_OBJECT, f"{commit} is not here")
        found = self._repository.commits[commit]
        self._contents |= {found.blobs[path].oid: data for path, data in found.files.items()}
        return found

    def _cross(self, what: str) -> None:
        fault = self._faults.at(what, OF_GIT)
        if fault in KILLS:
            raise Killed
        if fault is not None or not self._repository.reachable:
            raise GitError(GitReason.UNREACHABLE, "no route to host")


class Publisher:
    """See `agent.edges.git.publish`: read, merge, push; a push may be raced, or land unheard."""

    def __init__(
        self,
        repository: Repository,
        faults: Faults,
        race: Callable[[Repository], None] | None = None,
    ) -> None:
        """Let `race` push first, where it is given."""
        self._repository = repository
        self._faults = faults
        self._race = race

    def publish(
        self,
        change: Callable[[Mapping[str, bytes] | None], Mapping[str, bytes | None]],
        subject: str,  # noqa: ARG002 - as the real one
        trailers: Mapping[str, str],  # noqa: ARG002 - as the real one
        *,
        even_if_same: bool = False,
    ) -> object:
        """Commit what `change` makes of the files there are."""
        fault = self._faults.at("git push", OF_GIT)
        if fault is Fault.KILL_BEFORE:
            raise Killed
        if fault is Fault.UNSENT or not self._repository.reachable:
            raise GitError(GitReason.UNREACHABLE, "no route to host")
        merged = _merged(self._repository.status, change)
        if self._race is not None:
            self._race(self._repository)
            merged = _merged(self._repository.status, change)
        if merged != self._repository.status or even_if_same:
            self._repository.status = merged
            self._repository.pushes += 1
        if fault is Fault.KILL_AFTER:
            raise Killed
        if fault is Fault.LOST:
            raise GitError(GitReason.TIMED_OUT, "nobody knows whether the push landed")
        return None


def _merged(
    before: Files | None,
    change: Callable[[Mapping[str, bytes] | None], Mapping[str, bytes | None]],
) -> Files:
    changes = change(before)
    kept = {path: data for path, data in (before or {}).items() if path not in changes}
    return kept | {path: data for path, data in changes.items() if data is not None}


def _id(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
