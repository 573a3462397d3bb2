"""Who last changed the files of objects: asked of Git once per commit, for all files together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from agent.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agent.passes.repository import Author

MOST: Final = 20_000
"""Manifests of a repository up to which all are asked for at once; beyond, a package's."""
_MANIFESTS: Final = (".yaml", ".yml", ".json")


class Blames(Protocol):
    """A mirror that knows its history."""

    def listing(self, commit: str) -> Mapping[str, object]:
        """Path → blob of every file."""
        ...

    def blame(self, commit: str, paths: Iterable[str]) -> Mapping[str, Author]:
        """Path → who last changed it."""
        ...


class Blamed:
    """Answers for the files of one render; what can't be told is the commit, by nobody.

    The first time it asks for all manifests: one walk through history instead of one per package.
    From then on the mirror knows them, and only looks at what is new.
    """

    def __init__(self, mirror: Blames) -> None:
        self._mirror = mirror
        self._begun = False

    def of(self, commit: str, paths: Iterable[str]) -> Callable[[str], tuple[str, str]]:
        """Path → (commit, `Name <email>`) at one revision, for these paths."""
        known = self._asked(commit, frozenset(paths))

        def author_of(path: str) -> tuple[str, str]:
            found = known.get(path)
            return (found.commit, f"{found.name} <{found.email}>") if found else (commit, "")

        return author_of

    def _asked(self, commit: str, paths: frozenset[str]) -> Mapping[str, Author]:
        try:
            wanted = paths if self._begun else paths | self._manifests(commit)
            self._begun = True
            return self._mirror.blame(commit, wanted)
        except SourceError:
            return {}

    def _manifests(self, commit: str) -> frozenset[str]:
        found = [path for path in self._mirror.listing(commit) if path.endswith(_MANIFESTS)]
        return frozenset(found if len(found) <= MOST else ())
