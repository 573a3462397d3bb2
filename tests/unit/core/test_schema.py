"""List topology read from OpenAPI v3 and from CustomResourceDefinitions."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core.schema import (
    ANY_OBJECT,
    DEDUCED,
    PLAIN,
    QUANTITY,
    UNTYPED,
    Node,
    Relation,
    from_crd,
    from_openapi,
)

REF = "#/components/schemas/"


def document(**schemas: Any) -> dict[str, Any]:
    """An OpenAPI document whose kind `Thing` has the given properties, beside other schemas."""
    thing = {
        "type": "object",
        "properties": schemas.pop("properties", {}),
        "x-kubernetes-group-version-kind": [{"group": "g.io", "version": "v1", "kind": "Thing"}],
    }
    return {"components": {"schemas": {"io.Thing": thing, **schemas}}}


def field(schema: dict[str, Any], **others: Any) -> Node:
    """The node of one property of `Thing`."""
    return from_openapi(document(properties={"f": schema}, **others))["g.io/v1", "Thing"].at("f")


def test_kinds_are_named_as_manifests_name_them():
    """Kinds come by (apiVersion, kind); the core group has no slash."""
    pod = {"type": "object", "x-kubernetes-group-version-kind": [{"version": "v1", "kind": "Pod"}]}
    found = from_openapi(document(**{"io.Pod": pod, "io.Other": {"type": "object"}}))
    assert set(found) == {("g.io/v1", "Thing"), ("v1", "Pod")}


ITEMS = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({}, (Relation.ATOMIC, ())),
        ({"x-kubernetes-list-type": "atomic"}, (Relation.ATOMIC, ())),
        ({"x-kubernetes-list-type": "set"}, (Relation.SET, ())),
        (
            {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"]},
            (Relation.KEYED, ("a", "b")),
        ),
        (
            {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "k"},
            (Relation.KEYED, ("k",)),
        ),
        ({"x-kubernetes-patch-strategy": "merge"}, (Relation.SET, ())),
        ({"x-kubernetes-patch-strategy": "retainKeys"}, (Relation.ATOMIC, ())),
        (
            {
                "x-kubernetes-list-type": "atomic",
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "k",
            },
            (Relation.ATOMIC, ()),
        ),
    ],
)
def test_lists_relate_as_their_marks_say(marks: dict[str, Any], expected: Any):
    """Lists are atomic unless the list type, or the older patch strategy, says otherwise."""
    rule = field({**ITEMS, **marks}).list
    assert rule is not None
    assert (rule.relation, rule.keys) == expected


def test_maps_are_granular_unless_marked():
    """Atomic maps may be marked where they are defined, or beside the reference to them."""
    labels = {"io.Labels": {"type": "object", "additionalProperties": {"type": "string"}}}
    plain = field({"$ref": REF + "io.Labels"}, **labels)
    marked = field(
        {"allOf": [{"$ref": REF + "io.Labels"}], "x-kubernetes-map-type": "atomic"}, **labels
    )
    assert [node.map and node.map.atomic for node in (plain, marked)] == [False, True]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, PLAIN),
        ({"$ref": REF + "io.k8s.apimachinery.pkg.api.resource.Quantity"}, QUANTITY),
        ({"$ref": REF + "io.k8s.apimachinery.pkg.runtime.RawExtension"}, UNTYPED),
        ({"allOf": [{"$ref": REF + "io.Unknown"}], "default": {}}, DEDUCED),
    ],
)
def test_well_known_types(schema: dict[str, Any], expected: Node):
    """Scalars, quantities, raw extensions and what nobody defines have one node each."""
    assert field(schema) is expected


@pytest.mark.parametrize(
    ("schema", "other"),
    [
        ({"type": "object"}, DEDUCED),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, None),
        ({"type": "object", "additionalProperties": True}, DEDUCED),
        ({"type": "object", "additionalProperties": False}, None),
        ({"type": "object", "additionalProperties": {"type": "string"}}, PLAIN),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "x-kubernetes-preserve-unknown-fields": True,
            },
            DEDUCED,
        ),
    ],
)
def test_undeclared_keys(schema: dict[str, Any], other: Node | None):
    """What a key is that no property declares."""
    rule = field(schema).map
    assert rule is not None
    assert rule.other is other


def test_schemas_may_contain_themselves():
    """A cycle of references ends in the same node, not in endless recursion."""
    properties = {
        "not": {"$ref": REF + "io.Schema"},
        "all": {"type": "array", "items": {"$ref": REF + "io.Schema"}},
    }
    cyclic = {"io.Schema": {"type": "object", "properties": properties}}
    node = field({"$ref": REF + "io.Schema"}, **cyclic)
    assert node.at("not") is node
    assert node.at("all").list
    assert node.at("all").list.item is node
    assert "Node" in repr(node)


def test_defaults_of_keys_are_kept():
    """The default of a list's key tells items apart that leave it out."""
    item = {"type": "object", "properties": {"protocol": {"type": "string", "default": "TCP"}}}
    rule = field({"type": "array", "items": item}).list
    assert rule
    assert rule.item.map
    assert rule.item.map.defaults == {"protocol": "TCP"}


def test_custom_resources_get_object_metadata():
    """Every version of a CRD is a kind, with the metadata every object has."""
    schema = {"type": "object", "properties": {"spec": {"type": "object"}, "metadata": {}}}
    spec = {
        "group": "g.io",
        "names": {"kind": "Thing"},
        "versions": [
            {"name": "v1", "schema": {"openAPIV3Schema": schema}},
            {"name": "v2"},
        ],
    }
    found = from_crd({"spec": spec})
    assert set(found) == {("g.io/v1", "Thing"), ("g.io/v2", "Thing")}
    assert found["g.io/v1", "Thing"].at("metadata") is ANY_OBJECT.at("metadata")
    assert found["g.io/v2", "Thing"].at("spec") is DEDUCED


def test_any_object_knows_its_metadata():
    """Without a schema, metadata is still known and everything else deduced."""
    finalizers = ANY_OBJECT.at("metadata").at("finalizers").list
    assert finalizers
    assert finalizers.relation is Relation.SET
    assert ANY_OBJECT.at("spec").at("anything") is DEDUCED
