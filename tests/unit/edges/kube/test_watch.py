"""The watch, against a script of what servers send and connections do."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from scripted_transport import ScriptedStream, ScriptedTransport

from agent.core.live import (
    Following,
    Gone,
    Interrupted,
    Listed,
    Listing,
    Observation,
    Resting,
    Seen,
    Unserved,
)
from agent.core.values import FieldCause, KindInfo, Rejected
from agent.edges.kube.failures import NoAnswerError, RefusedError
from agent.edges.kube.watch import Scope, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAPS = KindInfo("", "ConfigMap", "configmaps", namespaced=True, versions=("v1",))
SCOPE = Scope(MAPS, selector="tidegate.io/instance=a")
CUT = NoAnswerError("cut", sent=True)


def config(name: str, version: int) -> dict[str, Any]:
    """Make an object as a list shows it: without its kind."""
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def named(name: str, version: int) -> dict[str, Any]:
    """Make the same object as it is observed."""
    return {**config(name, version), "apiVersion": "v1", "kind": "ConfigMap"}


def page(version: int, *objects: dict[str, Any], following: str = "") -> dict[str, Any]:
    """Make one page of a list."""
    return {"metadata": {"resourceVersion": str(version), "continue": following}, "items": objects}


def event(word: str, name: str, version: int) -> dict[str, Any]:
    """Make one line of a watch."""
    return {"type": word, "object": config(name, version)}


def status(code: int, reason: str, **details: Any) -> dict[str, Any]:
    """Make a Status, as a refusal or in an ERROR event."""
    return {"kind": "Status", "code": code, "reason": reason, "message": reason, "details": details}


class Restless:
    """A watch whose pauses are noted and not made."""

    def __init__(self, source: Watch, pauses: list[float]) -> None:
        self._source = source
        self._pauses = pauses
        self.close = source.close

    def __iter__(self) -> Iterator[Observation]:
        """Leave the pauses out."""
        for each in self._source:
            if isinstance(each, Resting):
                self._pauses.append(each.seconds)
            else:
                yield each


def watch(*script: Any) -> tuple[Restless, ScriptedTransport, list[float]]:
    """Make a watch of a script, with the pauses that it makes."""
    transport, pauses = ScriptedTransport(*script), list[float]()
    return Restless(Watch(transport, SCOPE), pauses), transport, pauses


def observed(source: Iterable[Observation], count: int) -> list[Observation]:
    """Read that many observations, then let go."""
    return list(islice(iter(source), count))


def test_a_list_comes_in_pages_and_a_watch_goes_on_from_it():
    """Every request has the selector, the watch the list's version."""
    source, transport, _ = watch(
        page(7, config("a", 1), following="more"),
        page(7, config("b", 2)),
        ScriptedStream(event("MODIFIED", "a", 8), event("DELETED", "b", 9)),
    )

    assert observed(source, 7) == [
        Listing(),
        Seen(named("a", 1)),
        Seen(named("b", 2)),
        Listed("7"),
        Following(),
        Seen(named("a", 8)),
        Gone(named("b", 9)),
    ]
    assert transport.queries("limit", "continue", "resourceVersion", "labelSelector") == [
        {"limit": "250", "labelSelector": "tidegate.io/instance=a"},
        {"limit": "250", "labelSelector": "tidegate.io/instance=a", "continue": "more"},
        {"labelSelector": "tidegate.io/instance=a", "resourceVersion": "7"},
    ]


def test_a_watch_that_ends_is_resumed_from_the_last_event():
    """Servers end every watch after a while; nothing is listed again, and nobody waits."""
    source, transport, pauses = watch(
        page(7), ScriptedStream(event("ADDED", "a", 8)), ScriptedStream(stays=True)
    )

    assert observed(source, 5)[-1] == Following()
    assert transport.queries("resourceVersion")[-1] == {"resourceVersion": "8"}
    assert pauses == []


def test_a_bookmark_moves_the_version_on():
    """A selector that matches little would else expire (KEP-956)."""
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "99"}}}
    source, transport, _ = watch(page(7), ScriptedStream(bookmark), ScriptedStream())

    assert observed(source, 4) == [Listing(), Listed("7"), Following(), Following()]
    assert transport.queries("resourceVersion")[-1] == {"resourceVersion": "99"}


def test_a_cut_connection_is_told_and_resumed_after_a_pause():
    """What was seen before the cut is not lost."""
    source, transport, pauses = watch(
        page(7), ScriptedStream(event("ADDED", "a", 8), ends=CUT), ScriptedStream()
    )

    assert observed(source, 6)[3:] == [Seen(named("a", 8)), Interrupted("cut"), Following()]
    assert transport.queries("resourceVersion")[-1] == {"resourceVersion": "8"}
    assert len(pauses) == 1


def test_an_expired_version_leads_to_a_new_list():
    """410 as an event: etcd has compacted what we know."""
    expired = {"type": "ERROR", "object": status(410, "Expired")}
    source, _, _ = watch(
        page(7, config("a", 1)),
        ScriptedStream(expired),
        page(20, config("b", 15)),
        ScriptedStream(),
    )

    assert observed(source, 8) == [
        Listing(),
        Seen(named("a", 1)),
        Listed("7"),
        Following(),
        Listing(),
        Seen(named("b", 15)),
        Listed("20"),
        Following(),
    ]


def test_an_expired_version_is_an_answer_too():
    """410 when the watch is opened."""
    gone = RefusedError("gone", Rejected(410, "Gone", "too old"))
    source, _, _ = watch(page(7), gone, page(20), ScriptedStream())

    assert observed(source, 5) == [Listing(), Listed("7"), Listing(), Listed("20"), Following()]


def test_a_list_that_expires_between_pages_begins_again():
    """The continue token of a slow reader is refused with 410."""
    source, _, _ = watch(
        page(7, config("a", 1), following="more"),
        (410, status(410, "Expired")),
        page(9, config("b", 2)),
    )

    assert observed(source, 5) == [
        Listing(),
        Seen(named("a", 1)),
        Listing(),
        Seen(named("b", 2)),
        Listed("9"),
    ]


def test_a_version_from_the_future_leads_to_a_new_list():
    """After etcd was restored from a backup."""
    cause = FieldCause("ResourceVersionTooLarge", "", "Too large resource version")
    future = RefusedError("future", Rejected(504, "Timeout", "too large", (cause,)))
    source, _, _ = watch(page(7), future, page(3), ScriptedStream())

    assert observed(source, 4)[-1] == Listed("3")


def test_a_resource_that_is_gone_ends_the_watch():
    """Its definition was deleted, or the version is no longer served."""
    told: list[str] = []
    source = Watch(
        ScriptedTransport((404, status(404, "NotFound"))), SCOPE, lambda: told.append("refresh")
    )

    assert list(source) == [Listing(), Unserved()]
    assert told == ["refresh"]


def test_a_forbidden_list_is_told_and_tried_again():
    """Somebody may grant it meanwhile."""
    source, _, pauses = watch((403, status(403, "Forbidden")), page(7))

    assert observed(source, 4) == [
        Listing(),
        Interrupted("list of configmaps: 403 Forbidden: Forbidden", forbidden=True),
        Listing(),
        Listed("7"),
    ]
    assert len(pauses) == 1


def test_pauses_grow_while_nothing_succeeds():
    """Up to a minute, half of it by chance."""
    source, _, pauses = watch(*[CUT] * 12, page(7))

    observed(source, 26)

    longest = [min(0.25 * 2**failures, 60.0) for failures in range(1, 13)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))


def test_a_line_that_is_no_json_breaks_the_watch_only():
    """Nothing of it is taken over; the watch resumes before it."""
    source, transport, _ = watch(page(7), ScriptedStream(b'{"type": "ADD'), ScriptedStream())

    seen = observed(source, 5)

    assert [type(each) for each in seen[2:]] == [Following, Interrupted, Following]
    assert transport.queries("resourceVersion")[-1] == {"resourceVersion": "7"}


def test_silence_without_bookmarks_is_waited_for_longer():
    """An aggregated API may send none: its quiet watch is no dead connection."""
    silent = NoAnswerError("silent", sent=True, silent=True)
    source, transport, _ = watch(
        page(7), ScriptedStream(ends=silent), ScriptedStream(ends=silent), ScriptedStream()
    )

    observed(source, 5)

    assert [request.timeout for request in transport.requests[1:]] == [90.0, 180.0, 360.0]


def test_a_closed_watch_opens_nothing():
    """Closing before the start is fine too."""
    source, transport, _ = watch()
    source.close()

    assert (list(source), transport.requests) == ([], [])


def test_metadata_are_asked_for_where_they_are_enough():
    """And the objects have their own kind again."""
    info = KindInfo("", "Namespace", "namespaces", namespaced=False, versions=("v1",))
    listed = {"metadata": {"resourceVersion": "1"}, "items": [{**config("a", 1), "kind": "X"}]}
    transport = ScriptedTransport(listed)
    source = Watch(transport, Scope(info, metadata_only=True))

    assert observed(source, 2)[1] == Seen(
        {**config("a", 1), "apiVersion": "v1", "kind": "Namespace"}
    )
    assert transport.requests[0].accept == (
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    )
