"""Facts → a file that replays offline to the same decision, and back; no value of a Secret in it.

Never writes what can be guessed: values of Secrets, and digests made of them, become tokens under
a key that stays where the file was made. Equal values get equal tokens, so what was equal in Git,
at the last apply and in the cluster still is.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import orjson

from agent.core import contest, encode, policies, schema, values
from agent.core.errors import AgentError
from agent.core.hiding import without_secrets
from agent.core.schema import ListRule, MapRule, Node
from agent.core.values import Facts
from agent.core.windows import schedule

SCHEMA: Final = "tidegate.facts/v1"
_TAG: Final = "is"
_TAGGED: Final = frozenset(
    {
        *("Complete", "Unknown"),
        *("Accepted", "Rejected", "Found", "NotThere"),
        *("PathSource", "ChartSource"),
        *("Span", "Cron", "Rule"),
    }
)
"""Members of unions: the file says which one it is."""
_NAMED_NODES: Final = {
    name: getattr(schema, name) for name in ("PLAIN", "QUANTITY", "UNTYPED", "DEDUCED")
}
_MODULES: Final = {each.__name__: vars(each) for each in (values, policies, schedule, contest)}
_NAMES: Final[dict[str, Any]] = {
    **{name: each for names in _MODULES.values() for name, each in names.items()},
    "Mapping": Mapping,
    "Node": Node,
    "date": date,
    "datetime": datetime,
    "timedelta": timedelta,
    "Manifest": Mapping[str, Any],
}
"""What annotations mean at run time; a module's own names come first."""


class RecordError(AgentError):
    """The file is no record of a pass."""


def dump(facts: Facts, key: bytes) -> bytes:
    """Return a pass's facts as JSON; `key` makes the tokens, and is not in it.

    Raises:
        EncodeError: a value that JSON can't carry.
    """
    hidden = without_secrets(facts, key)
    nodes = _Nodes()
    written = {"schema": SCHEMA, "facts": _write(hidden, nodes)}
    found = {**written, "nodes": nodes.table()}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def load(data: bytes) -> Facts:
    """Return the facts of a file.

    Raises:
        RecordError: it is none, or one of another version.
    """
    try:
        found = orjson.loads(data)
        if found["schema"] != SCHEMA:
            raise RecordError(f"a record of {found['schema']}: this Tidegate reads {SCHEMA}")
        return cast("Facts", _Loading(found["nodes"]).read(Facts, found["facts"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"not a record of a pass ({SCHEMA}): {error!r}") from error


# --- writing -----------------------------------------------------------------------------------


class _Nodes:
    """Schemas by number: they may contain themselves."""

    def __init__(self) -> None:
        self._names = {id(node): name for name, node in _NAMED_NODES.items()}
        self._numbers: dict[int, int] = {}
        self._nodes: list[Node] = []

    def name(self, node: Node) -> str | int:
        """Return what stands for a node."""
        if id(node) in self._names:
            return self._names[id(node)]
        if id(node) not in self._numbers:
            self._numbers[id(node)] = len(self._nodes)
            self._nodes.append(node)
        return self._numbers[id(node)]

    def table(self) -> list[Any]:
        """Return all nodes that were named, and those in them, by number."""
        written = []
        for node in self._nodes:  # grows meanwhile
            parts = {"scalar": node.scalar, "list": node.list, "map": node.map}
            written.append({n: _write(part, self) for n, part in parts.items() if part})
        return written


def _write(value: Any, nodes: _Nodes) -> Any:
    if isinstance(value, Node):
        return nodes.name(value)
    if isinstance(value, Mapping):
        return _write_mapping(value, nodes)
    if is_dataclass(value) and not isinstance(value, type):
        return _write_record(value, nodes)
    if isinstance(value, frozenset):
        return sorted((_write(each, nodes) for each in value), key=str)
    if isinstance(value, list | tuple):
        return [_write(each, nodes) for each in value]
    return _write_scalar(value)


def _write_scalar(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return [value.days, value.seconds, value.microseconds]
        case bytes():
            return encode.unpack(value)
        case _:
            return value


def _write_mapping(value: Mapping[Any, Any], nodes: _Nodes) -> Any:
    if all(isinstance(key, str) for key in value):
        return {str(key): _write(each, nodes) for key, each in value.items()}
    return [[list(key), _write(value[key], nodes)] for key in sorted(value)]


def _write_record(value: Any, nodes: _Nodes) -> dict[str, Any]:
    name = type(value).__name__
    tag = {_TAG: name} if name in _TAGGED else {}
    return tag | {
        field.name: _write(found, nodes)
        for field in fields(value)
        if not _is_default(field, found := getattr(value, field.name))
    }


def _is_default(field: Any, found: Any) -> bool:
    if field.default is not MISSING:
        return type(found) is type(field.default) and bool(found == field.default)
    return field.default_factory is not MISSING and bool(found == field.default_factory())


# --- reading -----------------------------------------------------------------------------------


class _Loading:
    """One file being read: its schemas are made first, empty, and filled in afterwards."""

    def __init__(self, table: list[Any]) -> None:
        self._nodes = [Node() for _ in table]
        for node, written in zip(self._nodes, table, strict=True):
            made = Node(
                self.read(schema.Scalar | None, written.get("scalar")),
                self.read(ListRule | None, written.get("list")),
                self.read(MapRule | None, written.get("map")),
            )
            for name in ("scalar", "list", "map"):
                object.__setattr__(node, name, getattr(made, name))

    def read(self, kind: Any, found: Any) -> Any:
        """Return the value of a type that the JSON stands for."""
        if kind is Node:
            return _NAMED_NODES[found] if isinstance(found, str) else self._nodes[found]
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return self._of_union(arguments, found)
        if origin in (tuple, frozenset):
            return self._of_sequence(origin, arguments, found)
        if origin is Mapping:
            return self._of_mapping(arguments, found)
        if is_dataclass(kind):
            return self._of_record(cast("type[Any]", kind), found)
        return _read_scalar(kind, found)

    def _of_union(self, kinds: tuple[Any, ...], found: Any) -> Any:
        if found is None:
            return None
        choices = [kind for kind in kinds if kind is not types.NoneType]
        if len(choices) > 1:
            choices = [kind for kind in choices if kind.__name__ == found[_TAG]]
        return self.read(choices[0], found)

    def _of_sequence(self, origin: Any, arguments: tuple[Any, ...], found: Any) -> Any:
        if origin is tuple and arguments[-1] is not Ellipsis:
            pairs = zip(arguments, found, strict=True)
            return tuple(self.read(kind, each) for kind, each in pairs)
        return origin(self.read(arguments[0], each) for each in found)

    def _of_mapping(self, arguments: tuple[Any, ...], found: Any) -> Any:
        key, item = arguments
        if key is str:
            return {name: self.read(item, each) for name, each in found.items()}
        pairs = found.items() if isinstance(found, dict) else found
        return {self.read(key, name): self.read(item, each) for name, each in pairs}

    def _of_record(self, kind: type[Any], found: Any) -> Any:
        hints = _hints(cast("Any", kind))
        known = {name: each for name, each in found.items() if name in hints}
        return kind(**{name: self.read(hints[name], each) for name, each in known.items()})


def _read_scalar(kind: Any, found: Any) -> Any:
    if kind is bytes:
        return encode.pack(found)
    if kind in (datetime, date):
        return kind.fromisoformat(found)
    if kind is timedelta:
        return timedelta(*found)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(found)
    if isinstance(kind, type) and issubclass(kind, tuple):  # a NamedTuple of texts
        return kind(*found)
    return found


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind, localns={**_NAMES, **_MODULES.get(kind.__module__, {})})
