"""What rendering reads and what it gives: one commit of a repository in, documents out.

Never opens a work tree, and never follows a link out of the repository.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from agent.core.errors import RenderError
from agent.core.manifests import Budget, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from agent.core.manifests import Document
    from agent.core.values import Problem

LINK: Final = 0o120000
SUBMODULE: Final = 0o160000
MEBIBYTE: Final = 2**20
LARGEST_OUTPUT: Final = 32 * MEBIBYTE
OUTPUT_BUDGET: Final = Budget(bytes=LARGEST_OUTPUT)
_MOST_TOLD: Final = 20


class Blob(Protocol):
    """A file of a commit."""

    @property
    def oid(self) -> str:
        """The id of its content."""

    @property
    def mode(self) -> int:
        """Git's mode: tells files, links and submodules apart."""

    @property
    def size(self) -> int:
        """Bytes."""


class Tree(Protocol):
    """The repository, as rendering needs it."""

    def listing(self, commit: str) -> Mapping[str, Blob]:
        """Return path → blob of all files of a commit."""

    def trees(self, commit: str) -> Mapping[str, str]:
        """Return folder → tree id; the root is the empty path."""

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Return id → content."""

    def export(self, commit: str, folder: str, destination: Path) -> object:
        """Write a folder to a destination that does not exist yet."""


@dataclass(frozen=True, slots=True)
class Raw:
    """What a source renders to, before anything is known of a cluster."""

    documents: tuple[Document, ...]
    digest: str
    """Of everything the documents depend on; equal digests mean equal documents."""
    notes: tuple[str, ...] = ()
    """What was left out on purpose."""


@dataclass(frozen=True, slots=True)
class Work:
    """A render that can be done, or found in the cache under its digest."""

    digest: str
    render: Callable[[], Raw]


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit of a repository."""

    tree: Tree
    commit: str

    @property
    def files(self) -> Mapping[str, Blob]:
        """Path → blob."""
        return self.tree.listing(self.commit)

    @property
    def folders(self) -> Mapping[str, str]:
        """Folder → tree id."""
        return self.tree.trees(self.commit)

    def folder(self, path: str) -> str:
        """Return the tree id of a folder.

        Raises:
            RenderError: there is no such folder.
        """
        found = self.folders.get(path)
        if found is None:
            what = "is a file: name its folder" if path in self.files else "is not there"
            raise RenderError(f"the folder `{path or '.'}` {what} (commit {self.commit[:12]})")
        return found

    def below(self, folder: str) -> tuple[str, ...]:
        """Return the paths of all files in a folder and the folders in it, sorted."""
        prefix = f"{folder}/" if folder else ""
        return tuple(sorted(path for path in self.files if path.startswith(prefix)))

    def contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return path → content, all read at once.

        Raises:
            RenderError: more bytes than a package may have.
        """
        blobs = {path: self.files[path] for path in paths}
        size = sum(blob.size for blob in blobs.values())
        if size > LARGEST_OUTPUT:
            limit = LARGEST_OUTPUT // MEBIBYTE
            raise RenderError(
                f"{len(blobs)} files have {size} bytes; a package may have {limit} Mi"
            )
        found = self.tree.read({blob.oid for blob in blobs.values()})
        return {path: found[blob.oid] for path, blob in blobs.items()}


def inside(folder: str, path: str) -> str | None:
    """Return a path written in a folder as one from the root, or None where it leads out of it."""
    joined = posixpath.normpath(posixpath.join(folder, path))
    if path.startswith("/") or joined == ".." or joined.startswith("../"):
        return None
    return "" if joined == "." else joined


def parsed(content: bytes, path: str, why: str = "") -> tuple[Document, ...]:
    """Read documents under kubectl's rules.

    Raises:
        RenderError: it is no YAML; `why` says what the path is not to be read as.
    """
    found = read(content, path, OUTPUT_BUDGET)
    if found.problems:
        refuse(found.problems, why)
    return found.manifests


def refuse(problems: Iterable[Problem], why: str = "") -> NoReturn:
    """Raise one error that lists all problems with file and line."""
    lines = [f"{each.path}:{each.line}: {each.message}" for each in problems]
    told = lines[:_MOST_TOLD]
    if len(lines) > _MOST_TOLD:
        told.append(f"and {len(lines) - _MOST_TOLD} more")
    raise RenderError("\n".join([why, *told] if why else told))
