"""Memory survives the way into ConfigMaps and back, and changes as outcomes say."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import inventory as memory
from agent.core.codec import CodecError, load
from agent.core.identity import Home
from agent.core.inventory import Damaged, decode, encode
from agent.core.values import (
    Applied,
    ChartSource,
    Clearance,
    Desired,
    Entry,
    Finished,
    Health,
    HealthCheck,
    HealthStatus,
    Ignore,
    Intent,
    Inventory,
    Key,
    Live,
    Origin,
    Outcome,
    Package,
    PackageName,
    PathSource,
    Rejected,
    Review,
    Rules,
    Target,
    Told,
    Transition,
    WasApplied,
    WasDeleted,
    WasNotTried,
    WasRefused,
    WasUnknown,
)

HOME = Home("default", "prod-1", "tidegate-system")
PAYMENTS = PackageName("shop", "payments")
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
JOB = Key("batch", "Job", "shop", "migrate")
WEB = Key("apps", "Deployment", "shop", "web")

text = st.text(st.characters(codec="utf-8"), max_size=6)
times = st.datetimes(timezones=st.just(UTC))
spans = st.none() | st.timedeltas(timedelta(0), timedelta(days=9))
numbers = st.integers(-(2**31), 2**31)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | text
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2)
)
manifests = st.dictionaries(text, trees, max_size=3)
names = st.builds(PackageName, text, text)
keys = st.builds(Key, text, text, text, text)
targets = st.builds(Target, text, st.none() | text, text, text)
sources = st.builds(PathSource, text) | st.builds(
    ChartSource, text, text, manifests, st.tuples(text)
)
origins = st.builds(Origin, text, st.integers(0, 9), text, text, text)
packages = st.builds(
    Package,
    name=names,
    source=sources,
    labels=st.dictionaries(text, text, max_size=2),
    depends_on=st.tuples(names),
    prune=st.booleans(),
    ignore=st.tuples(st.builds(Ignore, targets, st.tuples(text))),
    health_timeout=spans,
    health_checks=st.tuples(st.builds(HealthCheck, targets, text, trees)),
    service_account=text,
    clusters=st.tuples(text, text),
    prune_delay=spans,
    spec=manifests,
    origin=origins,
)
ends = st.builds(Finished, text, text, times)
entries = st.builds(
    Entry, text, text, text, numbers, st.none() | ends, text, st.none() | times, st.booleans()
)
transitions = st.builds(Transition, numbers, times, text, text, text, text, text, text)
told = st.builds(Told, text, text, st.none() | times, numbers, st.tuples(transitions), numbers)
inventories = st.builds(
    Inventory,
    package=names,
    declared=st.none() | packages,
    applied=st.none() | st.builds(Applied, text, text),
    attempted=text,
    entries=st.dictionaries(keys, entries, max_size=3),
    intents=st.dictionaries(keys, st.builds(Intent, text, text), max_size=2),
    cleared=st.none() | st.builds(Clearance, text, st.tuples(text, text)),
    told=told,
    gone=st.none() | times,
    review=st.none() | st.builds(Review, text, times),
    handled_sync=text,
)


def _large(objects: int) -> Inventory:
    """Give an inventory that does not compress into one ConfigMap."""
    noise = random.Random(7)  # noqa: S311
    found = {
        Key("", "ConfigMap", "shop", f"c{number}"): Entry(noise.randbytes(80).hex())
        for number in range(objects)
    }
    return Inventory(PAYMENTS, entries=found)


@settings(max_examples=60, deadline=None)
@given(inventories)
def test_an_inventory_round_trips(inventory: Inventory) -> None:
    """Nothing that is remembered is lost or changes its type."""
    found = decode(encode(inventory, HOME, 3))
    assert found == inventory
    assert memory.canonical(found) == memory.canonical(inventory)  # True is not 1


def test_equal_inventories_give_equal_bytes() -> None:
    """Neither the order of insertion nor the time shows."""
    one = Inventory(PAYMENTS, entries={JOB: Entry("1"), WEB: Entry("2")})
    other = Inventory(PAYMENTS, entries={WEB: Entry("2"), JOB: Entry("1")})
    assert encode(one, HOME, 1) == encode(other, HOME, 1)


def test_the_head_says_whose_it_is_and_comes_last() -> None:
    """Operators and the LIST at the start find it by its labels."""
    (head,) = encode(Inventory(PAYMENTS), HOME, 1)
    assert head["metadata"] == {
        "name": "tidegate-inventory-ca226ca9057c35268ecc-0",
        "namespace": "tidegate-system",
        "labels": {
            "tidegate.io/inventory": "default",
            "tidegate.io/package": "ca226ca9057c35268ecc",
            "app.kubernetes.io/managed-by": "tidegate",
        },
        "annotations": {"tidegate.io/owner": "default/prod-1/shop/payments"},
    }


def test_a_large_inventory_is_split() -> None:
    """Each part fits a ConfigMap, in whatever order they come back."""
    inventory = _large(16_000)
    parts = encode(inventory, HOME, 1)
    assert len(parts) == 2
    assert "header" in parts[-1]["data"]
    assert parts[0]["immutable"] is True
    assert decode(reversed(parts)) == inventory


def test_a_missing_part_is_damage() -> None:
    """Half an inventory would prove absences that are none."""
    parts = encode(_large(16_000), HOME, 1)
    found = decode(parts[1:])
    assert isinstance(found, Damaged)
    assert "missing" in found.why


def test_an_interrupted_write_leaves_the_old_inventory_whole() -> None:
    """New parts without their head change nothing."""
    old = encode(_large(16_000), HOME, 1)
    new = encode(_large(16_001), HOME, 2)
    assert decode((*old, *new[:-1])) == _large(16_000)


def _broken(**changes: Any) -> dict[str, Any]:
    return {**encode(Inventory(PAYMENTS), HOME, 1)[0], **changes}


@pytest.mark.parametrize(
    "head",
    [
        _broken(data={}),
        _broken(data={"header": "{"}),
        _broken(data={"header": '{"format": 9}'}),
        _broken(binaryData={}),
        _broken(binaryData={"content": "!"}),
        _broken(binaryData={"content": ""}),
        _broken(binaryData=encode(Inventory(PackageName("a", "b")), HOME, 1)[0]["binaryData"]),
    ],
)
def test_whatever_can_not_be_read_is_damage(head: dict[str, Any]) -> None:
    """Never an empty inventory, never an exception."""
    assert isinstance(decode([head]), Damaged)


def test_fields_of_a_newer_version_are_passed_over() -> None:
    """Going back one version does not lose the memory."""
    assert load(Intent, {"uid": "1", "digest": "2", "novel": 3}) == Intent("1", "2")


def test_a_wrong_type_is_named() -> None:
    """A text where a number belongs is not guessed at."""
    with pytest.raises(CodecError, match="not a Entry"):
        load(Entry, {"wave": "1"})


def test_keyed_digests_depend_on_the_key() -> None:
    """Who reads the ConfigMap can't test guesses for a password."""
    assert memory.keyed("d", b"one") != memory.keyed("d", b"two")


# --- how it changes ----------------------------------------------------------------------------


def _live(key: Key, uid: str, finished: str = "") -> Live:
    return Live(key, uid, "7", b"", health=Health(HealthStatus.CURRENT), finished=finished)


def _learn(inventory: Inventory, *outcomes: Outcome) -> Inventory:
    wanted = {key: Desired(key, "v1", {}, "new", 2, Rules()) for key in (JOB, WEB)}
    return memory.learn(inventory, outcomes, wanted, lambda live, _: f"seen {live.uid}", NOW)


def test_intended_objects_are_remembered_before_they_exist() -> None:
    """A wanted object loses its tombstone and keeps what is known of it."""
    before = Inventory(PAYMENTS, entries={WEB: Entry("1", "d", tombstone=NOW)})
    after = memory.intend(before, {WEB: 0, JOB: 1})
    assert after.entries == {WEB: Entry("1", "d"), JOB: Entry(wave=1)}


def test_an_applied_object_is_known_by_its_uid_and_digests() -> None:
    """The answer of the server is the proof."""
    after = _learn(Inventory(PAYMENTS), WasApplied(WEB, "new", _live(WEB, "1")))
    assert after.entries == {WEB: Entry("1", "new", "seen 1", 2)}


def test_only_an_applied_object_changes_the_inventory() -> None:
    """A deleted object may still be leaving; a lost answer proves nothing."""
    before = Inventory(PAYMENTS, entries={WEB: Entry("1", "d")}, intents={WEB: Intent("1", "new")})
    outcomes = (
        WasDeleted(WEB, "1"),
        WasRefused(WEB, "new", Rejected(422, "Invalid", "")),
        WasNotTried(WEB, "late"),
        WasUnknown(WEB, "timeout"),
        WasApplied(WEB, "", _live(WEB, "9")),  # only adopted: applied by the next pass
    )
    assert _learn(before, *outcomes) is before


def test_a_replacement_ends_with_another_uid() -> None:
    """The same uid means that the old object is still there."""
    before = Inventory(PAYMENTS, entries={JOB: Entry("1")}, intents={JOB: Intent("1", "new")})
    same = _learn(before, WasApplied(JOB, "new", _live(JOB, "1")))
    other = _learn(before, WasApplied(JOB, "new", _live(JOB, "2")))
    assert (same.intents, other.intents) == (before.intents, {})


def test_a_finished_job_is_remembered_once() -> None:
    """Its TTL may remove it: the content has run."""
    before = Inventory(PAYMENTS, entries={JOB: Entry("1", "d"), WEB: Entry("2")})
    after = memory.finish(before, {JOB: _live(JOB, "1", "Complete")}, NOW)
    assert after.entries[JOB] == Entry("1", "d", finished=Finished("d", "Complete", NOW))
    later = NOW + timedelta(hours=1)
    assert memory.finish(after, {JOB: _live(JOB, "1", "Complete")}, later) is after


def test_a_new_job_has_not_run() -> None:
    """What the Job before it did is remembered, and says nothing about this one."""
    ran = Entry("1", "d", finished=Finished("d", "Complete", NOW), skipped="new")
    before = Inventory(PAYMENTS, entries={JOB: ran})
    after = _learn(before, WasApplied(JOB, "new", _live(JOB, "2")))
    assert after.entries == {JOB: Entry("2", "new", "seen 2", 2, ran=("d",))}


def test_another_job_of_that_name_is_not_ours() -> None:
    """Someone else's Job that finished does not end our content."""
    before = Inventory(PAYMENTS, entries={JOB: Entry("1", "d")})
    assert memory.finish(before, {JOB: _live(JOB, "9", "Failed")}, NOW) is before


def test_forgotten_objects_leave_no_intent() -> None:
    """A confirmed deletion ends everything about the key."""
    before = memory.begin(
        Inventory(PAYMENTS, entries={JOB: Entry("1"), WEB: Entry("2")}), {JOB: Intent("1", "d")}
    )
    after = memory.forget(before, [JOB])
    assert after == replace(before, entries={WEB: Entry("2")}, intents={})
