"""Label selectors as kubectl takes them: `tier=backend,env!=dev,team in (a,b),!legacy`."""

from __future__ import annotations

import re
from typing import Final

import click

from agent.core.policies import LabelSelector, Operator, Requirement

_PARTS: Final = re.compile(r",(?![^()]*\))")
_KEY: Final = r"(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)"
_VALUE: Final = r"[A-Za-z0-9._-]*"
_EQUAL: Final = re.compile(rf"{_KEY}\s*(?P<sign>==?|!=)\s*(?P<value>{_VALUE})")
_AMONG: Final = re.compile(rf"{_KEY}\s+(?P<sign>in|notin)\s+\((?P<values>[^()]*)\)")
_EXISTS: Final = re.compile(rf"(?P<sign>!?)\s*{_KEY}")


def selector(text: str) -> LabelSelector | None:
    """Read a selector; None for an empty text.

    Raises:
        UsageError: it is none.
    """
    parts = [part.strip() for part in _PARTS.split(text)]
    if not text.strip():
        return None
    labels, requirements = [], []
    for part in parts:
        found = _requirement(part)
        if found.operator is Operator.IN and len(found.values) == 1:
            labels.append((found.key, found.values[0]))
        else:
            requirements.append(found)
    return LabelSelector(tuple(labels), tuple(requirements))


def _requirement(part: str) -> Requirement:
    if found := _EQUAL.fullmatch(part):
        operator = Operator.NOT_IN if found["sign"] == "!=" else Operator.IN
        return Requirement(found["key"], operator, (found["value"],))
    if found := _AMONG.fullmatch(part):
        operator = Operator.IN if found["sign"] == "in" else Operator.NOT_IN
        values = tuple(value.strip() for value in found["values"].split(","))
        return Requirement(found["key"], operator, values)
    if found := _EXISTS.fullmatch(part):
        operator = Operator.DOES_NOT_EXIST if found["sign"] else Operator.EXISTS
        return Requirement(found["key"], operator)
    raise click.UsageError(
        f"-l: {part!r} is no selector: write tier=backend, env!=dev, 'team in (a,b)' or !legacy"
    )
