"""One commit on top of a source branch, for people: what `suspend` and `resume` write.

Never looks at or touches anybody's work tree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from agent.edges.git.branch import Branch, Files, Identity, Published
from agent.edges.git.errors import GitError, GitReason

if TYPE_CHECKING:
    from agent.edges.git.address import Remote

ReadPath: TypeAlias = Callable[[str], bytes | None]
"""A path → its content on the branch as it is now; None if there is no such file."""

Edit: TypeAlias = Callable[[ReadPath], Mapping[str, bytes | None]]
"""What to write, None to remove; asked again on the newer branch after each lost race."""


def commit_on_top(
    remote: Remote, change: Edit, message: str, author: Identity, folder: Path | None = None
) -> str:
    """Commit onto the branch; return the commit, or the one there is if nothing differs.

    Args:
        remote: the source repository and branch.
        change: what to write.
        message: subject, blank line, body.
        author: who does it.
        folder: a bare repository to keep, which makes the next call fast; else a temporary one.

    Raises:
        GitError: NoBranch, Raced, Refused, or the remote can't be reached.
    """
    if folder is not None:
        return _commit(remote, change, message, author, folder)
    with tempfile.TemporaryDirectory(prefix="tidegate-") as temporary:
        return _commit(remote, change, message, author, Path(temporary) / "edit")


def _commit(remote: Remote, change: Edit, message: str, author: Identity, folder: Path) -> str:
    def change_files(files: Files | None) -> Mapping[str, bytes | None]:
        if files is None:
            raise GitError(GitReason.NO_BRANCH, f"{remote} does not exist")
        return change(files.get)

    outcome = Branch(folder, remote, author).commit(change_files, message)
    match outcome:
        case Published(commit):
            return commit
        case _:
            return outcome.commit or ""
