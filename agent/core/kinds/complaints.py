"""What pydantic found wrong → sentences that name the value and what to write instead.

Never leaves a finding out; one it has no words for keeps pydantic's.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from agent.core.kinds.shape import Fault, hint, later, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import ValidationError

    from agent.core.kinds.positions import Path
    from agent.core.kinds.shape import Shape

_OF_KEY = "[key]"
"""How pydantic says that it is the key of a mapping that it means."""
_TYPES = {
    "string_type": ("text", "quote it"),
    "bool_type": ("true or false", "write true or false, unquoted"),
    "int_type": ("a whole number", "write a whole number, unquoted"),
    "tuple_type": ("a list", "write [ ] or one item per line with a dash"),
    "list_type": ("a list", "write [ ] or one item per line with a dash"),
    "dict_type": ("a mapping", "write fields and values"),
    "model_type": ("a mapping", "write fields and values"),
    "is_instance_of": ("a mapping", "write fields and values"),
}
"""pydantic's type of error → what the value is not, and what to do."""


def faults(
    error: ValidationError, model: type[Shape], features: Mapping[Path, str]
) -> Iterator[Fault]:
    """Yield one fault for each finding.

    Args:
        error: what validating one document gave.
        model: the shape of its kind.
        features: fields of later versions (lists left out of the path) → what they come with.
    """
    for found in error.errors(include_url=False):
        path = tuple(part for part in found["loc"] if part != _OF_KEY)
        # An item with problems of its own is not counted, so a list may be called empty falsely.
        if found["type"] == "too_short" and found["input"]:
            continue
        of_name = found["type"] == "extra_forbidden" or _OF_KEY in found["loc"]
        yield Fault(path, _sentence(found, path, model, features), of_name)


def dotted(path: Path) -> str:
    """Write a path for people: `spec.match[0].packages`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _sentence(found: Any, path: Path, model: type[Shape], features: Mapping[Path, str]) -> str:
    where, value, says = dotted(path), found["input"], found["msg"]
    match found["type"]:
        case "missing":
            text = f"{where} is missing"
        case "extra_forbidden":
            text = _unknown_field(path, model, features)
        case "enum" | "literal_error":
            text = _not_allowed(where, value, found["ctx"]["expected"])
        case "too_short":
            text = f"{where} is empty: write at least one item"
        case "greater_than_equal" | "less_than_equal":
            text = f"{where}: {shown(value)} is out of range: {says.lower()}"
        case wrong if wrong in _TYPES:
            what, write = _TYPES[wrong]
            text = f"{where}: {shown(value)} is not {what}: {write}"
        case _:
            text = f"{where}: {says}"
    return text


def _unknown_field(path: Path, model: type[Shape], features: Mapping[Path, str]) -> str:
    name = str(path[-1])
    fields = tuple(part for part in path if not isinstance(part, int))
    feature = features.get(fields)
    if feature:
        return later(dotted(path), feature)
    known = sorted(_fields_at(model, path[:-1]))
    meant = nearest(name, known)
    advice = f"did you mean `{meant}`?" if meant else f"write one of {', '.join(known)}"
    return f"unknown field `{name}` in {dotted(path[:-1]) or 'the document'}: {advice}"


def _not_allowed(where: str, value: Any, expected: str) -> str:
    """Say which values there are; pydantic lists them as `'A', 'B' or 'C'`."""
    allowed = expected.replace("'", "")
    meant = hint(value, allowed.replace(" or ", ", ").split(", ")) if isinstance(value, str) else ""
    return f"{where}: {shown(value)} is not a value of this field: write {allowed}{meant}"


def _fields_at(model: type[BaseModel], path: Path) -> set[str]:
    """Return the names of the fields of the shape at a path."""
    for part in path:
        if isinstance(part, int):
            continue
        field = next(f for n, f in model.model_fields.items() if part in {f.alias, n})
        inner = next(_shapes(field.annotation), None)
        if inner is None:
            return set()
        model = inner
    return {field.alias or name for name, field in model.model_fields.items()}


def _shapes(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the shapes inside a type such as `tuple[Match, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _shapes(argument)
