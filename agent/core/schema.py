"""The topology of kinds: which lists are associative, which maps atomic, where quantities are.

Never validates: a value that does not fit its schema is the server's to refuse.

Rules: kube-openapi `schemaconv` (OpenAPI v3 → structured-merge-diff), KEP-555.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind: TypeAlias = tuple[str, str]
"""`(apiVersion, kind)`."""


class Scalar(StrEnum):
    """How the text of a scalar counts."""

    PLAIN = "plain"
    QUANTITY = "quantity"
    """The server rewrites it: `1000m` becomes `1`."""


class Relation(StrEnum):
    """How the items of a list relate."""

    ATOMIC = "atomic"
    SET = "set"
    KEYED = "keyed"


@dataclass(frozen=True, slots=True, eq=False)
class ListRule:
    """What holds for a value that is a list."""

    relation: Relation
    item: Node
    keys: tuple[str, ...] = ()
    """For KEYED: the fields that tell items apart."""


@dataclass(frozen=True, slots=True, eq=False)
class MapRule:
    """What holds for a value that is a mapping."""

    atomic: bool = False
    fields: Mapping[str, Node] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Of fields: an associative list uses them for keys an item leaves out."""
    other: Node | None = None
    """For keys that are not declared; None where the server refuses those."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A schema at one place; several parts are set where several types are allowed.

    Nodes may contain themselves (JSONSchemaProps does): compare them by identity only.
    """

    scalar: Scalar | None = None
    list: ListRule | None = field(default=None, repr=False)
    map: MapRule | None = field(default=None, repr=False)

    def at(self, name: str) -> Node:
        """Return the schema of a field; where nothing is declared it is deduced."""
        if self.map is None:
            return DEDUCED
        return self.map.fields.get(name) or self.map.other or DEDUCED


def _knot(node: Node, made: Node) -> None:
    """Fill in a node that others, or itself, refer to already."""
    for name in ("scalar", "list", "map"):
        object.__setattr__(node, name, getattr(made, name))


PLAIN: Final = Node(Scalar.PLAIN)
QUANTITY: Final = Node(Scalar.QUANTITY)
UNTYPED: Final = Node()
"""Any value, owned as a whole."""
DEDUCED: Final = Node()
"""Any value: mappings are granular, lists atomic."""
_knot(
    UNTYPED,
    Node(
        Scalar.PLAIN,
        ListRule(Relation.ATOMIC, UNTYPED),
        MapRule(atomic=True, other=UNTYPED),
    ),
)
_knot(DEDUCED, Node(Scalar.PLAIN, ListRule(Relation.ATOMIC, UNTYPED), MapRule(other=DEDUCED)))

_STRINGS: Final = Node(map=MapRule(other=PLAIN))
OBJECT_META: Final = Node(
    map=MapRule(
        fields=MappingProxyType(
            {
                **dict.fromkeys(
                    (
                        "creationTimestamp",
                        "deletionGracePeriodSeconds",
                        "deletionTimestamp",
                        "generateName",
                        "generation",
                        "name",
                        "namespace",
                        "resourceVersion",
                        "selfLink",
                        "uid",
                    ),
                    PLAIN,
                ),
                "annotations": _STRINGS,
                "labels": _STRINGS,
                "finalizers": Node(list=ListRule(Relation.SET, PLAIN)),
                "managedFields": Node(list=ListRule(Relation.ATOMIC, UNTYPED)),
                "ownerReferences": Node(
                    list=ListRule(
                        Relation.KEYED,
                        Node(map=MapRule(atomic=True, fields={"uid": PLAIN}, other=UNTYPED)),
                        ("uid",),
                    )
                ),
            }
        )
    )
)
_TYPED_OBJECT: Final = {"apiVersion": PLAIN, "kind": PLAIN, "metadata": OBJECT_META}
ANY_OBJECT: Final = Node(map=MapRule(fields=_TYPED_OBJECT, other=DEDUCED))
"""For kinds nobody publishes a schema of."""

_BUILT_IN: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": QUANTITY,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": UNTYPED,
}


def from_openapi(document: Mapping[str, Any]) -> Mapping[Kind, Node]:
    """Return the kinds of one `/openapi/v3/…` document."""
    schemas = document.get("components", {}).get("schemas", {})
    builder = _Builder(schemas)
    return {
        kind: builder.named(name)
        for name, schema in schemas.items()
        for kind in _kinds(schema.get("x-kubernetes-group-version-kind", ()))
    }


def from_crd(manifest: Mapping[str, Any]) -> Mapping[Kind, Node]:
    """Return the kinds a CustomResourceDefinition defines, one per version."""
    spec = manifest.get("spec", {})
    kind = spec.get("names", {}).get("kind", "")
    found: dict[Kind, Node] = {}
    for version in spec.get("versions", ()):
        schema = version.get("schema", {}).get("openAPIV3Schema")
        preserve = bool(spec.get("preserveUnknownFields"))
        node = _Builder({}).inline(schema, preserve=preserve) if schema else ANY_OBJECT
        found[f"{spec.get('group', '')}/{version.get('name', '')}", kind] = _as_object(node)
    return found


def _kinds(names: Any) -> Iterator[Kind]:
    for each in names:
        group, version = each.get("group", ""), each.get("version", "")
        yield (f"{group}/{version}" if group else version), each.get("kind", "")


def _as_object(node: Node) -> Node:
    rule = node.map or MapRule(other=DEDUCED)
    return Node(map=replace(rule, atomic=False, fields={**rule.fields, **_TYPED_OBJECT}))


class _Builder:
    """Turns the schemas of one document into nodes, each named one once."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._named: dict[str, Node] = dict(_BUILT_IN)

    def named(self, name: str) -> Node:
        found = self._named.get(name)
        if found is not None:
            return found
        schema = self._schemas.get(name)
        if schema is None or "$ref" in schema:  # a top-level reference: the server skips it too
            return DEDUCED
        node = self._named[name] = Node()
        _knot(node, self.inline(schema, preserve=False))
        return node

    def inline(self, schema: Mapping[str, Any], *, preserve: bool) -> Node:
        preserve = preserve or schema.get("x-kubernetes-preserve-unknown-fields") is True
        kind = schema.get("type", "")
        if kind == "object":
            node = Node(map=self._map(schema, preserve=preserve))
        elif kind == "array":
            node = Node(list=self._list(schema, preserve=preserve))
        elif kind:
            return PLAIN
        else:
            rules = self._list(schema, preserve=preserve), self._map(schema, preserve=preserve)
            node = Node(Scalar.PLAIN, *rules)
        return _as_object(node) if schema.get("x-kubernetes-embedded-resource") else node

    def _at(self, schema: Mapping[str, Any], *, preserve: bool) -> Node:
        """Return what a property, an item or an additional property is."""
        reference = schema.get("$ref") or _only_reference(schema)
        if reference is None:
            return self.inline(schema, preserve=preserve)
        node = self.named(reference.rpartition("/")[2])
        relation = schema.get("x-kubernetes-map-type")
        return _overridden(node, atomic=relation == "atomic") if relation else node

    def _map(self, schema: Mapping[str, Any], *, preserve: bool) -> MapRule:
        properties = schema.get("properties", {})
        return MapRule(
            schema.get("x-kubernetes-map-type") == "atomic",
            {name: self._at(each, preserve=preserve) for name, each in properties.items()},
            {name: each["default"] for name, each in properties.items() if "default" in each},
            self._other(schema, preserve=preserve),
        )

    def _other(self, schema: Mapping[str, Any], *, preserve: bool) -> Node | None:
        """Return what undeclared keys are; no properties at all means anything goes."""
        additional = schema.get("additionalProperties")
        if additional is None:
            return DEDUCED if preserve or not schema.get("properties") else None
        if isinstance(additional, Mapping):
            return self._at(additional, preserve=preserve)
        return DEDUCED if additional else None

    def _list(self, schema: Mapping[str, Any], *, preserve: bool) -> ListRule:
        items = schema.get("items")
        item = self._at(items, preserve=preserve) if isinstance(items, Mapping) else UNTYPED
        return ListRule(*_relation(schema, item))


def _only_reference(schema: Mapping[str, Any]) -> str | None:
    """Return the reference of a single-element allOf, the form a default stands beside."""
    parts = schema.get("allOf", ())
    return parts[0].get("$ref") if len(parts) == 1 else None


def _overridden(node: Node, *, atomic: bool) -> Node:
    """Return a referred type with another map type; a list is meant where there is no map."""
    if node.map is not None:
        return replace(node, map=replace(node.map, atomic=atomic))
    if node.list is not None:
        return replace(node, list=replace(node.list, relation=Relation.ATOMIC))
    return UNTYPED


def _relation(schema: Mapping[str, Any], item: Node) -> tuple[Relation, Node, tuple[str, ...]]:
    """Return relation, item and keys; the list type comes first, then the patch strategy."""
    kind = schema.get("x-kubernetes-list-type")
    if kind is None and schema.get("x-kubernetes-patch-strategy") in {"merge", "merge,retainKeys"}:
        key = schema.get("x-kubernetes-patch-merge-key")
        return (Relation.KEYED, item, (key,)) if key else (Relation.SET, item, ())
    if kind == "map":
        return Relation.KEYED, item, tuple(schema.get("x-kubernetes-list-map-keys", ()))
    return (Relation.SET if kind == "set" else Relation.ATOMIC), item, ()
