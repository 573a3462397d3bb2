"""Values to JSON and back, by their type annotations; never loses a field it knows.

A field that has its default is left out, an unknown one is passed over, so that a newer and an
older agent can read each other's memory.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from sys import intern
from typing import Any, Final, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from agent.core import values

Json: TypeAlias = Any
"""What orjson writes: dict, list, str, int, float, bool, None."""
Reader: TypeAlias = Callable[[Json], Any]

_NAMES: Final[dict[str, Any]] = {
    **vars(values),
    "Mapping": Mapping,
    "datetime": datetime,
    "timedelta": timedelta,
    "Manifest": Mapping[str, Any],
}
"""What the annotations in `agent.core.values` mean at run time."""


class CodecError(ValueError):
    """The JSON is not what the type says."""


def dump(value: Any) -> Json:
    """Return a value as JSON: NamedTuples as lists, their mappings as lists of pairs."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: dump(found)
            for field in dataclasses.fields(value)
            if not _is_default(field, found := getattr(value, field.name))
        }
    if isinstance(value, Mapping):
        return _dump_mapping(value)
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    return _dump_scalar(value)


def load(kind: Any, found: Json) -> Any:
    """Return the value of that type which the JSON stands for.

    Raises:
        CodecError: it is not one; the message names the type.
    """
    try:
        return _reader(kind)(found)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CodecError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error


def _is_default(field: dataclasses.Field[Any], found: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        # False == 0: only a value of the very same type is the default.
        return type(found) is type(field.default) and bool(found == field.default)
    if field.default_factory is not dataclasses.MISSING:
        return bool(found == field.default_factory())
    return False


def _dump_scalar(value: Any) -> Json:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return [value.days, value.seconds, value.microseconds]
    return value


def _dump_mapping(value: Mapping[Any, Any]) -> Json:
    if all(isinstance(key, str) for key in value):
        return {key: dump(item) for key, item in value.items()}
    # Sorted, for the bytes of equal values are to be equal.
    return [[list(key), dump(value[key])] for key in sorted(value)]


@cache
def _reader(kind: Any) -> Reader:
    """Return what turns JSON into a value of that type."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind))
    if origin is tuple:
        return _tuple(get_args(kind))
    if origin is Mapping:
        return _mapping(*get_args(kind))
    if dataclasses.is_dataclass(kind):
        return _record(cast("type[Any]", kind))
    if isinstance(kind, type):
        return _plain(kind)
    return _itself


def _tuple(kinds: tuple[Any, ...]) -> Reader:
    """Read `tuple[X, ...]` item by item alike, and `tuple[X, Y]` each by its own type."""
    readers = tuple(_reader(each) for each in kinds if each is not Ellipsis)
    if Ellipsis in kinds:
        return lambda found: tuple(readers[0](each) for each in found)
    return lambda found: tuple(reader(each) for reader, each in zip(readers, found, strict=True))


def _plain(kind: type[Any]) -> Reader:
    if kind is datetime:
        return datetime.fromisoformat
    if kind is timedelta:
        return lambda found: timedelta(*found)
    if issubclass(kind, Enum):
        return kind
    if issubclass(kind, tuple):  # a NamedTuple of texts
        return lambda found: kind(*(intern(_text(each)) for each in found))
    if kind in (str, int, bool, float):
        return lambda found: _exactly(kind, found)
    return _itself


def _mapping(key: Any, item: Any) -> Reader:
    read = _reader(item)
    if key is str:
        return lambda found: {_text(name): read(each) for name, each in found.items()}
    read_key = _reader(key)
    return lambda found: {read_key(name): read(each) for name, each in found}


def _record(kind: type[Any]) -> Reader:
    hints = get_type_hints(kind, localns=_NAMES)
    names = [field.name for field in dataclasses.fields(kind)]

    def read(found: Json) -> Any:
        return kind(**{name: _reader(hints[name])(found[name]) for name in names if name in found})

    return read


def _union(kinds: tuple[Any, ...]) -> Reader:
    """Try the types in order; records are told apart by their required fields."""
    choices = [_reader(kind) for kind in kinds if kind is not type(None)]
    optional = type(None) in kinds

    def read(found: Json) -> Any:
        if found is None and optional:
            return None
        problem: Exception = CodecError("null")
        for choice in choices:
            try:
                return choice(found)
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                problem = error
        raise problem

    return read


def _itself(found: Json) -> Json:
    return found


def _text(found: Json) -> str:
    return cast("str", _exactly(str, found))


def _exactly(kind: type[Any], found: Json) -> Any:
    if type(found) is not kind:
        raise CodecError(f"{found!r} is no {kind.__name__}")
    return found
