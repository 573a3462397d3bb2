"""Field sets (fieldsV1): which fields a manifest sets, who owns them, and what is there now.

Never compares values and never changes a manifest.

Rules: `ToFieldSet` and `fieldpath.Set` of structured-merge-diff; KEP-555.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from agent.core.schema import Relation
from agent.core.words import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.core.schema import ListRule, Node
    from agent.core.values import Manifest

Element: TypeAlias = str
"""One step of a path as fieldsV1 spells it: `f:spec`, `k:{"name":"web"}`, `v:"x"`, `i:0`."""
Path: TypeAlias = tuple[Element, ...]
Tree: TypeAlias = "Mapping[Element, Any]"
"""fieldsV1: element → tree. `{}` is a member; a member with children has a `.` beside them."""

SELF: Final = "."
_STRIPPED: Final = frozenset({"apiVersion", "kind"})
_STRIPPED_METADATA: Final = frozenset(
    {
        "clusterName",
        "creationTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


@dataclass(frozen=True, slots=True)
class FieldSet:
    """An immutable set of paths."""

    tree: Tree = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.tree)

    def __or__(self, other: FieldSet) -> FieldSet:
        return FieldSet(_union(self.tree, other.tree))

    def __sub__(self, other: FieldSet) -> FieldSet:
        return FieldSet(_difference(self.tree, other.tree))

    def __contains__(self, path: Path) -> bool:
        """Whether this very path is a member."""
        tree = self.below(path)
        return tree is not None and _is_member(tree) and bool(path)

    def below(self, path: Path) -> Tree | None:
        """Return what is in the set at a path and below it, or None for nothing."""
        tree = self.tree
        for element in path:
            found = tree.get(element)
            if found is None:
                return None
            tree = found
        return tree

    def touches(self, path: Path) -> bool:
        """Whether the path, or anything below it, is a member."""
        return bool(path) and self.below(path) is not None

    def paths(self) -> Iterator[Path]:
        """Yield every member."""
        yield from _paths(self.tree, ())


def _is_member(tree: Tree) -> bool:
    return not tree or SELF in tree


def _paths(tree: Tree, path: Path) -> Iterator[Path]:
    for element, below in tree.items():
        if element == SELF:
            continue
        if _is_member(below):
            yield (*path, element)
        yield from _paths(below, (*path, element))


def _union(one: Tree, other: Tree) -> Tree:
    merged = dict(one)
    for element, below in other.items():
        mine = merged.get(element)
        if mine is None:
            merged[element] = below
        elif mine != below:
            both = dict(_union(mine, below))
            if _is_member(mine) or _is_member(below):
                both[SELF] = {}
            merged[element] = both
    return merged


def _difference(one: Tree, other: Tree) -> Tree:
    """Return what is only in the first; a parent stays when just its children go."""
    left: dict[Element, Any] = {}
    for element, below in one.items():
        if element == SELF:
            continue
        theirs = other.get(element)
        if theirs is None:
            left[element] = below
            continue
        children = dict(_difference(below, theirs))
        if _is_member(below) and not _is_member(theirs):
            left[element] = {**children, SELF: {}} if children else {}
        elif children:
            left[element] = children
    return left


# --- elements ------------------------------------------------------------------------------------


def name_of(element: Element) -> str | None:
    """Return the name of a field, None for an item of a list."""
    return element[2:] if element.startswith("f:") else None


def element_of(item: Any, rule: ListRule) -> Element:
    """Return how an item of a set or keyed list is told from others.

    Keys an item leaves out take the schema's default, which then shows in the element.
    """
    if rule.relation is not Relation.KEYED or not isinstance(item, dict):
        return "v:" + _json(item)
    defaults = rule.item.map.defaults if rule.item.map else {}
    values = [item.get(key, defaults.get(key)) for key in rule.keys]
    try:
        return _keyed(rule.keys, *values)
    except TypeError:  # a collection as key, which the server refuses
        return "k:" + _json(dict(zip(rule.keys, values, strict=True)))


@lru_cache(maxsize=8192, typed=True)
def _keyed(keys: tuple[str, ...], *values: Any) -> Element:
    pairs = zip(keys, values, strict=True)
    return "k:" + _json({key: value for key, value in pairs if value is not None})


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def printed(path: Path) -> str:
    """Return a path as people read it: `spec.containers[name=web].image`."""
    text = ""
    for element in path:
        name = name_of(element)
        if name is None:
            text += f"[{_printed_item(element)}]"
        elif not name or any(letter in name for letter in "./[]= "):
            text += f"[{name}]"
        else:
            text += f".{name}" if text else name
    return text


def _printed_item(element: Element) -> str:
    if not element.startswith("k:"):
        return f"={element[2:]}" if element.startswith("v:") else element[2:]
    pairs = orjson.loads(element[2:])
    return ",".join(
        f"{key}={value if isinstance(value, str) else _json(value)}" for key, value in pairs.items()
    )


# --- sets of manifests ---------------------------------------------------------------------------


def of(manifest: Manifest, node: Node) -> FieldSet:
    """Return the fields a server-side apply of the manifest would own.

    - scalars, atomic lists and maps: one leaf; so is an explicit null or `{}`;
    - an empty associative list: nothing at all;
    - undeclared keys of maps (labels, data) and items of lists: members of their own.
    """
    tree = {}
    for name, value in manifest.items():
        if name in _STRIPPED:
            continue
        below = _entry(name, value, node)
        if name == "metadata" and below is not None:
            kept = {each: sub for each, sub in below.items() if each[2:] not in _STRIPPED_METADATA}
            below = kept or None
        if below is not None:
            tree[f"f:{name}"] = below
    return FieldSet(tree)


def owns_nothing(value: Any, node: Node) -> bool:
    """Whether applying a value sets nothing, as an empty associative list does."""
    return value != {} and value is not None and _of(value, node) is None


def _entry(name: str, value: Any, node: Node) -> Tree | None:
    """Return the tree of one entry of a granular mapping, None when nothing in it is owned."""
    declared = node.map.fields.get(name) if node.map else None
    below = _of(value, declared or node.at(name))
    if declared is None or value is None or value == {}:
        return _with_self(below)
    return below


def _with_self(below: Tree | None) -> Tree:
    return {**below, SELF: {}} if below else {}


def _of(value: Any, node: Node) -> Tree | None:
    """Return `{}` for a leaf, None for a value that owns nothing, else the fields below."""
    if isinstance(value, dict):
        if node.map is None or node.map.atomic:
            return {}
        return _of_map(value, node)
    if isinstance(value, list):
        if node.list is None or node.list.relation is Relation.ATOMIC:
            return {} if node.list else None
        return _of_list(value, node.list)
    if value is None and (node.map or (node.list and not node.scalar)):
        atomic = node.map.atomic if node.map else node.list and node.list.relation == "atomic"
        return {} if atomic else None
    return {}


def _of_map(value: Mapping[str, Any], node: Node) -> Tree | None:
    tree = {}
    for name, each in value.items():
        below = _entry(name, each, node)
        if below is not None:
            tree[f"f:{name}"] = below
    return tree or None


def _of_list(items: Sequence[Any], rule: ListRule) -> Tree | None:
    tree: dict[Element, Any] = {}
    for item in items:
        element = element_of(item, rule)
        # Items that can't be told apart are owned together, as one leaf (SMD, duplicates).
        tree[element] = {} if element in tree else _with_self(_of(item, rule.item))
    return tree or None


def strip(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest without what the server writes and no apply can own."""
    kept = {
        name: value
        for name, value in manifest.items()
        if name not in _STRIPPED and name not in {"metadata", "status"}
    }
    metadata = manifest.get("metadata") or {}
    ours = {name: value for name, value in metadata.items() if name not in _STRIPPED_METADATA}
    return {"metadata": ours, **kept} if ours else kept


# --- fieldsV1 ------------------------------------------------------------------------------------


def parse(fields_v1: Mapping[str, Any]) -> FieldSet:
    """Return the set that a fieldsV1 describes."""
    return FieldSet(_parsed(fields_v1))


def _parsed(tree: Mapping[str, Any]) -> Tree:
    return {
        (element if element[:2] in {"f:", "i:", "."} else _canonical(element)): (
            _parsed(below) if below else {}
        )
        for element, below in tree.items()
    }


def _canonical(element: Element) -> Element:
    """Return a key or value as this module writes it; Go escapes `<`, `>` and `&`."""
    return element if "\\" not in element else element[:2] + _json(orjson.loads(element[2:]))


def render(fields: FieldSet) -> dict[str, Any]:
    """Return a set as fieldsV1, which is how it is kept."""
    return {element: render(FieldSet(below)) for element, below in sorted(fields.tree.items())}


# --- owners --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: str
    """`Apply` or `Update`."""
    subresource: str
    time: str
    """RFC 3339, as the server writes it; empty when unknown."""
    fields: FieldSet

    def __str__(self) -> str:
        where = f"{self.operation} of {self.subresource}" if self.subresource else self.operation
        return (
            f"{self.manager} ({where}), {self.time}" if self.time else f"{self.manager} ({where})"
        )


def owners(managed: Iterable[Mapping[str, Any]]) -> tuple[Owner, ...]:
    """Return the owners in a live object's managedFields, in their order."""
    return tuple(
        Owner(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("subresource", ""),
            entry.get("time", ""),
            parse(entry.get("fieldsV1") or {}),
        )
        for entry in managed
    )


def own(managed: Iterable[Mapping[str, Any]], manager: str = FIELD_MANAGER) -> FieldSet:
    """Return the fields a manager owns by server-side apply of the object itself."""
    found = FieldSet()
    for entry in managed:
        if is_ours(entry, manager):
            fields = parse(entry.get("fieldsV1") or {})
            found = found | fields if found else fields
    return found


def is_ours(entry: Mapping[str, Any], manager: str = FIELD_MANAGER) -> bool:
    """Whether an entry is a manager's own server-side apply of the object itself."""
    ours = entry.get("manager") == manager and entry.get("operation") == "Apply"
    return ours and not entry.get("subresource")


def who(managed: Iterable[Owner], path: Path, besides: str = FIELD_MANAGER) -> Owner | None:
    """Return the latest owner of a path, or of anything below it, other than `besides`."""
    found = [each for each in managed if each.manager != besides and each.fields.touches(path)]
    return max(found, key=lambda each: each.time, default=None)


# --- projection ----------------------------------------------------------------------------------


def project(live: Manifest, fields: FieldSet, node: Node) -> Any:
    """Return the values a live object has at the paths of a set, for digests.

    Items of associative lists are keyed by element, so their order is no difference; fields below
    a leaf that others may own (a granular mapping) are left out.
    """
    return _projected(live, fields.tree, node)


def _projected(value: Any, tree: Tree, node: Node) -> Any:
    if isinstance(value, dict) and node.map is not None and not node.map.atomic:
        return {
            element: _projected(value[element[2:]], below, node.at(element[2:]))
            for element, below in tree.items()
            if element != SELF and element[2:] in value
        }
    if isinstance(value, list) and node.list and node.list.relation is not Relation.ATOMIC:
        rule = node.list
        items = {element_of(item, rule): item for item in value}
        return {
            element: _projected(items[element], below, rule.item)
            for element, below in tree.items()
            if element in items
        }
    return value
