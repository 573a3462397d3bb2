"""What Git's plumbing prints, as values: tree listings, blobs, last authors.

Never runs anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from agent.edges.git.errors import GitError, GitReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LINK: Final = 0o120000
SUBMODULE: Final = 0o160000
EXECUTABLE: Final = 0o100755

_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_SIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class Blob:
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
