"""Git is told when no pass is under way, and not much later than it could be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.runtime.news import PATIENCE, News

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import timedelta

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@dataclass
class Alarms:
    """Timers that ring when a test says so."""

    set: list[tuple[datetime | None, Callable[[], None]]] = field(default_factory=list)

    def at(self, key: Hashable, when: datetime | None, call: Callable[[], None]) -> None:
        """Note an alarm."""
        del key
        self.set.append((when, call))

    def every(self, key: Hashable, interval: timedelta, call: Callable[[], None]) -> None:
        """Nothing here comes again and again."""
        raise NotImplementedError

    def stop(self) -> None:
        """Nothing runs."""


@dataclass
class Scene:
    """What a test turns and looks at."""

    quiet: bool = False
    told: int = 0
    alarms: Alarms = field(default_factory=Alarms)

    def tell(self) -> None:
        """Count."""
        self.told += 1

    def news(self) -> News:
        """Make what is tested."""
        return News(self.alarms, lambda: NOW, lambda: self.quiet, self.tell)


def test_where_nothing_runs_it_is_told_at_once() -> None:
    """A revision that changes no package has nothing to wait for."""
    scene = Scene(quiet=True)
    scene.news().heard()
    assert scene.told == 1


def test_what_passes_find_is_told_together() -> None:
    """The revision, and what every package made of it, are one commit."""
    scene = Scene()
    news = scene.news()
    for _ in range(3):
        news.heard()
        news.look()
    before = scene.told
    scene.quiet = True
    news.look()
    assert (before, scene.told) == (0, 1)


def test_what_was_told_is_no_news() -> None:
    """The end of a pass that changed nothing tells nothing."""
    scene = Scene(quiet=True)
    news = scene.news()
    news.heard()
    news.look()
    assert scene.told == 1


def test_passes_without_end_are_not_waited_for() -> None:
    """An alarm of the first news tells what there is by then; its next one is another's."""
    scene = Scene()
    news = scene.news()
    news.heard()
    news.heard()
    ((when, ring),) = scene.alarms.set
    ring()
    ring()
    assert (when, scene.told) == (NOW + PATIENCE, 1)
