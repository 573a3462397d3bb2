"""Which names of a tree may become names on a disk, or in a commit of ours.

Never touches a disk.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_NAME: Final = 255
LONGEST_PATH: Final = 4000


def why_not_path(path: str) -> str:
    """Return what is wrong with a path, or nothing."""
    if not path or len(path) > LONGEST_PATH:
        return "is empty or longer than 4000 characters"
    reasons = (_why_not_name(name) for name in path.split("/"))
    return next(filter(None, reasons), "")


def _why_not_name(name: str) -> str:
    if name in {"", ".", ".."}:
        return "leads elsewhere: empty, '.' or '..'"
    if any(unicodedata.category(sign) == "Cc" for sign in name) or "\\" in name:
        return "has a control character or a backslash"
    if any(unicodedata.category(sign) == "Cs" for sign in name):
        return "is not UTF-8"
    if len(name.encode()) > LONGEST_NAME:
        return "has a name of more than 255 bytes"
    return "names a Git folder" if _is_git_folder(name) else ""


def _is_git_folder(name: str) -> bool:
    """Some disks take `.GIT`, `git~1`, `.git.` or one with invisible characters for `.git`.

    Others that start so, `.gitignore` or `.gitkeep`, are plain files where no Git runs.
    """
    visible = "".join(sign for sign in name if unicodedata.category(sign) != "Cf")
    plain = visible.partition(":")[0].rstrip(" .").casefold()
    return plain in {".git", "git~1"}


def collisions(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield `(path, other)` that some disks would take for one: case and Unicode forms."""
    seen: dict[str, str] = {}
    for path in sorted(paths):
        names = path.split("/")
        for depth in range(1, len(names) + 1):
            part = "/".join(names[:depth])
            folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", part).casefold())
            first = seen.setdefault(folded, part)
            if first != part:
                yield path, first


def why_not_link(path: str, target: bytes) -> str:
    """Return why a symbolic link could lead out of the tree it is in, or nothing.

    `..` is allowed at the start only: folders there are real ones, while after another link
    `..` means that link's parent, which no look at names can tell.
    """
    if b"\0" in target or target.startswith(b"/") or not target:
        return "is a link to an absolute path"
    names = [name for name in target.split(b"/") if name not in {b"", b"."}]
    ups = next((n for n, name in enumerate(names) if name != b".."), len(names))
    if b".." in names[ups:]:
        return "is a link with '..' after a name"
    return "is a link out of the folder" if ups > path.count("/") else ""
