"""The live state: watches and our own writes become one consistent picture."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fed_source import FedSources

from agent.core.live import Following, Gone, Interrupted, Listed, Listing, Seen, Unserved, record
from agent.core.values import GroupKind, Key, Live
from agent.runtime.live import LiveState

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from fed_source import FedSource

    from agent.core.values import Manifest
    from agent.runtime.records import Changed

MAPS = GroupKind("", "ConfigMap")
A = Key("", "ConfigMap", "shop", "a")
B = Key("", "ConfigMap", "shop", "b")


def config(name: str, version: int, uid: str = "u", package: str = "p") -> Manifest:
    """Make a ConfigMap of a package."""
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {"tidegate.io/package": package},
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


class Watched:
    """A live state over one fed source, with what it told."""

    def __init__(self) -> None:
        self.sources = FedSources(MAPS)
        self.changes: list[tuple[str, str, str]] = []
        self.synced: list[GroupKind] = []
        self._fed = 0
        self.state = LiveState(self.sources, self._changed, self.synced.append)
        self.state.ensure([MAPS])

    @property
    def source(self) -> FedSource:
        """The source of ConfigMaps."""
        return self.sources.opened[MAPS]

    def see(self, *observations: Any) -> None:
        """Feed observations and wait until the last has been folded."""
        self._fed += 1
        mark = f"end of feed {self._fed}"
        self.source.feed(*observations, Interrupted(mark))
        assert self.state.wait_for(lambda: mark in self.state.problems().values(), 10)

    def versions(self) -> dict[str, str]:
        """Give what is known: name → version."""
        return {key.name: live.version for key, live in self.state.objects("p").items()}

    def _changed(self, change: Changed) -> None:
        versions = [live.version if live else "" for live in (change.old, change.new)]
        self.changes.append((change.package, *versions))  # type: ignore[arg-type]


@contextmanager
def watching() -> Iterator[Watched]:
    """Watch ConfigMaps, and stop."""
    watched = Watched()
    try:
        yield watched
    finally:
        assert watched.state.stop()


def test_objects_are_known_by_package_and_key():
    """A list, then changes."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Seen(config("b", 2, package="q")), Listed("2"))
        watched.see(Seen(config("a", 3)))

        assert watched.state.objects("p") == {A: record(config("a", 3))}
        assert watched.state.get(B) == record(config("b", 2, package="q"))
        assert watched.changes == [("p", "", "1"), ("q", "", "2"), ("p", "1", "3")]


def test_a_kind_is_synced_when_its_list_is_complete():
    """Not before: what is not seen yet would look deleted."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)))
        assert (watched.state.synced([MAPS]), watched.synced) == (False, [])

        watched.see(Listed("1"), Listing(), Listed("1"))
        assert (watched.state.synced([MAPS]), watched.synced) == (True, [MAPS])


def test_a_kind_that_nobody_asked_for_is_not_synced():
    """Nothing is known of it."""
    with watching() as watched:
        assert not watched.state.synced([GroupKind("apps", "Deployment")])


def test_a_kind_that_is_not_served_has_no_objects():
    """A package may bring the definition itself; nothing is there to wait for."""
    shops = GroupKind("example.com", "Shop")
    with watching() as watched:
        watched.state.ensure([shops])
        assert watched.state.synced([shops])

        watched.sources.served.add(shops)
        watched.state.ensure([shops])
        assert not watched.state.synced([shops])


def test_a_first_list_is_told_once_it_is_whole() -> None:
    """A word for each package: before, passes could only find that they have to wait."""
    with watching() as watched:
        objects = [config("a", 1), config("b", 1), config("c", 1, package="q")]
        watched.see(Listing(), *map(Seen, objects))
        before = list(watched.changes)
        watched.see(Listed("1"), Following(), Seen(config("a", 2)))
        assert before == []
        assert watched.changes == [("p", "", "1"), ("q", "", "1"), ("p", "1", "2")]


def test_what_a_new_list_does_not_show_is_gone():
    """After a 410 nobody tells of deletions."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Seen(config("b", 2)), Listed("5"))
        watched.see(Listing(), Seen(config("b", 2)), Listed("9"))

        assert watched.versions() == {"b": "2"}
        assert watched.changes[1:] == [("p", "1", "")]


def test_a_list_that_was_not_completed_counts_for_nothing():
    """It may have shown what is gone by the time of the next."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Listing(), Seen(config("b", 2)), Listed("5"))

        assert watched.versions() == {"b": "2"}


def test_our_write_is_known_at_once():
    """Read your writes: the next pass sees what the server answered, without a watch event."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Listed("1"))
        watched.state.put(record(config("a", 5)))

        assert (watched.versions(), watched.changes) == ({"a": "5"}, [("p", "", "1")])


def test_the_echo_of_our_write_tells_nobody():
    """Or every write would wake its own package."""
    with watching() as watched:
        watched.see(Listing(), Listed("1"))
        watched.state.put(record(config("a", 5)))
        watched.see(Seen(config("a", 3)), Seen(config("a", 5)))

        assert (watched.versions(), watched.changes) == ({"a": "5"}, [])


def test_a_write_after_the_list_survives_it():
    """The list was taken before the object was made."""
    with watching() as watched:
        watched.see(Listing())
        watched.state.put(record(config("a", 8)))
        watched.see(Listed("7"))

        assert watched.versions() == {"a": "8"}


def test_a_late_answer_does_not_revive_what_was_deleted():
    """The watch may be faster than the response to our own request."""
    with watching() as watched:
        watched.see(Listing(), Listed("1"), Seen(config("a", 5)), Gone(config("a", 6)))
        watched.state.put(record(config("a", 5)))

        assert watched.state.get(A) is None


def test_late_news_do_not_revive_what_we_deleted():
    """Events from before our deletion are still on their way."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Listed("1"))
        watched.state.gone(A, "u")
        watched.see(Seen(config("a", 2)))

        assert (watched.versions(), watched.changes) == ({}, [("p", "", "1")])


def test_an_object_of_the_same_name_may_follow_at_once():
    """Our recreation, while the deletion's event is still on its way."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1, uid="old")), Listed("1"))
        watched.state.gone(A, "old")
        watched.state.put(record(config("a", 9, uid="new")))
        watched.see(Gone(config("a", 8, uid="old")))

        assert watched.versions() == {"a": "9"}


def test_a_label_that_comes_back_is_seen_again():
    """DELETED under a selector may only mean that the label was removed; the uid is the same."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Listed("1"), Gone(config("a", 2)))
        assert watched.versions() == {}

        watched.see(Seen(config("a", 3)))
        assert watched.versions() == {"a": "3"}


def test_a_move_between_packages_is_told_to_both():
    """The giver and the receiver each have something to do."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Listed("1"), Seen(config("a", 2, package="q")))

        assert watched.changes[1:] == [("p", "1", "2"), ("q", "1", "2")]
        assert (watched.state.objects("p"), list(watched.state.objects("q"))) == ({}, [A])


def test_a_definition_that_is_gone_took_its_objects_along():
    """Once discovery agrees that the kind is not served."""
    with watching() as watched:
        watched.see(Listing(), Seen(config("a", 1)), Listed("1"))
        watched.source.feed(Unserved())
        assert watched.state.wait_for(lambda: not watched.state.synced([MAPS]), 10)

        watched.sources.served.clear()
        watched.state.ensure([MAPS])

        assert (watched.state.synced([MAPS]), watched.versions()) == (True, {})
        assert watched.changes[1:] == [("p", "1", "")]


def test_a_failing_source_is_a_problem_and_begins_again(caplog: pytest.LogCaptureFixture):
    """A mistake in one watch must neither pass in silence nor blind the agent."""
    with watching() as watched:
        watched.source.feed(ValueError("broken"))

        assert watched.state.wait_for(lambda: bool(watched.state.problems()), 10)
        assert watched.state.problems() == {"ConfigMap": "internal error: ValueError('broken')"}
        assert "watch ConfigMap failed" in caplog.text


def test_a_problem_is_over_when_the_watch_goes_on():
    """What is known may be outdated in between."""
    with watching() as watched:
        watched.see()
        assert watched.state.problems() == {"ConfigMap": "end of feed 1"}

        watched.source.feed(Following())
        assert watched.state.wait_for(lambda: not watched.state.problems(), 10)


def test_nobody_is_told_under_the_lock():
    """Who is told may ask the live state, from any thread."""
    asked: list[Live | None] = []

    def ask(change: Changed) -> None:
        assert change.new is not None
        key = change.new.key
        other = threading.Thread(target=lambda: asked.append(state.get(key)))
        other.start()
        other.join(10)

    sources = FedSources(MAPS)
    state = LiveState(sources, ask)
    state.ensure([MAPS])
    sources.opened[MAPS].feed(Listing(), Seen(config("a", 1)), Listed("1"))

    assert state.wait_for(lambda: state.synced([MAPS]), 10)
    assert state.stop()
    assert asked == [record(config("a", 1))]


def test_stopping_ends_every_thread():
    """By name, so that a thread that stays is found."""
    with watching():
        pass

    assert [each.name for each in threading.enumerate() if each.name.startswith("watch ")] == []
