"""YAML events → documents, counted against a budget while they are put together.

Never recurses and never builds what it has not counted, whatever the text says.

libyaml's *events* are composed here, because every composer at hand can be killed: 60 KB of
brackets overflow a C stack, 384 bytes of aliases become 448 MB, and duplicate keys pass in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import yaml

from agent.core import scalars
from agent.core.values import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Events(Protocol):
        """What is needed of a parser: the next event, None behind the last."""

        def get_event(self) -> yaml.Event | None:
            """Return it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one file may cost."""

    bytes: int = 16 * 2**20
    """Of the file, and of all text that its aliases repeat."""
    depth: int = 100
    nodes: int = 2_000_000
    """Scalars, mappings and sequences, with aliases expanded."""
    aliases: int = 10_000
    documents: int = 20_000


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document, or one object of a List."""

    value: Any
    line: int
    """Of its first key, from 1."""
    path: str


class OverBudgetError(Exception):
    """The file costs more than it may; place counted from 0."""

    def __init__(self, message: str, mark: Any) -> None:
        super().__init__(message)
        self.line: int = mark.line
        self.column: int = mark.column


MOST_PROBLEMS: Final = 100
"""A file has no more to say after so many."""


class _Key:
    """What stands where a mapping has no usable key."""


_NO_KEY: Final = _Key()
_BAD_KEY: Final = _Key()
_MERGE: Final = _Key()
_SHARED: Final = 64
"""Characters of a text of which there is one copy: a thousand manifests say `metadata`."""
_UNSEEN: Final = object()
_NOT_A_KEY: Final = "a mapping or a list can't be a key (a template that was not rendered?)"
_NOT_MERGEABLE: Final = "`<<` merges a mapping or a list of mappings, nothing else"

_Node: TypeAlias = Any
"""An event of libyaml; the stubs of PyYAML say of every mark that it may be missing."""


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    value: Any
    anchor: str | None = None
    key: str | _Key | None = None
    """For a mapping: the key that waits for its value; None in a sequence."""
    lines: dict[str, int] = field(default_factory=dict)
    """Of the keys written in this mapping; merged ones may be written again."""
    nodes: int = 0
    text: int = 0
    start: int = 0
    """Counters and place when it was opened: what has come since is what an alias to it costs."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A node that aliases may repeat; `open` is set until it is complete."""

    open: _Frame | None = None
    value: Any = None
    raw: Any = _NO_KEY
    nodes: int = 1
    text: int = 0


class Composer:
    """Puts the documents of one file together; the stack is a list, so depth costs no recursion."""

    def __init__(self, path: str, budget: Budget) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self._path = path
        self._budget = budget
        self._offset = 0
        self._line = 0
        self._seen = self._nodes = self._text = self._aliases = 0
        self._anchors: dict[str, _Anchor] = {}
        self._stack: list[_Frame] = []
        self._values: dict[str, Any] = {}
        self._keys: dict[str, str] = {}

    def report(self, line: int, column: int, message: str) -> None:
        """Note a problem at a place counted from 0, as libyaml's marks do."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self._path, self._offset + line + 1, column + 1, message))

    def consume(self, parser: Events, offset: int) -> None:
        """Take all events of a parser whose text starts `offset` lines into the file.

        Raises:
            yaml.YAMLError: the text is not YAML.
            OverBudgetError: the budget is spent.
        """
        self._offset = offset
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._open_document,
            yaml.DocumentEndEvent: self._close_document,
        }
        following = parser.get_event
        while (event := following()) is not None:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    # --- documents ---------------------------------------------------------------------------

    def _open_document(self, event: _Node) -> None:
        self._seen += 1
        if self._seen > self._budget.documents:
            raise OverBudgetError(
                f"more than {self._budget.documents} documents in one file", event.start_mark
            )
        self._anchors = {}
        self._stack = [_Frame([])]
        self._line = event.start_mark.line

    def _close_document(self, _: _Node) -> None:
        value = self._stack.pop().value[0]
        if value is not None:
            self.documents.append(Document(value, self._offset + self._line + 1, self._path))

    # --- collections -------------------------------------------------------------------------

    def _mapping(self, event: _Node) -> None:
        self._open(event, _Frame({}, event.anchor, _NO_KEY))

    def _sequence(self, event: _Node) -> None:
        self._open(event, _Frame([], event.anchor))

    def _open(self, event: _Node, frame: _Frame) -> None:
        depth = len(self._stack)
        if depth == 1:
            self._line = event.start_mark.line
        if depth > self._budget.depth:
            limit = f"nested more than {self._budget.depth} levels deep"
            raise OverBudgetError(limit, event.start_mark)
        frame.nodes, frame.text, frame.start = self._nodes, self._text, event.start_mark.index
        self._spend(1, 0, event)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchor(open=frame)
        self._stack.append(frame)

    def _close(self, event: _Node) -> None:
        frame = self._stack.pop()
        # An anchor of the same name further inside has taken the name over.
        if frame.anchor is not None and self._anchors[frame.anchor].open is frame:
            nodes = self._nodes - frame.nodes
            text = self._text - frame.text + event.end_mark.index - frame.start
            self._anchors[frame.anchor] = _Anchor(None, frame.value, _NO_KEY, nodes, text)
        self._put(frame.value, _NO_KEY, event)

    # --- scalars and aliases -----------------------------------------------------------------

    def _scalar(self, event: _Node) -> None:
        text = event.value
        self._nodes += 1
        if self._nodes > self._budget.nodes:
            self._refuse(event)
        frame = self._stack[-1]
        simple = event.anchor is None and event.tag is None and event.implicit[0]
        if frame.key is _NO_KEY:
            if text == "<<" and (event.implicit[0] or event.tag == scalars.MERGE):
                frame.key = _MERGE
            elif simple and (key := self._keys.get(text)) is not None:
                self._begin_entry(frame, key, event)
            else:
                self._fresh_scalar(event, text)
            return
        value = self._values.get(text, _UNSEEN) if simple else _UNSEEN
        if value is _UNSEEN:
            self._fresh_scalar(event, text)
        elif type(frame.key) is str:
            frame.value[frame.key] = value
            frame.key = _NO_KEY
        else:
            self._put(value, _NO_KEY, event)

    def _fresh_scalar(self, event: _Node, text: str) -> None:
        """Type a scalar that was not met before, or that has a tag, quotes or an anchor."""
        frame = self._stack[-1]
        if len(text) <= _SHARED:
            text = intern(text)
        raw = self._typed(event, text)
        is_key, simple = frame.key is _NO_KEY, event.tag is None and event.implicit[0]
        try:
            value = None if is_key and event.anchor is None else scalars.value(raw)
        except scalars.ScalarError as error:
            self._wrong(event, str(error))
            value = None
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(None, value, raw, 1, len(text))
        if simple and not is_key:
            self._values[text] = value
        self._put(value, raw, event)
        if simple and is_key and isinstance(frame.key, str):
            self._keys[text] = frame.key

    def _typed(self, event: _Node, text: str) -> scalars.Scalar:
        if event.tag is None:
            return scalars.plain(text) if event.implicit[0] else text
        try:
            return scalars.tagged(event.tag, text)
        except scalars.ScalarError as error:
            self._wrong(event, str(error))
            return text

    def _alias(self, event: _Node) -> None:
        self._aliases += 1
        if self._aliases > self._budget.aliases:
            raise OverBudgetError(f"more than {self._budget.aliases} aliases", event.start_mark)
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            self._wrong(event, f"there is no anchor `&{event.anchor}` before this alias")
            anchor = _Anchor(raw="")
        elif anchor.open is not None:
            self._wrong(event, f"the anchor `&{event.anchor}` contains itself")
            anchor = _Anchor(raw="")
        self._spend(anchor.nodes, anchor.text, event)
        if self._stack[-1].key is _MERGE and isinstance(anchor.value, list):
            self._wrong(event, _NOT_MERGEABLE)  # a list is merged only where it stands
            anchor = _Anchor(value={})
        self._put(anchor.value, anchor.raw, event)

    # --- building ----------------------------------------------------------------------------

    def _put(self, value: Any, raw: Any, event: _Node) -> None:
        """Add a finished node to the collection around it, as an item, a key or a value."""
        frame = self._stack[-1]
        key = frame.key
        if key is None:
            frame.value.append(value)
        elif key is _NO_KEY:
            self._key(frame, raw, event)
        else:
            frame.key = _NO_KEY
            if key is _MERGE:
                self._merge(frame, value, event)
            elif key is not _BAD_KEY:
                frame.value[key] = value

    def _key(self, frame: _Frame, raw: Any, event: _Node) -> None:
        frame.key = _BAD_KEY
        if raw is _NO_KEY:
            self._wrong(event, _NOT_A_KEY)
            return
        try:
            key = scalars.key(raw)
        except scalars.ScalarError as error:
            self._wrong(event, str(error))
            return
        self._begin_entry(frame, key, event)

    def _begin_entry(self, frame: _Frame, key: str, event: _Node) -> None:
        if key in frame.lines:
            self._wrong(event, f"the key `{key}` is already set in line {frame.lines[key]}")
            frame.key = _BAD_KEY
            return
        frame.lines[key] = self._offset + event.start_mark.line + 1
        frame.key = key

    def _merge(self, frame: _Frame, value: Any, event: _Node) -> None:
        """Merge as go-yaml v2 does: what comes later wins, and of a list what comes first."""
        for part in reversed(value if isinstance(value, list) else [value]):
            if not isinstance(part, dict):
                self._wrong(event, _NOT_MERGEABLE)
                return
            frame.value.update(part)

    def _spend(self, nodes: int, text: int, event: _Node) -> None:
        self._nodes += nodes
        self._text += text
        if self._nodes > self._budget.nodes or self._text > self._budget.bytes:
            self._refuse(event)

    def _refuse(self, event: _Node) -> NoReturn:
        nodes = f"{self._budget.nodes} nodes or {self._budget.bytes} bytes"
        raise OverBudgetError(f"more than {nodes} once aliases are expanded", event.start_mark)

    def _wrong(self, event: _Node, message: str) -> None:
        self.report(event.start_mark.line, event.start_mark.column, message)
