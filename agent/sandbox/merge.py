"""Values under a topology: merging a body into them, removing fields, telling what changed.

Never changes its input and never knows who owns a field.

Rules: `Merge`, `RemoveItems` and `Compare` of structured-merge-diff (KEP-555).
"""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.core.fields import SELF, FieldSet, element_of
from agent.core.schema import Relation
from agent.core.values import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.core.fields import Element, Path, Tree
    from agent.core.schema import ListRule, Node


class Changes(NamedTuple):
    """How one value differs from another."""

    added: FieldSet
    removed: FieldSet
    modified: FieldSet

    def touched(self) -> FieldSet:
        """Give what is new or another."""
        return self.added | self.modified


def granular(value: Any, node: Node) -> bool:
    """Whether a value is a mapping whose entries have owners of their own."""
    return isinstance(value, dict) and node.map is not None and not node.map.atomic


def associative(node: Node) -> ListRule | None:
    """Give the rule of a list whose items have owners of their own."""
    rule = node.list
    return rule if rule is not None and rule.relation is not Relation.ATOMIC else None


# --- merging -------------------------------------------------------------------------------------


def merged(live: Any, body: Any, node: Node) -> Any:
    """Return what is live with what a body says; what stays the same is the same object."""
    if granular(live, node) and body is None:
        return live
    if granular(live, node) and isinstance(body, dict):
        return _merged_map(live, body, node)
    rule = associative(node)
    if rule is not None and isinstance(live, list) and live:
        return _merged_list(live, body or [], rule)
    return live if is_same(live, body) else body


def _merged_map(live: Mapping[str, Any], body: Mapping[str, Any], node: Node) -> Any:
    if not live:
        return body or live
    found: dict[str, Any] | None = None
    for name, each in body.items():
        there = live.get(name, ABSENT)
        now = each if there is ABSENT else merged(there, each, node.at(name))
        if now is not there:
            if found is None:
                found = dict(live)
            found[name] = now
    return live if found is None else found


def _merged_list(live: list[Any], body: Sequence[Any], rule: ListRule) -> list[Any]:
    """Take the body's order; what only the live list has keeps its place before its neighbour."""
    mine = {element_of(item, rule): item for item in live}
    theirs = {element_of(item, rule): item for item in body}
    shared = iter([element for element in theirs if element in mine])
    following = next(shared, None)
    rest = iter(theirs)
    found: list[Any] = []

    def take_until(stop: Element | None) -> None:
        for element in rest:
            there = mine.get(element, ABSENT)
            item = theirs[element]
            found.append(item if there is ABSENT else merged(there, item, rule.item))
            if element == stop:
                return

    for element, item in mine.items():
        if element not in theirs:
            found.append(item)
        elif element == following:
            take_until(element)
            following = next(shared, None)
    take_until(None)
    same = len(found) == len(live) and all(map(is_, found, live))
    return live if same else found


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and no `1` among them is a `true`."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            is_same(each, other[name]) for name, each in one.items()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


# --- removing ------------------------------------------------------------------------------------


def removed(value: Any, tree: Tree, node: Node) -> Any:
    """Return a value without the members of a set; a collection left empty becomes null."""
    if granular(value, node):
        kept: dict[str, Any] = {}
        for name, each in value.items():
            below = tree.get(f"f:{name}")
            if below is None:
                kept[name] = each
            elif below and SELF not in below:
                kept[name] = removed(each, below, node.at(name))
        return kept or None
    rule = associative(node)
    if rule is None or not isinstance(value, list) or not value:
        return value
    items = []
    for item in value:
        below = tree.get(element_of(item, rule))
        if below is None:
            items.append(item)
        elif below and SELF not in below:
            items.append(removed(item, below, rule.item))
    return items or None


def with_named_parents(tree: Tree, node: Node) -> dict[Element, Any]:
    """Make the declared fields above a member members too (`EnsureNamedFieldsAreMembers`)."""
    found: dict[Element, Any] = {}
    for element, below in tree.items():
        if element == SELF or not below:
            found[element] = below
            continue
        made = with_named_parents(below, _inside(node, element))
        if element.startswith("f:") and node.map and element[2:] in node.map.fields:
            made[SELF] = {}
        found[element] = made
    return found


def _inside(node: Node, element: Element) -> Node:
    if element.startswith("f:"):
        return node.at(element[2:])
    return node.list.item if node.list else node


def intersection(one: Tree, other: Tree) -> dict[Element, Any]:
    """Return the members of both."""
    found: dict[Element, Any] = {}
    for element, mine in one.items():
        theirs = other.get(element)
        if element == SELF or theirs is None:
            continue
        both = intersection(mine, theirs)
        if (not mine or SELF in mine) and (not theirs or SELF in theirs):
            found[element] = {**both, SELF: {}} if both else {}
        elif both:
            found[element] = both
    return found


# --- comparing -----------------------------------------------------------------------------------


def compared(before: Any, after: Any, node: Node) -> Changes:
    """Tell what an object lost, gained and has with another value."""
    walk = _Comparison()
    walk.value(before, after, node, ())
    return Changes(FieldSet(walk.added), FieldSet(walk.removed), FieldSet(walk.modified))


class _Comparison:
    """One walk over two values."""

    def __init__(self) -> None:
        self.added: dict[Element, Any] = {}
        self.removed: dict[Element, Any] = {}
        self.modified: dict[Element, Any] = {}

    def value(self, before: Any, after: Any, node: Node, path: Path) -> None:
        if before is after:
            return
        if self._is_leaf(before, after, node):
            self._leaf(before, after, path)
            return
        pairs = (
            _fields(before, after, node)
            if isinstance(before, dict) or isinstance(after, dict)
            else _items(before, after, node)
        )
        for element, mine, theirs, below in pairs:
            self.value(mine, theirs, below, (*path, element))
        if before is ABSENT:
            insert(self.added, path)
        elif after is ABSENT:
            insert(self.removed, path)

    def _is_leaf(self, before: Any, after: Any, node: Node) -> bool:
        """Atomic things are leaves, and so is what is empty or null on both sides."""
        one, other = before or None, after or None
        if not (isinstance(one, dict | list) or isinstance(other, dict | list)):
            return True
        some = one if isinstance(one, dict | list) else other
        if isinstance(some, dict):
            same = all(each is ABSENT or isinstance(each, dict | None) for each in (before, after))
            return not same or node.map is None or node.map.atomic
        same = all(each is ABSENT or isinstance(each, list | None) for each in (before, after))
        return not same or associative(node) is None

    def _leaf(self, before: Any, after: Any, path: Path) -> None:
        if before is ABSENT:
            insert(self.added, path)
        elif after is ABSENT:
            insert(self.removed, path)
        elif not is_same(before, after):
            insert(self.modified, path)


def _fields(before: Any, after: Any, node: Node) -> Iterator[tuple[Element, Any, Any, Node]]:
    mine: Mapping[str, Any] = before if isinstance(before, dict) else {}
    theirs: Mapping[str, Any] = after if isinstance(after, dict) else {}
    for name in mine if mine.keys() == theirs.keys() else {**mine, **theirs}:
        here, there = mine.get(name, ABSENT), theirs.get(name, ABSENT)
        if here is not there:
            yield f"f:{name}", here, there, node.at(name)


def _items(before: Any, after: Any, node: Node) -> Iterator[tuple[Element, Any, Any, Node]]:
    rule = associative(node)
    assert rule is not None  # noqa: S101 - `_is_leaf` has told
    mine = {element_of(item, rule): item for item in before} if isinstance(before, list) else {}
    theirs = {element_of(item, rule): item for item in after} if isinstance(after, list) else {}
    for element in {**mine, **theirs}:
        yield element, mine.get(element, ABSENT), theirs.get(element, ABSENT), rule.item


def insert(tree: dict[Element, Any], path: Path) -> None:
    """Make a path a member of a set under construction."""
    for number, element in enumerate(path):
        is_last = number == len(path) - 1
        below = tree.get(element)
        if below is None:
            below = tree[element] = {}
        elif (is_last and below) or (not is_last and not below):
            below[SELF] = {}
        tree = below
