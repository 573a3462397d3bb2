"""What Git's plumbing prints, as values: tree listings, blobs, last authors.

Never runs anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.edges.git.errors import GitError, GitReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FOLDER: Final = 0o040000
LINK: Final = 0o120000
SUBMODULE: Final = 0o160000
EXECUTABLE: Final = 0o100755

_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_SIZE: Final = 1024


class Blob(NamedTuple):
    """An entry of a tree that is not a folder; `mode` tells files, links and submodules apart."""

    oid: str
    mode: int
    size: int
    """Bytes; 0 for a submodule."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who last touched a path."""

    commit: str
    name: str
    email: str
    time: int
    """Seconds since 1970, UTC, as the author's machine had it."""

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class Tree:
    """All of a commit: its files by path, and the id of each folder ("" is the root)."""

    files: Mapping[str, Blob]
    folders: Mapping[str, str]
    broken: tuple[str, ...] = ()
    """Names that no Git writes: twice in their folder, or with a slash in them."""


def is_lfs_pointer(content: bytes) -> bool:
    """Tell whether a blob stands for a file that Git LFS keeps elsewhere (its docs/spec.md)."""
    return len(content) < _POINTER_SIZE and content.startswith(_POINTER)


def path_of(name: bytes) -> str:
    """Return the path as text; bytes that are not UTF-8 become lone surrogates and come back."""
    return name.decode(errors="surrogateescape")


def tree(listing: bytes, root: str) -> Tree:
    """Parse `git ls-tree -r -t -z -l` of a commit whose root tree is known."""
    files: dict[str, Blob] = {}
    folders = {"": root}
    broken = []
    for line in listing.split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        mode, kind, oid, size = facts.split()
        path = path_of(name)
        if path in files or path in folders or path.rpartition("/")[0] not in folders:
            broken.append(path)
        if kind == b"tree":
            folders[path] = oid.decode()
        else:
            length = 0 if size == b"-" else int(size)
            files[path] = Blob(oid.decode(), int(mode, 8), length)
    return Tree(files, folders, tuple(broken))


class Edit(NamedTuple):
    """One entry that differs between two trees; `mode` and `oid` are the newer ones."""

    status: str
    """A, D, M or T, as `git diff-tree` has it."""
    mode: int
    oid: str
    path: str


def edits(diff: bytes) -> list[Edit]:
    """Parse `git diff-tree -r -t -z --no-renames` of two commits."""
    parts = diff.split(b"\0")
    found = []
    for facts, name in zip(parts[0:-1:2], parts[1::2], strict=True):
        _, mode, _, oid, status = facts.decode().split(" ")
        found.append(Edit(status, int(mode, 8), oid, path_of(name)))
    return found


def edited(tree: Tree, root: str, changes: Sequence[Edit], sizes: Mapping[str, int]) -> Tree | None:
    """Return the newer tree; None where only a whole listing tells what is in it.

    That is when a name stands for two things, before or after: few commits, and trees no Git
    writes.
    """
    if tree.broken or len({change.path for change in changes}) < len(changes):
        return None
    files, folders = dict(tree.files), {**tree.folders, "": root}
    for change in changes:
        is_known = change.path in files or change.path in folders
        if (change.status == "A") == is_known or change.status == "T":
            return None
        if change.status == "D":
            files.pop(change.path, None)
            folders.pop(change.path, None)
        elif change.mode == FOLDER:
            folders[change.path] = change.oid
        else:
            files[change.path] = Blob(change.oid, change.mode, sizes.get(change.oid, 0))
    parents = {change.path.rpartition("/")[0] for change in changes if change.status == "A"}
    return Tree(files, folders) if parents <= folders.keys() else None


def sizes(batch: bytes) -> Mapping[str, int]:
    """Parse `git cat-file --batch-check`: id → size of each object that is there."""
    lines = (line.split(" ") for line in batch.decode().splitlines())
    return {line[0]: int(line[2]) for line in lines if line[-1] != "missing"}


def blobs(batch: bytes) -> Iterator[tuple[str, bytes]]:
    """Parse `git cat-file --batch`: each object's id and content, in the order asked.

    Raises:
        GitError: NoObject; one of them is not there.
    """
    at = 0
    while at < len(batch):
        end = batch.index(b"\n", at)
        oid, _, facts = batch[at:end].decode().partition(" ")
        if not facts.startswith("blob "):
            raise GitError(GitReason.NO_OBJECT, f"blob {oid} can't be read: {facts}")
        start = end + 1
        stop = start + int(facts.removeprefix("blob "))
        yield oid, batch[start:stop]
        at = stop + 1


LOG_FORMAT: Final = "--format=%x00%H%x00%an%x00%ae%x00%at"


def last_authors(log: bytes, wanted: Iterable[str]) -> Mapping[str, Author]:
    """Parse `git log --name-only -z` in LOG_FORMAT: path → the newest commit that names it."""
    missing = set(wanted)
    found: dict[str, Author] = {}
    for author, names in _records(log):
        touched = missing & names
        found.update(dict.fromkeys(touched, author))
        missing -= touched
    return found


def _records(log: bytes) -> Iterator[tuple[Author, set[str]]]:
    """An empty part opens each record; its four fields may be empty, a path never is."""
    parts = iter(log.split(b"\0"))
    next(parts)
    while commit := next(parts, b""):
        name, email, time = next(parts), next(parts), next(parts)
        # The empty part that ends the paths is the one that opens the next record.
        names = tuple(takewhile(bool, parts))
        first = {path_of(path.removeprefix(b"\n")) for path in names[:1]}
        yield (
            Author(commit.decode(), path_of(name), path_of(email), int(time)),
            first | set(map(path_of, names[1:])),
        )
