"""The status branch: commits of status files, by several agents, without losing any.

Never starts a build, never touches the source branch, never waits for anything but the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.edges import process
from agent.edges.git.branch import Branch, Change, Files, Identity, Published, Unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.edges.git.address import Remote

__all__ = ["Change", "Files", "Identity", "Published", "Publisher", "Unchanged"]


class Publisher:
    """Writes one status branch. The folder is its own: the mirror never sees status commits."""

    def __init__(
        self,
        folder: Path,
        remote: Remote,
        author: Identity,
        pause: Callable[[float], None] = process.pause,
    ) -> None:
        self._branch = Branch(folder, remote, author, pause)

    def publish(
        self,
        change: Change,
        subject: str,
        trailers: Mapping[str, str],
        *,
        even_if_same: bool = False,
    ) -> Published | Unchanged:
        """Commit what `change` makes of the files there are; no commit if nothing differs.

        With `even_if_same` there is one all the same: a heartbeat.

        `change` is called again with the newer files after each lost race, so it must merge:
        keep what others own, and make summaries from the merged files.

        Raises:
            GitError: Raced after five tries; Refused; or the remote can't be reached.
        """
        message = _message(subject, trailers)
        return self._branch.commit(change, message, even_if_same=even_if_same)


def _message(subject: str, trailers: Mapping[str, str]) -> str:
    """The subject for people, a word that keeps CI from building, trailers for machines."""
    lines = [f"{_line(name)}: {_line(value)}" for name, value in trailers.items()]
    return "\n".join((f"{_line(subject)} [skip ci]", "", *lines)) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())
