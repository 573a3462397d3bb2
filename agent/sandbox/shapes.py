"""What fields an object may have, of which types; reads and rewrites objects as Go's JSON does.

Never judges meaning: whether a name is well formed or a field may change is said elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.sandbox.quantities import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCALARS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
_SET: Final = ("",)
"""The keys of a set of scalars: the item itself."""
_ZEROS: Final[Mapping[str, Any]] = {
    "boolean": False,
    "integer": 0,
    "intstr": 0,
    "number": 0,
    "quantity": "0",
    "string": "",
}
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_ANYTHING: Final = frozenset(
    {
        "io.k8s.apimachinery.pkg.runtime.RawExtension",
        "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
    }
)
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"


@dataclass(slots=True, eq=False)
class Shape:
    """The type of a value; may contain itself."""

    type: str = "any"
    """`object`, `array`, `string`, `boolean`, `integer`, `number`, `quantity`, `intstr`, `any`."""
    fields: dict[str, Shape] = field(default_factory=dict, repr=False)
    empty: dict[str, str] = field(default_factory=dict, repr=False)
    """Of fields: what happens to an empty one, as `x-empty` in builtin.json says."""
    always: tuple[tuple[str, Shape, str], ...] = ()
    """The fields that are written even when nothing is set."""
    other: Shape | None = field(default=None, repr=False)
    """Of keys that are no fields; None: there are no such keys."""
    item: Shape | None = field(default=None, repr=False)
    keys: tuple[str, ...] = ()
    """Of a list: what tells its items apart; `_SET` for a set of scalars."""
    defaults: dict[str, Any] = field(default_factory=dict, repr=False)


ANY: Final = Shape()


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not fit, and where."""

    path: str
    """`.spec.replicas`."""
    says: str
    """As structured-merge-diff says it."""
    is_unknown: bool = False


class Shapes:
    """Compiles schemas, each named one once."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._made: dict[str, Shape] = {}

    def named(self, name: str) -> Shape:
        """Give the shape of a named schema."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = Shape()
            self._fill(found, self._schemas.get(name, {}), name)
        return found

    def inline(self, schema: Mapping[str, Any]) -> Shape:
        """Give the shape of a schema that has no name."""
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            parts = schema.get("allOf") or ()
            reference = next(iter(parts)).get("$ref") if len(parts) == 1 else None
        if reference:
            return self.named(reference.rpartition("/")[2])
        shape = Shape()
        self._fill(shape, schema)
        return shape

    def _fill(self, shape: Shape, schema: Mapping[str, Any], name: str = "") -> None:
        if name in _ANYTHING:
            return
        kind = schema.get("type", "any")
        if name == _QUANTITY:
            kind = "quantity"
        elif name == _INT_OR_STRING or schema.get("x-kubernetes-int-or-string"):
            kind = "intstr"
        shape.type = kind
        if kind == "object":
            self._fill_object(shape, schema)
        elif kind == "array":
            shape.item = self.inline(schema.get("items") or {})
            shape.keys = _keys(schema)

    def _fill_object(self, shape: Shape, schema: Mapping[str, Any]) -> None:
        properties = schema.get("properties") or {}
        for name, each in properties.items():
            shape.fields[name] = self.inline(each)
            rule = each.get("x-empty")
            if rule:
                shape.empty[name] = rule
            if each.get("default") not in (None, {}):
                shape.defaults[name] = each["default"]
        shape.always = tuple(
            (name, shape.fields[name], rule) for name, rule in shape.empty.items() if rule != "drop"
        )
        other = schema.get("additionalProperties")
        if isinstance(other, dict):
            shape.other = self.inline(other)
        elif other or not properties or schema.get("x-kubernetes-preserve-unknown-fields"):
            shape.other = ANY


def _keys(schema: Mapping[str, Any]) -> tuple[str, ...]:
    match schema.get("x-kubernetes-list-type"):
        case "map":
            return tuple(schema.get("x-kubernetes-list-map-keys", ()))
        case "set":
            return _SET
        case None if "merge" in schema.get("x-kubernetes-patch-strategy", ""):
            return (schema.get("x-kubernetes-patch-merge-key", ""),)
    return ()


# --- as Go reads and writes it -------------------------------------------------------------------


def rewritten(value: Any, shape: Shape, faults: list[Fault], path: str = "") -> Any:
    """Return a copy as the server's types hold it: no unknown fields, empty ones by Go's rules."""
    kind = shape.type
    if kind == "object":
        if isinstance(value, dict):
            return _rewritten_object(value, shape, faults, path)
        return _misfit(value, "map", faults, path)
    if kind == "array":
        item = shape.item or ANY
        if isinstance(value, list):
            return [
                _zero(item) if each is None else rewritten(each, item, faults, f"{path}[{number}]")
                for number, each in enumerate(value)
            ]
        return _misfit(value, "list", faults, path)
    return _rewritten_scalar(value, kind, faults, path)


def _rewritten_object(
    value: dict[str, Any], shape: Shape, faults: list[Fault], path: str
) -> dict[str, Any]:
    fields, empty, other = shape.fields, shape.empty, shape.other
    found: dict[str, Any] = {}
    for name, each in value.items():
        below = fields.get(name) or other
        if below is None:
            faults.append(Fault(f"{path}.{name}", "field not declared in schema", is_unknown=True))
        elif each is None:
            if name not in fields and below.type != "any":
                found[name] = _zero(below)
        else:
            kept = rewritten(each, below, faults, f"{path}.{name}")
            if kept or kept is True or empty.get(name) != "drop":
                found[name] = kept
    for name, below, rule in shape.always:
        if name not in found:
            found[name] = _filled(below, rule, faults)
    return found


def _filled(shape: Shape, rule: str, faults: list[Fault]) -> Any:
    if rule == "null":
        return None
    if rule == "fill" and shape.type == "object":
        return _rewritten_object({}, shape, faults, "")
    return _zero(shape)


def _rewritten_scalar(value: Any, kind: str, faults: list[Fault], path: str) -> Any:
    if kind == "any":
        return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else value
    if _fits(value, kind):
        return value
    if kind == "quantity" and isinstance(value, str | int | float):
        text = canonical(str(value))
        if text is not None:
            return text
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return _misfit(value, kind, faults, path)


def _fits(value: Any, kind: str) -> bool:
    if kind == "intstr":
        return isinstance(value, str | int) and not isinstance(value, bool)
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _SCALARS.get(kind, ()))


def _misfit(value: Any, kind: str, faults: list[Fault], path: str) -> Any:
    wanted = {"integer": "numeric (int or float)", "number": "numeric (int or float)"}
    says = f"expected {wanted.get(kind, kind)}, got {_got(value, kind)}"
    faults.append(Fault(path, says))
    return value


def _got(value: Any, wanted: str) -> str:
    """Name a value as structured-merge-diff does: collections print it, scalars its type."""
    if wanted in ("map", "list"):
        return f"&{{{orjson.dumps(value).decode() if not isinstance(value, str) else value}}}"
    return type_name(value)


def type_name(value: Any) -> str:
    """Name the JSON type of a value."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "null" if value is None else "object")


def _zero(shape: Shape) -> Any:
    return _ZEROS.get(shape.type)


# --- as structured-merge-diff reads it -----------------------------------------------------------


def faults_of(value: Any, shape: Shape, path: str = "") -> Iterator[Fault]:
    """Yield what keeps a body from being a typed patch; null fits everywhere."""
    kind = shape.type
    if value is None or kind == "any":
        return
    if kind == "object":
        if not isinstance(value, dict):
            yield Fault(path, f"expected map, got {_got(value, 'map')}")
            return
        for name, each in value.items():
            below = shape.fields.get(name) or shape.other
            if below is None:
                yield Fault(f"{path}.{name}", "field not declared in schema", is_unknown=True)
            elif each is not None:
                yield from faults_of(each, below, f"{path}.{name}")
    elif kind == "array":
        yield from _faults_of_list(value, shape, path)
    else:
        faults: list[Fault] = []
        _rewritten_scalar(value, "any" if kind == "quantity" else kind, faults, path)
        yield from faults


def _faults_of_list(value: Any, shape: Shape, path: str) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield Fault(path, f"expected list, got {_got(value, 'list')}")
        return
    item = shape.item or ANY
    seen: set[str] = set()
    for number, each in enumerate(value):
        at = f"[{number}]"
        if shape.keys and isinstance(each, dict):
            defaults = item.defaults
            pairs = [(key, each.get(key, defaults.get(key))) for key in shape.keys]
            if any(found is None for _, found in pairs):
                missing = next(key for key, found in pairs if found is None)
                says = f'associative list with keys has an element that omits key field "{missing}"'
                yield Fault(f"{path}: element {number}", f"{says} (and doesn't have default value)")
                continue
            at = "[" + ",".join(f"{key}={orjson.dumps(one).decode()}" for key, one in pairs) + "]"
        elif shape.keys == _SET:
            at = f"[={orjson.dumps(each).decode()}]"
        if shape.keys and at in seen:
            yield Fault(f"{path}", f"duplicate entries for key {at}")
        seen.add(at)
        yield from faults_of(each, item, f"{path}{at}")
