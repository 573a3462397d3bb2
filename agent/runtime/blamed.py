"""Who last changed the files of objects: asked of Git once per commit, and only where wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agent.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agent.passes.repository import Author


class Blames(Protocol):
    """A mirror that knows its history."""

    def blame(self, commit: str, paths: Iterable[str]) -> Mapping[str, Author]:
        """Path → who last changed it."""
        ...


class Blamed:
    """Answers path by path; what can't be told is the commit at hand, by nobody."""

    def __init__(self, mirror: Blames) -> None:
        self._mirror = mirror

    def of(self, commit: str) -> Callable[[str], tuple[str, str]]:
        """Path → (commit, `Name <email>`) at one revision."""

        def author_of(path: str) -> tuple[str, str]:
            try:
                found = self._mirror.blame(commit, (path,)).get(path)
            except SourceError:
                found = None
            return (found.commit, f"{found.name} <{found.email}>") if found else (commit, "")

        return author_of
