"""The parts that are functions: merging, removing, patches, quantities, selectors, ages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox.stories import BEGIN

from agent.core.fields import FieldSet
from agent.core.schema import DEDUCED, OBJECT_META, PLAIN, ListRule, MapRule, Node, Relation
from agent.sandbox import patch
from agent.sandbox.apply import APPLY, Manager, applied, updated
from agent.sandbox.merge import compared, merged, removed
from agent.sandbox.quantities import canonical
from agent.sandbox.refusals import RefusalError
from agent.sandbox.tables import find, since

ITEM = Node(map=MapRule(fields={"name": PLAIN, "value": PLAIN}))
ITEMS = Node(list=ListRule(Relation.KEYED, ITEM, ("name",)))
ROOT = Node(map=MapRule(fields={"metadata": OBJECT_META, "items": ITEMS, "data": DEDUCED}))


def names(items: list[dict[str, Any]] | None) -> str:
    """Write the names of items."""
    return "".join(each["name"] for each in items or ())


def items_of(text: str) -> list[dict[str, Any]]:
    """Make items of letters."""
    return [{"name": letter} for letter in text]


@pytest.mark.parametrize(
    ("live", "body", "together"),
    [
        ("abc", "ac", "abc"),
        ("abc", "ca", "bca"),
        ("ab", "xa", "xab"),
        ("ab", "ax", "abx"),
        ("", "ba", "ba"),
        ("abcd", "db", "acdb"),
    ],
)
def test_items_keep_an_order(live: str, body: str, together: str) -> None:
    """The body's order counts; what it does not name stays by its neighbour."""
    assert names(merged(items_of(live), items_of(body), ITEMS)) == together


def test_merging_shares_what_stays() -> None:
    """The same body again gives the very same object."""
    live = {"data": {"a": {"b": 1}}, "items": items_of("ab")}
    assert merged(live, {"data": {"a": {"b": 1}}, "items": items_of("a")}, ROOT) is live
    assert merged(live, {"data": {"a": {"b": True}}}, ROOT) is not live


def test_removing_leaves_null_where_nothing_is_left() -> None:
    """As structured-merge-diff; the types make it an absent field."""
    value = {"data": {"a": 1}, "items": items_of("ab")}
    tree = {"f:data": {"f:a": {}}, "f:items": {'k:{"name":"a"}': {".": {}, "f:name": {}}}}
    assert removed(value, tree, ROOT) == {"data": None, "items": items_of("b")}


def test_a_difference_names_what_changed() -> None:
    """Added collections count themselves, too."""
    found = compared({"data": {"a": 1, "b": 1}}, {"data": {"a": 2}, "items": items_of("x")}, ROOT)
    assert found.modified.tree == {"f:data": {"f:a": {}}}
    assert found.removed.tree == {"f:data": {"f:b": {}}}
    assert found.added.tree == {"f:items": {".": {}, 'k:{"name":"x"}': {".": {}, "f:name": {}}}}


DATA = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)


def who(name: str) -> Manager:
    """Name a manager."""
    return Manager(name, APPLY, "v1", "", "", FieldSet())


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), DATA), max_size=5))
@settings(max_examples=60, deadline=None)
def test_applying_by_force_gives_what_was_said(writes: list[tuple[str, dict[str, int]]]) -> None:
    """Whoever applied last owns what they said; nobody owns what is not there."""
    live: Any = {"metadata": {"name": "x"}}
    managers: tuple[Manager, ...] = ()
    for name, data in writes:
        live, managers = applied(live, {"data": data}, managers, who(name), ROOT, force=True)
        there = live.get("data") or {}
        assert data.items() <= there.items()
        mine = next((each.fields for each in managers if each.name == name), FieldSet())
        assert {path[-1][2:] for path in mine.paths() if len(path) == 2} == set(data)
        owned = {
            path[-1][2:] for each in managers for path in each.fields.paths() if len(path) == 2
        }
        assert owned == set(there)


def test_an_update_takes_only_what_it_changes() -> None:
    """The rest stays with its owner."""
    first = applied({}, {"data": {"a": 1, "b": 1}}, (), who("one"), ROOT, force=False)
    after = {"data": {"a": 2, "b": 1}}
    left = updated(first.object, after, first.managers, who("two"), ROOT)
    assert {each.name: each.fields.tree for each in left} == {
        "one": {"f:data": {"f:b": {}}},
        "two": {"f:data": {"f:a": {}}},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1000m", "1"),
        ("1.5", "1500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("512Mi", "512Mi"),
        ("1000", "1k"),
        ("0", "0"),
        ("1e3", "1e3"),
        ("0.5Gi", "512Mi"),
        ("x", None),
    ],
)
def test_quantities_are_written_in_one_way(text: str, said: str | None) -> None:
    """As the server writes them."""
    assert canonical(text) == said


def test_a_json_patch_is_all_or_nothing() -> None:
    """Its steps see each other; a test that fails ends it."""
    value = {"a": [1, 2], "b": {"c": "d"}}
    steps = [
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "move", "from": "/b/c", "path": "/e~1f"},
        {"op": "copy", "from": "/a/2", "path": "/b/g"},
        {"op": "replace", "path": "/a/0", "value": 0},
        {"op": "test", "path": "/b", "value": {"g": 3}},
        {"op": "remove", "path": "/a/1"},
    ]
    assert patch.operations(value, steps) == {"a": [0, 3], "b": {"g": 3}, "e/f": "d"}
    assert value == {"a": [1, 2], "b": {"c": "d"}}
    for broken in ({"op": "remove", "path": "/x"}, {"op": "add", "path": "/a/9", "value": 1}):
        with pytest.raises(RefusalError):
            patch.operations(value, [broken])


def test_a_merge_patch_removes_with_null() -> None:
    """RFC 7386."""
    assert patch.merge({"a": {"b": 1, "c": 2}}, {"a": {"b": None}, "d": {"e": None}}) == {
        "a": {"c": 2},
        "d": {},
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        (".list[0].n", ["x"]),
        (".list[*].n", ["x", "y"]),
        ('.list[?(@.n=="y")].v', [2]),
        (".a['b']", [1]),
        (".nothing.here", []),
    ],
)
def test_printer_columns_follow_simple_paths(path: str, found: list[Any]) -> None:
    """The part of JSONPath that definitions use."""
    value = {"a": {"b": 1}, "list": [{"n": "x", "v": 1}, {"n": "y", "v": 2}]}
    assert find(value, path) == found


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "5s"), (119, "119s"), (200, "3m20s"), (600, "10m"), (11_000, "3h3m"), (200_000, "2d7h")],
)
def test_ages_are_told_as_kubectl_does(seconds: int, said: str) -> None:
    """HumanDuration."""
    assert since(BEGIN.isoformat(), BEGIN + timedelta(seconds=seconds)) == said
