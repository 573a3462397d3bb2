"""A folder of a commit, written to a fresh folder on the disk for a program to read.

Never runs checkout or archive: those obey attributes of the tree (`export-ignore`, filters).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from agent.edges.git import paths
from agent.edges.git.errors import GitError, GitReason, TreeRefused, disk_reason
from agent.edges.git.objects import EXECUTABLE, LINK, SUBMODULE, is_lfs_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from agent.edges.git.objects import Blob, Tree

MOST_FILES: Final = 20_000
MOST_BYTES: Final = 256 * 1024 * 1024
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, as paths below the destination, sorted."""

    files: tuple[str, ...]
    lfs_pointers: tuple[str, ...]
    """Those that only stand for a file which Git LFS keeps elsewhere."""


def export(
    tree: Tree,
    folder: str,
    destination: Path,
    read: Callable[[frozenset[str]], Mapping[str, bytes]],
) -> Exported:
    """Write the folder of the tree ("" is the root) to a destination that must not exist.

    Raises:
        TreeRefused: a name, a link or a submodule that must not reach a disk; nothing is left.
        GitError: NoObject when there is no such folder, TooLarge, DiskFull.
    """
    files = _below(tree, folder)
    _refuse(folder, tuple(_problems(files)))
    contents = read(frozenset(blob.oid for blob in files.values()))
    _refuse(folder, tuple(_bad_links(files, contents)))
    _write(files, contents, destination)
    pointers = (path for path, blob in files.items() if is_lfs_pointer(contents[blob.oid]))
    return Exported(tuple(sorted(files)), tuple(sorted(pointers)))


def _below(tree: Tree, folder: str) -> Mapping[str, Blob]:
    prefix = f"{folder}/" if folder else ""
    if folder not in tree.folders:
        raise GitError(GitReason.NO_OBJECT, f"the commit has no folder {folder!r}")
    broken = (path for path in tree.broken if path.startswith(prefix) or folder == path)
    _refuse(folder, tuple((path, "is a name twice or with a slash") for path in broken))
    files = {
        path.removeprefix(prefix): blob
        for path, blob in tree.files.items()
        if path.startswith(prefix)
    }
    size = sum(blob.size for blob in files.values())
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise GitError(
            GitReason.TOO_LARGE,
            f"folder {folder!r} has {len(files)} files of {size} bytes; "
            f"at most {MOST_FILES} files of {MOST_BYTES} bytes are rendered",
        )
    return files


def _problems(files: Mapping[str, Blob]) -> Iterator[tuple[str, str]]:
    for path, blob in files.items():
        why = paths.why_not_path(path)
        if why:
            yield path, why
        if blob.mode == SUBMODULE:
            yield path, "is a submodule"
    for path, other in paths.collisions(files):
        yield path, f"differs from {other!r} in case or Unicode form only"


def _bad_links(
    files: Mapping[str, Blob], contents: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    for path, blob in files.items():
        why = paths.why_not_link(path, contents[blob.oid]) if blob.mode == LINK else ""
        if why:
            yield path, why


def _refuse(folder: str, problems: tuple[tuple[str, str], ...]) -> None:
    if problems:
        shown = "; ".join(f"{path!r} {why}" for path, why in problems[:_SHOWN])
        raise TreeRefused(f"folder {folder!r} is not written to disk: {shown}", problems)


def _write(files: Mapping[str, Blob], contents: Mapping[str, bytes], destination: Path) -> None:
    try:
        destination.mkdir(mode=0o700)
        root = os.open(destination, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _write_below(root, files, contents)
        finally:
            os.close(root)
    except OSError as why:
        raise GitError(disk_reason(why), f"can't write {destination}: {why}") from why


def _write_below(root: int, files: Mapping[str, Blob], contents: Mapping[str, bytes]) -> None:
    """Links come last, so that no file is written through one."""
    for folder in sorted(_parents(files)):
        os.mkdir(folder, 0o755, dir_fd=root)
    for path, blob in files.items():
        if blob.mode != LINK:
            _write_file(root, path, contents[blob.oid], blob.mode)
    for path, blob in files.items():
        if blob.mode == LINK:
            os.symlink(contents[blob.oid], os.fsencode(path), dir_fd=root)


def _parents(files: Mapping[str, Blob]) -> set[str]:
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    return folders - {"."}


def _write_file(root: int, path: str, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600, dir_fd=root), "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(content)
        os.fchmod(file.fileno(), 0o755 if mode == EXECUTABLE else 0o644)
