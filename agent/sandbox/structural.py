"""Custom resources under their structural schema: pruning, defaults, validation.

Never evaluates CEL rules: definitions that have some are refused.

Rules: `pruning`, `defaulting` and `validation` of apiextensions-apiserver.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.sandbox.refusals import Cause, invalid, required, unsupported
from agent.sandbox.shapes import type_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_ENVELOPE: Final = frozenset({"apiVersion", "kind", "metadata"})


def pruned(value: Any, schema: Mapping[str, Any], dropped: list[str], path: str = "") -> Any:
    """Return a copy without the fields a schema does not know; their paths go into `dropped`."""
    if isinstance(value, list):
        item = schema.get("items") or {}
        keep = not item and schema.get(_PRESERVE)
        return [
            _copy(each) if keep else pruned(each, item, dropped, f"{path}[{number}]")
            for number, each in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    other = schema.get("additionalProperties")
    known = _ENVELOPE if not path or schema.get(_EMBEDDED) else frozenset()
    found = {}
    for name, each in value.items():
        at = f"{path}.{name}" if path else name
        if name in known:
            found[name] = _copy(each)
        elif name in properties:
            found[name] = pruned(each, properties[name], dropped, at)
        elif isinstance(other, dict):
            found[name] = pruned(each, other, dropped, at)
        elif other or schema.get(_PRESERVE):
            found[name] = _copy(each)
        else:
            dropped.append(at)
    return found


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else value


def fill(value: Any, schema: Mapping[str, Any]) -> None:
    """Set defaults in place; a null that may not be one is taken away before."""
    if isinstance(value, list):
        for each in value:
            fill(each, schema.get("items") or {})
        return
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    for name, below in properties.items():
        if value.get(name, 0) is None and not below.get("nullable"):
            del value[name]
        if name not in value and "default" in below:
            value[name] = _copy(below["default"])
    other = schema.get("additionalProperties")
    for name, each in value.items():
        below = properties.get(name) or (other if isinstance(other, dict) else None)
        if below:
            fill(each, below)


# --- validation ----------------------------------------------------------------------------------


def causes(value: Any, schema: Mapping[str, Any]) -> list[Cause]:
    """List what is wrong with an object: types and bounds first, then enums, as the server does."""
    found = list(_causes(value, schema, ""))
    return [
        *(each for each in found if each.reason != "FieldValueNotSupported"),
        *(each for each in found if each.reason == "FieldValueNotSupported"),
    ]


def _causes(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if value is None and (schema.get("nullable") or not schema.get("type")):
        return
    wrong = _type_cause(value, schema, path)
    if wrong is not None:
        yield wrong
        return
    if isinstance(value, dict):
        yield from _object_causes(value, schema, path)
    elif isinstance(value, list):
        yield from _list_causes(value, schema, path)
    elif isinstance(value, str):
        yield from _text_causes(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_causes(value, schema, path)
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        yield unsupported(path, value, allowed)
    yield from _combined(value, schema, path)


def _type_cause(value: Any, schema: Mapping[str, Any], path: str) -> Cause | None:
    wanted = schema.get("type", "")
    got = type_name(value)
    if schema.get("x-kubernetes-int-or-string"):
        wanted, fits = "integer,string", got in ("integer", "string")
    else:
        fits = not wanted or got == wanted or (wanted == "number" and got == "integer")
        fits = fits or (wanted == "integer" and isinstance(value, float) and value.is_integer())
    if fits:
        return None
    says = f'Invalid value: "{got}": {path or "<nil>"} in body must be of type {wanted}: "{got}"'
    return Cause("FieldValueTypeInvalid", path or "<nil>", says)


def _object_causes(
    value: Mapping[str, Any], schema: Mapping[str, Any], path: str
) -> Iterator[Cause]:
    for name in schema.get("required") or ():
        if name not in value:
            yield required(_join(path, name))
    yield from _count(len(value), "Properties", "properties", schema, path)
    properties = schema.get("properties") or {}
    other = schema.get("additionalProperties")
    for name in sorted(value):
        if not path and name in _ENVELOPE:
            continue
        below = properties.get(name) or (other if isinstance(other, dict) else None)
        if below:
            yield from _causes(value[name], below, _join(path, name))


def _list_causes(value: list[Any], schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    yield from _count(len(value), "Items", "items", schema, path)
    item = schema.get("items") or {}
    for number, each in enumerate(value):
        yield from _causes(each, item, f"{path}[{number}]")
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", ())
    if kind not in ("set", "map"):
        return
    seen: set[bytes] = set()
    for number, each in enumerate(value):
        told = {key: each.get(key) for key in keys} if keys and isinstance(each, dict) else each
        printed = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        if printed in seen:
            says = f"Duplicate value: {printed.decode()}"
            yield Cause("FieldValueDuplicate", f"{path}[{number}]", says)
        seen.add(printed)


def _count(
    size: int, suffix: str, word: str, schema: Mapping[str, Any], path: str
) -> Iterator[Cause]:
    most, fewest = schema.get(f"max{suffix}"), schema.get(f"min{suffix}")
    if most is not None and size > most:
        says = f"Too many: {size}: must have at most {most} {word}"
        yield Cause("FieldValueTooMany", path, says)
    if fewest is not None and size < fewest:
        says = f"Invalid value: {size}: {path} in body should have at least {fewest} {word}"
        yield Cause("FieldValueInvalid", path, says)


def _text_causes(value: str, schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        says = f"Too long: may not be more than {longest} bytes"
        yield Cause("FieldValueTooLong", path, says)
    elif shortest is not None and len(value) < shortest:
        yield invalid(path, value, f"{path} in body should be at least {shortest} chars long")
    elif schema.get("pattern") and not re.search(schema["pattern"], value):
        yield invalid(path, value, f"{path} in body should match '{schema['pattern']}'")


def _number_causes(value: float, schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield invalid(path, value, f"{path} in body should be {word} {most}")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield invalid(path, value, f"{path} in body should be {word} {least}")
    multiple = schema.get("multipleOf")
    if multiple and value % multiple:
        yield invalid(path, value, f"{path} in body should be a multiple of {multiple}")


def _combined(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for each in schema.get("allOf") or ():
        yield from _causes(value, each, path)
    any_of, one_of, never = schema.get("anyOf"), schema.get("oneOf"), schema.get("not")
    if any_of and not schema.get("x-kubernetes-int-or-string"):
        tries = [list(_causes(value, each, path)) for each in any_of]
        if all(tries):
            yield from min(tries, key=len)
            yield invalid(
                path, _shown(value), f'"{path}" must validate at least one schema (anyOf)'
            )
    if one_of and sum(not list(_causes(value, each, path)) for each in one_of) != 1:
        yield invalid(
            path, _shown(value), f'"{path}" must validate one and only one schema (oneOf)'
        )
    if never and not list(_causes(value, never, path)):
        yield invalid(path, _shown(value), f'"{path}" must not validate the schema (not)')


def _shown(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else type_name(value)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
