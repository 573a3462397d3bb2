"""A manifest at rest is the mapping it was made of, to everyone who looks at it."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import encode
from agent.core.reading import at
from agent.core.resting import OPEN, Resting, at_rest
from agent.core.values import Complete, Desired, Key, Origin

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | NAMES | st.sampled_from([1.0, 0.1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def wants(*names: str, commit: str = "a", data: str = "x") -> Complete:
    """Make a package of ConfigMaps."""
    return Complete(commit, "", tuple(config_map(name, data) for name in names))


def config_map(name: str, data: str) -> Desired:
    """Make one object; its digest is that of its manifest."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": data}}
    return Desired(Key("", "ConfigMap", "shop", name), "v1", manifest, encode.digest(manifest))


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_it_reads_as_what_it_was_made_of(manifest: dict[str, Any]):
    """Field by field, in their order, with the types of their values, from either side."""
    resting = Resting(encode.pack(manifest))
    assert resting == manifest
    assert manifest == resting
    assert list(resting) == list(manifest)
    assert repr({**resting}) == repr(manifest)
    assert len(resting) == len(manifest)
    assert encode.digest(resting) == encode.digest(manifest)
    assert orjson.loads(encode.body(resting)) == manifest


def test_it_differs_from_another():
    """Equality is that of content, not of being packed."""
    assert Resting(encode.pack({"a": 1})) != Resting(encode.pack({"a": 2}))
    assert Resting(encode.pack({"a": 1})) != {"a": 2}


def test_it_can_be_copied():
    """Facts are written down for a replay, and copied."""
    resting = Resting(encode.pack({"a": {"b": 1}}))
    assert copy.deepcopy(resting) == resting
    assert pickle.loads(pickle.dumps(resting)) == resting  # noqa: S301 - our own bytes


def test_more_of_them_than_are_held_open_read_right():
    """What is closed is opened again."""
    many = [Resting(encode.pack({"number": number})) for number in range(OPEN + 10)]
    for _ in range(2):
        assert [at(each, "number") for each in many] == [*range(OPEN + 10)]


def test_a_package_at_rest_is_the_package():
    """Nothing but the form of its manifests changes."""
    package = wants("a", "b")
    rested = at_rest(package)
    assert rested == package
    assert all(isinstance(each.manifest, Resting) for each in rested.objects)


def test_what_did_not_change_is_kept_once():
    """The objects of two revisions are one another where they are equal, down to who wrote them."""
    before = at_rest(wants("a", "b"))
    after = at_rest(wants("a", "b", commit="b"), before)
    assert after == replace(before, commit="b")
    assert all(new is old for new, old in zip(after.objects, before.objects, strict=True))


def test_what_moved_in_its_file_keeps_its_manifest():
    """The new line is told, and the content is not held twice."""
    before = at_rest(wants("a"))
    moved = wants("a").objects[0]
    moved = replace(moved, origin=Origin("a.yaml", 7))
    after = at_rest(Complete("b", "", (moved,)), before)
    assert after.objects[0].origin.line == 7
    assert after.objects[0].manifest is before.objects[0].manifest


def test_what_changed_is_new():
    """A neighbour's past is nobody's present."""
    before = at_rest(wants("a", data="x"))
    after = at_rest(wants("a", data="y"), before)
    assert at(after.objects[0].manifest, "data", "key") == "y"
