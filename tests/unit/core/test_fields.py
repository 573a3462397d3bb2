"""Field sets: what a manifest owns, set algebra, owners, projections."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topology import THING

from agent.core.fields import (
    FieldSet,
    Owner,
    element_of,
    of,
    own,
    owners,
    parse,
    printed,
    project,
    render,
    strip,
    who,
)
from agent.core.schema import ANY_OBJECT


def thing(**spec: Any) -> dict[str, Any]:
    """A manifest with the given spec."""
    return {"apiVersion": "g.io/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec}


def owned(**spec: Any) -> Any:
    """What an apply of a spec owns below `spec`."""
    return render(of(thing(**spec), THING)).get("f:spec")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {}),
        ({"replicas": 1}, {"f:replicas": {}}),
        ({"replicas": None}, {"f:replicas": {}}),
        ({"options": {}}, {"f:options": {}}),
        ({"options": {"a": "b"}}, {"f:options": {"f:a": {}}}),
        ({"options": None}, {"f:options": {}}),
        ({"selector": {"a": "b"}}, {"f:selector": {}}),
        ({"rules": []}, {"f:rules": {}}),
        ({"rules": [{"port": 1}]}, {"f:rules": {}}),
        ({"hosts": []}, None),
        ({"hosts": ["a", "b"]}, {"f:hosts": {'v:"a"': {}, 'v:"b"': {}}}),
        ({"raw": {"a": {"b": 1}}}, {"f:raw": {}}),
        (
            {"containers": [{"name": "w", "ports": [{"port": 80}]}]},
            {
                "f:containers": {
                    'k:{"name":"w"}': {
                        ".": {},
                        "f:name": {},
                        "f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}},
                    }
                }
            },
        ),
        (
            {"containers": [{"name": "w", "image": "a"}, {"name": "w", "image": "b"}]},
            {"f:containers": {'k:{"name":"w"}': {}}},
        ),
    ],
)
def test_what_an_apply_owns(spec: dict[str, Any], expected: Any):
    """The rules of structured-merge-diff's ToFieldSet, one example each."""
    assert owned(**spec) == expected


def test_what_the_server_writes_is_not_owned():
    """Names and server-written metadata are never in the set; labels are."""
    metadata = {
        "name": "a",
        "namespace": "b",
        "uid": "c",
        "labels": {"x": "y"},
        "finalizers": ["f"],
    }
    found = of({"apiVersion": "v1", "kind": "Thing", "metadata": metadata}, ANY_OBJECT)
    assert render(found) == {"f:metadata": {"f:finalizers": {'v:"f"': {}}, "f:labels": {"f:x": {}}}}
    assert of({"metadata": {"name": "a"}}, ANY_OBJECT) == FieldSet()


def test_without_a_schema_maps_are_granular_and_lists_atomic():
    """The deduced schema: undeclared keys are members of their own."""
    found = of({"spec": {"a": {"b": 1}, "l": [{"c": 1}]}}, ANY_OBJECT)
    below = {"f:a": {".": {}, "f:b": {}}, "f:l": {}, ".": {}}
    assert render(found) == {"f:spec": dict(sorted(below.items()))}


# --- algebra

names = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', "v:1"])
members = st.frozensets(st.lists(names, min_size=1, max_size=3).map(tuple), max_size=8)


def made(paths: frozenset[tuple[str, ...]]) -> FieldSet:
    """A set of exactly these paths."""
    found = FieldSet()
    for path in paths:
        tree: dict[str, Any] = {}
        for element in reversed(path):
            tree = {element: tree}
        found = found | FieldSet(tree)
    return found


@settings(deadline=None, max_examples=150, database=None)
@given(members, members)
def test_algebra_is_that_of_plain_sets(one: frozenset[Any], other: frozenset[Any]):
    """Union, difference and membership agree with sets of paths; rendering loses nothing."""
    left, right = made(one), made(other)
    assert frozenset(left.paths()) == one
    assert frozenset((left | right).paths()) == one | other
    assert frozenset((left - right).paths()) == one - other
    assert all((path in left) == (path in one) for path in one | other)
    assert frozenset(parse(render(left)).paths()) == one


def test_touching():
    """A set touches what it holds and what lies above that, nothing beside or below."""
    found = parse({"f:a": {"f:b": {}}, "f:c": {".": {}, "f:d": {}}})
    assert all(found.touches(path) for path in [("f:a",), ("f:a", "f:b"), ("f:c", "f:d")])
    others = [(), ("f:x",), ("f:a", "f:x"), ("f:a", "f:b", "f:x")]
    assert not any(found.touches(path) for path in others)


# --- elements


def test_paths_print_as_people_read_them():
    """Names join with dots, items by their keys, names with dots in brackets."""
    ports = 'k:{"port":80,"protocol":"TCP"}'
    path = ("f:spec", "f:containers", 'k:{"name":"web"}', "f:ports", ports, "f:name")
    assert printed(path) == "spec.containers[name=web].ports[port=80,protocol=TCP].name"
    assert printed(("f:metadata", "f:labels", "f:a.io/b")) == "metadata.labels[a.io/b]"
    assert printed(("f:metadata", "f:finalizers", 'v:"x"')) == 'metadata.finalizers[="x"]'


def test_go_escapes_are_read_as_ours():
    """The server writes `<` as an escape; it is the same element."""
    assert parse({'k:{"name":"a\\u003cb"}': {}}) == FieldSet({'k:{"name":"a<b"}': {}})


def test_numbers_and_booleans_stay_apart_as_keys():
    """1 and true are different items, though Python takes them for equal."""
    rule = THING.at("spec").at("containers").list
    assert rule
    assert element_of({"name": 1}, rule) != element_of({"name": True}, rule)


# --- owners

MANAGED = [
    {
        "manager": "tidegate",
        "operation": "Apply",
        "time": "2026-01-01T00:00:00Z",
        "fieldsV1": {"f:spec": {"f:replicas": {}, "f:options": {"f:a": {}}}},
    },
    {
        "manager": "tidegate",
        "operation": "Apply",
        "subresource": "status",
        "fieldsV1": {"f:status": {}},
    },
    {
        "manager": "kubectl-edit",
        "operation": "Update",
        "time": "2026-01-02T00:00:00Z",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    },
    {
        "manager": "hpa",
        "operation": "Update",
        "subresource": "scale",
        "time": "2026-01-03T00:00:00Z",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    },
]


def test_our_own_fields():
    """Ours is what we applied to the object itself, not to a subresource."""
    assert render(own(MANAGED)) == {"f:spec": {"f:options": {"f:a": {}}, "f:replicas": {}}}
    assert own([]) == FieldSet()


def test_who_touched_a_field_last():
    """The latest other owner is named, with what it did and when."""
    found = who(owners(MANAGED), ("f:spec", "f:replicas"))
    assert str(found) == "hpa (Update of scale), 2026-01-03T00:00:00Z"
    assert who(owners(MANAGED), ("f:spec", "f:options")) is None
    assert owners(MANAGED)[2] == Owner(
        "kubectl-edit",
        "Update",
        "",
        "2026-01-02T00:00:00Z",
        FieldSet({"f:spec": {"f:replicas": {}}}),
    )


# --- projection


def test_projection_keeps_only_what_is_in_the_set():
    """Others' fields and the order of associative lists make no difference to a projection."""
    desired = thing(
        containers=[{"name": "a", "image": "1"}, {"name": "b", "ports": [{"port": 1}]}],
        hosts=["x"],
        options={},
        selector={"s": "1"},
    )
    live = thing(
        containers=[
            {"name": "c"},
            {"name": "b", "ports": [{"port": 1, "protocol": "TCP"}], "debug": True},
            {"name": "a", "image": "1"},
        ],
        hosts=["y", "x"],
        options={"foreign": "1"},
        selector={"s": "1"},
        replicas=3,
    )
    fields = of(desired, THING)
    assert project(live, fields, THING) == project(desired, fields, THING)
    assert project(live, fields, THING)["f:spec"]["f:selector"] == {"s": "1"}


def test_strip_leaves_what_an_apply_can_own():
    """Type, name, status and server-written metadata go; the manifest itself stays as it is."""
    manifest = {
        **thing(replicas=1),
        "metadata": {"name": "a", "uid": "u", "labels": {"x": "y"}},
        "status": {"ready": 1},
    }
    assert strip(manifest) == {"metadata": {"labels": {"x": "y"}}, "spec": {"replicas": 1}}
    assert strip(thing()) == {"spec": {}}
    assert manifest["status"] == {"ready": 1}
