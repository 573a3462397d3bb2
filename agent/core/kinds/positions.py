"""YAML 1.2 text → nodes that know where they stand, for our own declarations.

Never decides what a value means to a declared kind; limits were checked before it is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Scalar: TypeAlias = str | int | float | bool | None
Path: TypeAlias = tuple[str | int, ...]
"""Names of fields and places in lists, from the top of a document."""

_STR: Final = "tag:yaml.org,2002:str"
# The core schema of YAML 1.2.2, 10.3.2. Dates and times of day are text in it.
_WORDS: Final[Mapping[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL: Final = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL: Final = re.compile(r"0o[0-7]{1,300}")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]{1,300}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class Spot(NamedTuple):
    """A place in a text: line and column from 1, offset of the character from 0."""

    line: int
    column: int
    offset: int


class Entry(NamedTuple):
    """One field of a mapping, with the place of its name."""

    key: Spot
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the stretch of text it stands in."""

    start: Spot
    end: Spot
    content: Scalar | dict[str, Entry] | list[Node]
    flow: bool = False
    """Written with brackets or braces."""
    alias: bool = False
    """Written as `*name`; the content stands elsewhere."""


class UnreadableError(ValueError):
    """The text is not YAML, or uses what declarations don't."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Yaml(YAML):
    """Looks for no plug-ins: each reader would search the disk for them."""

    def official_plug_ins(self) -> list[str]:
        """Name none."""
        return []


def compose(text: str) -> Iterator[Node]:
    """Yield the documents of a text, empty ones too.

    Raises:
        UnreadableError: the text is not YAML; the documents before were yielded.
    """
    reader = _Reader(_Yaml(typ="safe", pure=True).parse(text))
    try:
        yield from reader.documents()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        says = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise UnreadableError(says, *(_spot(mark)[:2] if mark else ())) from error
    except YAMLError as error:
        raise UnreadableError(str(error).partition("\n")[0]) from error


def plain(node: Node) -> Any:
    """Return the value of a node as mappings, lists and scalars."""
    content = node.content
    if isinstance(content, dict):
        return {name: plain(entry.node) for name, entry in content.items()}
    if isinstance(content, list):
        return [plain(item) for item in content]
    return content


def find(node: Node, path: Path) -> Node | None:
    """Return the node at a path, or None where there is none."""
    for part in path:
        child = _child(node, part)
        if child is None:
            return None
        node = child
    return node


def spot(node: Node, path: Path, *, name: bool = False) -> Spot:
    """Return where a path stands, or the innermost part of it that is there.

    With `name` it is the place of the last field's name instead of its value.
    """
    at = node.start
    for depth, part in enumerate(path):
        child = _child(node, part)
        if child is None:
            return at
        # A mapping is told at its own name, not at its first field.
        wants_name = name or depth < len(path) - 1 or isinstance(child.content, dict)
        at = (_key(node, part) if wants_name else None) or child.start
        node = child
    return at


def _child(node: Node, part: str | int) -> Node | None:
    content = node.content
    if isinstance(content, dict) and isinstance(part, str) and part in content:
        return content[part].node
    if isinstance(content, list) and isinstance(part, int) and part < len(content):
        return content[part]
    return None


def _key(node: Node, part: str | int) -> Spot | None:
    content = node.content
    return content[part].key if isinstance(content, dict) and isinstance(part, str) else None


def _spot(mark: Any) -> Spot:
    return Spot(mark.line + 1, mark.column + 1, mark.index)


class _Reader:
    """Builds nodes from events; recursion is bounded by the depth that was checked before."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}

    def documents(self) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                self._anchors = {}
                yield self._node(next(self._events))

    def _node(self, event: Any) -> Node:
        if isinstance(event, AliasEvent):
            there = self._anchors.get(event.anchor)
            if there is None:
                place = _spot(event.start_mark)
                says = f"the alias *{event.anchor} names nothing before it"
                raise UnreadableError(says, place.line, place.column)
            return Node(
                _spot(event.start_mark),
                _spot(event.end_mark),
                there.content,
                there.flow,
                alias=True,
            )
        node = self._written(event)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _written(self, event: Any) -> Node:
        start = _spot(event.start_mark)
        if isinstance(event, ScalarEvent):
            return Node(start, _spot(event.end_mark), _scalar(event))
        if isinstance(event, MappingStartEvent):
            fields, end = self._fields()
            return Node(start, end, fields, bool(event.flow_style))
        if isinstance(event, SequenceStartEvent):
            items, end = self._items()
            return Node(start, end, items, bool(event.flow_style))
        raise UnreadableError(f"unexpected {type(event).__name__}", start.line, start.column)

    def _fields(self) -> tuple[dict[str, Entry], Spot]:
        fields: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            place = _spot(event.start_mark)
            if not isinstance(event, ScalarEvent):
                raise UnreadableError("the name of a field must be text", place.line, place.column)
            fields[event.value] = Entry(place, self._node(next(self._events)))
        return fields, _spot(event.end_mark)

    def _items(self) -> tuple[list[Node], Spot]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event))
        return items, _spot(event.end_mark)


def _scalar(event: Any) -> Scalar:
    if event.tag not in {None, "!", _STR}:
        place = _spot(event.start_mark)
        says = f"the tag {event.tag} is not supported: remove it"
        raise UnreadableError(says, place.line, place.column)
    if event.tag or not event.implicit[0]:
        return str(event.value)
    return _core(event.value)


def _core(text: str) -> Scalar:
    """Return what an unquoted scalar means in YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
