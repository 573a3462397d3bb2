"""JSON Schemas for editors, from the shapes that read declarations.

Never says what only a whole revision shows, such as which files there are.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from agent.core.kinds.documents import KINDS

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UNWANTED: Final = frozenset({"title", "default", "propertyNames", "examples", "$defs"})


def schema(kind: str) -> Schema:
    """Return the JSON Schema of one declared kind, without references."""
    return {"$schema": _DIALECT, "title": kind, **without_references(KINDS[kind].shape)}


def any_kind() -> Schema:
    """Return the schema of a file of ours, which has any one of the kinds."""
    return {
        "$schema": _DIALECT,
        "title": "Declarations of Tidegate",
        "oneOf": [{"$ref": f"{kind.lower()}.json"} for kind in KINDS],
    }


def without_references(shape: type[BaseModel]) -> Schema:
    """Return the JSON Schema of a shape with every definition in its place."""
    full = shape.model_json_schema(by_alias=True)
    found: Schema = _inlined(full, full.get("$defs", {}))
    return found


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    """Resolve references, and take an optional field for what it is when it is there."""
    if isinstance(value, list):
        return [_inlined(each, definitions) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        rest = {key: each for key, each in value.items() if key != "$ref"}
        merged: Any = _inlined({**definitions[name], **rest}, definitions)
        return merged
    if "anyOf" in value:
        some = [each for each in value["anyOf"] if each != {"type": "null"}]
        if len(some) == 1:
            rest = {key: each for key, each in value.items() if key != "anyOf"}
            return _inlined({**some[0], **rest}, definitions)
    return {
        key: _properties(each, definitions) if key == "properties" else _inlined(each, definitions)
        for key, each in value.items()
        if key not in _UNWANTED
    }


def _properties(fields: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Go on below names of fields, which may be those of keywords."""
    return {name: _inlined(each, definitions) for name, each in fields.items()}
