"""The three-way comparison of one object: Git now, Git at the last apply, and the cluster.

Never decides what happens to a difference, and never guesses: where only the server knows whether
two values differ, the path is a doubt.

Looked at are the fields Git sets or set and those we own; others' fields are not even read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agent.core.equality import covers, hollow, same, unset
from agent.core.fields import (
    SELF,
    Element,
    FieldSet,
    Path,
    element_of,
    owners,
    owns_nothing,
    printed,
    strip,
    who,
)
from agent.core.schema import Relation
from agent.core.values import ABSENT, Cause, Change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.core.fields import Owner, Tree
    from agent.core.schema import ListRule, Node
    from agent.core.values import Manifest

_PLAIN: Final = frozenset({str, int, bool, float})
_Parts: TypeAlias = "dict[Element, Any]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, and what only the server can tell."""

    changes: tuple[Change, ...] = ()
    doubts: tuple[str, ...] = ()
    """Paths where a value says nothing (null, `{}`, `""`, false, 0) and the field is absent, or
    where the live value has all that is desired inside an atomic value, and more."""

    def __bool__(self) -> bool:
        return bool(self.changes or self.doubts)


IN_SYNC: Final = Comparison()


def compare(
    desired: Manifest,
    base: Manifest | None,
    live: Manifest,
    own: FieldSet,
    node: Node,
    managed: Sequence[Mapping[str, Any]] = (),
) -> Comparison:
    """Compare one object.

    `base` is the manifest last applied, None when it is lost: then ownership tells what we had
    (a value we still own was Git's doing, any other somebody else's). `own` are the fields we
    own, `managed` the live managedFields, read only to name who made a difference.
    """
    comparing = _Comparing(base, own, node, managed)
    tree = {element: below for element, below in own.tree.items() if element != "f:status"}
    comparing.mapping(strip(desired), strip(live), tree, node, ())
    if base is not None and base != desired:
        comparing.dropped(strip(base), strip(desired), strip(live), node)
    if not comparing.changes and not comparing.doubts:
        return IN_SYNC
    return Comparison(tuple(comparing.changes), tuple(map(printed, comparing.doubts)))


class _Comparing:
    """One comparison under way: collects changes while it walks desired, live and own together."""

    def __init__(
        self,
        base: Manifest | None,
        own: FieldSet,
        node: Node,
        managed: Sequence[Mapping[str, Any]],
    ) -> None:
        self.changes: list[Change] = []
        self.doubts: list[Path] = []
        self._base = base
        self._own = own
        self._root = node
        self._managed = managed
        self._owners: tuple[Owner, ...] | None = None

    # --- walking -----------------------------------------------------------------------------

    def mapping(
        self,
        desired: Mapping[str, Any],
        live: Mapping[str, Any],
        own: Tree | None,
        node: Node,
        path: Path,
    ) -> None:
        """Walk a granular mapping; what is equal costs a look-up and a comparison."""
        for name, value in desired.items():
            found = live.get(name, ABSENT)
            kind = type(value)
            if kind is type(found) and kind in _PLAIN and value == found:
                continue
            element = f"f:{name}"
            below = own.get(element) if own else None
            self._value(value, found, below, node.at(name), (*path, element))
        for element in own or ():
            if element != SELF and element[2:] not in desired:
                found = live.get(element[2:], ABSENT)
                self._removed(found, own or {}, element, node.at(element[2:]), path)

    def _value(self, desired: Any, live: Any, own: Tree | None, node: Node, path: Path) -> None:
        if live is ABSENT:
            self._missing(desired, node, path)
        elif isinstance(desired, dict) and _granular(node, live):
            self.mapping(desired, live, own, node, path)
        elif isinstance(desired, list) and _associative(node, live) is not None:
            self._list(desired, live, own, node, path)
        elif not same(desired, live, node):
            self._differs(desired, live, node, path)

    def _list(
        self, desired: list[Any], live: list[Any], own: Tree | None, node: Node, path: Path
    ) -> None:
        """Walk an associative list: items are told apart by element, order is no difference."""
        rule = node.list
        if rule is None:
            return
        wanted, found = _by_element(desired, rule), _by_element(live, rule)
        for element, item in wanted.items():
            below = own.get(element) if own else None
            there = found.get(element, ABSENT)
            self._value(item, there, below, rule.item, (*path, element))
        for element in own or ():
            if element != SELF and element not in wanted:
                self._removed(found.get(element, ABSENT), own or {}, element, rule.item, path)

    # --- judging -----------------------------------------------------------------------------

    def _missing(self, desired: Any, node: Node, path: Path) -> None:
        """Judge a field that Git sets and the cluster does not have."""
        if owns_nothing(desired, node):
            return  # so it sets nothing either
        base = self._base_at(path)
        if hollow(desired):
            self._doubt(desired, base, node, path)
        elif self._base is None or base is ABSENT or hollow(base):
            self._change(path, Cause.GIT, ABSENT, desired)
        else:
            cause = Cause.DRIFT if same(desired, base, node) else Cause.CONFLICT
            self._change(path, cause, ABSENT, desired)

    def _differs(self, desired: Any, live: Any, node: Node, path: Path) -> None:
        """Judge a leaf that both sides have, with different values."""
        if unset(desired) or _both_empty(desired, live) or _more(live, desired, node):
            self._doubt(desired, self._base_at(path), node, path)
        else:
            self._change(path, self._cause(desired, live, node, path), live, desired)

    def _doubt(self, desired: Any, base: Any, node: Node, path: Path) -> None:
        """Note that only the server can tell, unless it has told already.

        What was applied and is still ours nobody has changed: an update by others would have taken
        the field from us. The difference is the server's own way of keeping the value.
        """
        applied = base is not ABSENT and same(desired, base, node)
        if not (applied and self._own.touches(path)):
            self.doubts.append(path)

    def _cause(self, desired: Any, live: Any, node: Node, path: Path) -> Cause:
        if self._base is None:
            return Cause.GIT if self._own.touches(path) else Cause.DRIFT
        base = self._base_at(path)
        if base is not ABSENT and same(desired, base, node):
            return Cause.DRIFT
        if base is ABSENT or base is None or base in ("", {}, []):
            # New in Git: the live value is a default, unless somebody owns it.
            return Cause.CONFLICT if self._other(path) else Cause.GIT
        return Cause.GIT if same(live, base, node) else Cause.CONFLICT

    def _removed(self, live: Any, own: Tree, element: Element, node: Node, path: Path) -> None:
        """Judge what we own and Git no longer sets: applying without it removes it."""
        path = (*path, element)
        if live is ABSENT:
            return
        below = own[element]
        other = self._other(path)
        parts = _parts(live, node)
        if other is not None and below and parts is not None:
            for inner in below:
                if inner != SELF:
                    there = parts.get(inner, ABSENT)
                    self._removed(there, below, inner, _inside(node, inner), path)
            return
        if not below and parts == {}:
            return  # `{}` was ours, and an empty mapping is all there is
        base = self._base_at(path)
        known = self._base is not None and base is not ABSENT
        changed = known and not covers(live, base, node)
        cause = Cause.CONFLICT if other is not None or changed else Cause.GIT
        self._change(path, cause, live, ABSENT)

    def dropped(self, base: Any, desired: Any, live: Any, node: Node, path: Path = ()) -> None:
        """Find what Git no longer sets, others have taken from us, and is still there."""
        parts = _parts(base, node) or {}
        wanted, found = _parts(desired, node) or {}, _parts(live, node) or {}
        for element, value in parts.items():
            here = (*path, element)
            if element not in found:
                continue
            if element in wanted:
                inner = _inside(node, element)
                self.dropped(value, wanted[element], found[element], inner, here)
            elif not self._own.touches(here) and self._other(here) is not None:
                self._change(here, Cause.CONFLICT, found[element], ABSENT)

    # --- looking up --------------------------------------------------------------------------

    def _change(self, path: Path, cause: Cause, before: Any, after: Any) -> None:
        other = self._other(path) if cause is not Cause.GIT else None
        self.changes.append(Change(printed(path), cause, before, after, str(other or "")))

    def _other(self, path: Path) -> Owner | None:
        if self._owners is None:
            self._owners = owners(self._managed)
        return who(self._owners, path)

    def _base_at(self, path: Path) -> Any:
        """Return the value of the base at a path, ABSENT where it has none."""
        value: Any = self._base if self._base is not None else ABSENT
        node = self._root
        for element in path:
            value = (_parts(value, node) or {}).get(element, ABSENT)
            if value is ABSENT:
                return ABSENT
            node = _inside(node, element)
        return value


def _granular(node: Node, live: Any) -> bool:
    return node.map is not None and not node.map.atomic and isinstance(live, dict)


def _is_associative(node: Node) -> bool:
    return node.list is not None and node.list.relation is not Relation.ATOMIC


def _associative(node: Node, live: Any) -> ListRule | None:
    return node.list if _is_associative(node) and isinstance(live, list) else None


def _parts(value: Any, node: Node) -> _Parts | None:
    """Return what a granular mapping or an associative list holds, by element; else None."""
    if isinstance(value, dict) and node.map is not None and not node.map.atomic:
        return {f"f:{name}": each for name, each in value.items()}
    if isinstance(value, list) and node.list is not None and _is_associative(node):
        return _by_element(value, node.list)
    return None


def _inside(node: Node, element: Element) -> Node:
    if element.startswith("f:"):
        return node.at(element[2:])
    return node.list.item if node.list else node


def _by_element(items: list[Any], rule: ListRule) -> _Parts:
    """Return items by element; those that can't be told apart stay together, as a list."""
    found: _Parts = {}
    twins: dict[Element, list[Any]] = {}
    for item in items:
        element = element_of(item, rule)
        if element in found:
            twins.setdefault(element, [found[element]]).append(item)
        found[element] = item
    return {**found, **twins} if twins else found


def _both_empty(desired: Any, live: Any) -> bool:
    """Whether both say nothing, and not by two different values such as 0 and false."""
    two_values = type(desired) in _PLAIN and type(live) in _PLAIN
    return hollow(desired) and hollow(live) and not two_values


def _more(live: Any, desired: Any, node: Node) -> bool:
    return isinstance(desired, dict | list) and covers(live, desired, node)
