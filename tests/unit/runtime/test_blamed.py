"""Who changed what is asked of Git as seldom as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.errors import SourceError
from agent.edges.git.objects import Author
from agent.runtime.blamed import Blamed

if TYPE_CHECKING:
    from collections.abc import Iterable

ADA = Author("c1", "Ada", "ada@example.com", 0)


class Mirror:
    """Three files by Ada; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.fails = False

    def listing(self, _: str) -> dict[str, object]:
        """Give the files."""
        return dict.fromkeys(("a.yaml", "b.json", "README.md"))

    def blame(self, _: str, paths: Iterable[str]) -> dict[str, Author]:
        """Give Ada, for all that was asked."""
        self.asked.append({*paths})
        if self.fails:
            raise SourceError("no history")
        return dict.fromkeys(self.asked[-1], ADA)


def test_the_first_question_is_about_all_manifests():
    """One walk through history serves all packages; later ones are about what changed."""
    mirror = Mirror()
    blamed = Blamed(mirror)
    assert blamed.of("c1", ["a.yaml"])("a.yaml") == ("c1", "Ada <ada@example.com>")
    blamed.of("c2", ["b.json"])
    assert mirror.asked == [{"a.yaml", "b.json"}, {"b.json"}]


def test_what_cannot_be_told_is_the_commit_by_nobody():
    """A history that can't be read keeps nobody from syncing."""
    mirror = Mirror()
    mirror.fails = True
    assert Blamed(mirror).of("c2", ["a.yaml"])("a.yaml") == ("c2", "")
