"""When two values mean the same to the API server, by their schema; never guesses.

Numbers count by value, `true` is not 1, `80` is not `"80"`, and quantities only count as such
where the schema says so: a custom resource keeps the text it was given.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from agent.core.fields import element_of
from agent.core.schema import UNTYPED, Relation, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.core.schema import ListRule, Node

_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([eE][+-]?[0-9]{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]))?"
)
_BINARY: Final = {
    unit: 1024**power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
}
_DECIMAL: Final = {
    unit: Fraction(10) ** (3 * power)
    for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
}


@lru_cache(maxsize=4096)
def quantity(text: str) -> Fraction | None:
    """Return the number a resource quantity stands for, None where it is none.

    Grammar: apimachinery `resource.Quantity`.

    >>> quantity("0.5") == quantity("500m"), quantity("1Gi") == quantity("1024Mi")
    (True, True)
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    digits, exponent, unit = match[1], match[2] or "", match[3] or ""
    factor = _BINARY[unit] if unit in _BINARY else _DECIMAL[unit]
    return Fraction(digits + exponent) * factor


def same(one: Any, other: Any, node: Node) -> bool:
    """Whether two values are equal as a whole.

    The order of associative lists and the text of quantities make no difference.
    """
    if isinstance(one, str) and isinstance(other, str):
        return one == other or (node.scalar is Scalar.QUANTITY and _same_quantity(one, other))
    if isinstance(one, dict):
        return isinstance(other, dict) and _same_map(one, other, node)
    if isinstance(one, list):
        return isinstance(other, list) and _same_list(one, other, node.list)
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return node.scalar is Scalar.QUANTITY and _same_quantity(one, other)


def _same_quantity(one: Any, other: Any) -> bool:
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return False
    first, second = quantity(str(one)), quantity(str(other))
    return first is not None and first == second


def _same_map(one: Mapping[str, Any], other: Mapping[str, Any], node: Node) -> bool:
    return one.keys() == other.keys() and all(
        same(value, other[name], node.at(name)) for name, value in one.items()
    )


def _same_list(one: list[Any], other: list[Any], rule: ListRule | None) -> bool:
    if len(one) != len(other):
        return False
    item = rule.item if rule else UNTYPED
    if rule is not None and rule.relation is not Relation.ATOMIC:
        theirs = {element_of(each, rule): each for each in other}
        mine = {element_of(each, rule): each for each in one}
        if len(mine) == len(one):
            return mine.keys() == theirs.keys() and all(
                same(each, theirs[element], item) for element, each in mine.items()
            )
    return all(same(mine, theirs, item) for mine, theirs in zip(one, other, strict=True))


def unset(value: Any) -> bool:
    """Whether typed kinds take a value for none given, and fill in their default."""
    return value is None or value in ("", [])


def hollow(value: Any) -> bool:
    """Whether a value says nothing the server would have to keep.

    null, `""`, `{}` and `[]`, and false and 0, which typed kinds leave out (`omitempty`); also
    collections of nothing else. Absence may mean the same: only the server knows.
    """
    if isinstance(value, dict):
        return all(hollow(each) for each in value.values())
    if isinstance(value, list):
        return not value
    return not value


def covers(live: Any, desired: Any, node: Node) -> bool:
    """Whether the live value has all that is desired and, at most, fields more.

    The server fills in defaults inside atomic values too (`protocol: TCP` in a NetworkPolicy), so
    more fields may be none of anybody's doing; again only the server knows.
    """
    if isinstance(desired, dict) and isinstance(live, dict):
        return all(
            covers(live[name], value, node.at(name)) if name in live else hollow(value)
            for name, value in desired.items()
        )
    if isinstance(desired, list) and isinstance(live, list):
        item = node.list.item if node.list else UNTYPED
        return len(live) == len(desired) and all(
            covers(theirs, ours, item) for theirs, ours in zip(live, desired, strict=True)
        )
    return unset(desired) or same(live, desired, node) or (hollow(desired) and hollow(live))
