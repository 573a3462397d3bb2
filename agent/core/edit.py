"""Changes to declarations as text: what is not meant stays byte for byte.

Never writes a file, and never hands back a text that says anything but what was asked for.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agent.core import manifests, words
from agent.core.errors import DeclarationError
from agent.core.kinds.documents import BUDGET
from agent.core.kinds.positions import Node, UnreadableError, compose, plain
from agent.core.policies import OnExpiry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from agent.core.policies import LabelSelector, Match, Override, Subject, Suspension
    from agent.core.values import Grade

_PLAIN_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*")
_SEPARATOR: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)


class _Place(NamedTuple):
    """A mapping in a text and the ones around it, outermost first."""

    text: str
    way: tuple[tuple[str, Node], ...]

    @property
    def node(self) -> Node:
        return self.way[-1][1]


# --- annotations -------------------------------------------------------------------------------


def set_annotations(text: str, kind: str, name: str, changes: Mapping[str, str | None]) -> str:
    """Return the text with annotations of one declaration set, or removed where None.

    Args:
        text: a file, of one document or more.
        kind: such as `Package`.
        name: `namespace/name`, or the name alone where it has no namespace.
        changes: annotation → value.

    Raises:
        DeclarationError: no such declaration, or its layout can't be edited safely.
    """
    wanted = [plain(node) for node in _nodes(text)]
    _annotate(wanted[_index(text, kind, name)], changes)
    changed = text
    for key, value in changes.items():
        changed = _set(changed, kind, name, key, value)
    try:
        matches = [plain(node) for node in compose(changed)] == wanted
    except UnreadableError:
        matches = False
    if not matches:
        raise DeclarationError(
            f"{kind} {name}: its annotations are written in a way that can't be changed safely: "
            f"edit the file by hand and set {', '.join(changes)}"
        )
    return changed


def _annotate(value: dict[str, Any], changes: Mapping[str, str | None]) -> None:
    metadata = value["metadata"]
    annotations = dict(metadata.pop("annotations", None) or {})
    merged = {**annotations, **changes}
    kept = {key: text for key, text in merged.items() if text is not None}
    if kept or (annotations and not changes):
        metadata["annotations"] = deepcopy(kept)


def _set(text: str, kind: str, name: str, key: str, value: str | None) -> str:
    document = _nodes(text)[_index(text, kind, name)]
    metadata = _field(document, "metadata")
    if metadata is None or not isinstance(metadata.content, dict):
        return text
    annotations = metadata.content.get("annotations")
    if annotations and not annotations.node.content:  # `annotations:`, `{}` or null
        text = _without(_Place(text, (("metadata", metadata),)), "annotations")
        return _set(text, kind, name, key, value)
    if annotations is None:
        return text if value is None else _with_block(text, metadata, key, value)
    place = _Place(text, (("metadata", metadata), ("annotations", annotations.node)))
    if value is None:
        return _without(place, key)
    present = _field(annotations.node, key)
    if present is None:
        return _inserted(text, annotations.node, _entry(key, value))
    end = present.end.offset
    newline = "\n" if text[end - 1 : end] == "\n" else ""  # behind a block scalar
    return f"{text[: present.start.offset]}{_quoted(value)}{newline}{text[end:]}"


def _with_block(text: str, metadata: Node, key: str, value: str) -> str:
    if metadata.flow:
        return _inserted(text, metadata, f"annotations: {{{_entry(key, value)}}}")
    indent = " " * (_column(metadata) + 2)
    return _inserted(text, metadata, f"annotations:{_newline(text)}{indent}{_entry(key, value)}")


def _inserted(text: str, mapping: Node, entry: str) -> str:
    """Return the text with an entry behind the last one of a mapping that has some."""
    last = _last(mapping)
    if mapping.flow:
        at = last.end.offset
        return f"{text[:at]}, {entry}{text[at:]}"
    at, newline = _line_end(text, last.end.offset), _newline(text)
    before = text[:at] if text[:at].endswith("\n") else text[:at] + newline
    return f"{before}{' ' * _column(mapping)}{entry}{newline}{text[at:]}"


def _without(place: _Place, key: str) -> str:
    """Return the text without an entry; a mapping that would be left empty goes as well."""
    text, content = place.text, place.node.content
    if not isinstance(content, dict) or key not in content:
        return text
    if len(content) == 1 and len(place.way) > 1:
        return _without(_Place(text, place.way[:-1]), place.way[-1][0])
    if not place.node.flow:
        start = text.rfind("\n", 0, content[key].key.offset) + 1
        return text[:start] + text[_entry_end(text, place.node, key) :]
    names = list(content)
    at = names.index(key)
    if at + 1 < len(names):
        following = content[names[at + 1]].key.offset
        return text[: content[key].key.offset] + text[following:]
    before = content[names[at - 1]].node.end.offset
    return text[:before] + text[content[key].node.end.offset :]


def _entry_end(text: str, mapping: Node, key: str) -> int:
    """Return where the line behind an entry of a block mapping begins."""
    assert isinstance(mapping.content, dict)  # noqa: S101 - the caller looked the entry up in it
    entry = mapping.content[key]
    if (
        entry.node.content is None
        and text[entry.key.offset :].split("\n", 1)[0].rstrip()[-1:] == ":"
    ):
        return _line_end(text, entry.key.offset)
    return _line_end(text, _leaf_end(entry.node))


def _line_end(text: str, offset: int) -> int:
    """Return where the next line begins; an offset behind a block scalar is there already."""
    if text[offset - 1 : offset] == "\n":
        return offset
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def _last(mapping: Node) -> Node:
    """Return the innermost last value of a mapping, whose end is that of its text."""
    assert isinstance(mapping.content, dict)  # noqa: S101 - callers hand in mappings
    last = list(mapping.content.values())[-1].node
    return last if mapping.flow else _leaf(last)


def _leaf_end(node: Node) -> int:
    return _leaf(node).end.offset


def _leaf(node: Node) -> Node:
    """Follow last entries inwards: the end of a block collection is where the next token is."""
    while not node.flow and not node.alias and isinstance(node.content, dict | list):
        if not node.content:
            return node
        content = node.content
        node = content[-1] if isinstance(content, list) else list(content.values())[-1].node
    return node


def _column(mapping: Node) -> int:
    """Return how far the entries of a block mapping are indented."""
    return mapping.start.column - 1


def _entry(key: str, value: str) -> str:
    return f"{key if _PLAIN_KEY.fullmatch(key) else _quoted(key)}: {_quoted(value)}"


def _quoted(text: str) -> str:
    # JSON text is a double-quoted scalar of YAML 1.2.
    return json.dumps(text, ensure_ascii=False)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


# --- documents ---------------------------------------------------------------------------------


def without_document(text: str, kind: str, name: str) -> str:
    """Return the text without one declaration; empty if there was nothing else.

    Raises:
        DeclarationError: no such declaration.
    """
    nodes, at = _nodes(text), _index(text, kind, name)
    starts = [_document_start(text, nodes, place) for place in range(len(nodes))]
    end = starts[at + 1] if at + 1 < len(nodes) else len(text)
    rest = text[: starts[at]] + text[end:]
    return rest if len(nodes) > 1 else ""


def _document_start(text: str, nodes: list[Node], at: int) -> int:
    """Return where a document begins, its separator and the comments behind that included."""
    if at == 0:
        return 0
    behind = _leaf_end(nodes[at - 1])
    found = _SEPARATOR.search(text, behind)
    return found.start() if found else behind


def _nodes(text: str) -> list[Node]:
    checked = manifests.read(text.encode(), "", BUDGET)
    if checked.problems:
        found = checked.problems[0]
        raise DeclarationError(
            f"line {found.line}, column {found.column}: {found.message}: repair the file first"
        )
    try:
        return list(compose(text))
    except UnreadableError as error:
        says = f"line {error.line}, column {error.column}: {error}: repair the file first"
        raise DeclarationError(says) from error


def _index(text: str, kind: str, name: str) -> int:
    for at, node in enumerate(_nodes(text)):
        if _is(plain(node), kind, name):
            return at
    raise DeclarationError(f"{kind} {name} is not declared in this file: name the right file")


def _is(value: Any, kind: str, name: str) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return False
    metadata = value["metadata"]
    namespace = metadata.get("namespace")
    full = f"{namespace}/{metadata.get('name')}" if namespace else metadata.get("name")
    ours = str(value.get("apiVersion")).startswith(f"{words.GROUP}/")
    return ours and (value.get("kind"), full) == (kind, name)


def _field(node: Node, name: str) -> Node | None:
    entry = node.content.get(name) if isinstance(node.content, dict) else None
    return entry.node if entry else None


# --- new declarations --------------------------------------------------------------------------


def suspension_document(suspension: Suspension) -> str:
    """Write a Suspension as a document of its own; read back it is the same value."""
    lines = [
        *_head("Suspension", suspension.name, suspension.scope),
        f"  reason: {_quoted(suspension.reason)}",
        *_optional("from", suspension.start),
        *_optional("until", suspension.until),
    ]
    if suspension.until is None:
        lines.append("  indefinite: true")
    if suspension.on_expiry is not OnExpiry.RESUME:
        lines.append(f"  onExpiry: {suspension.on_expiry}")
    lines.append(f"  holds: [{', '.join(_ordered(suspension.holds))}]")
    lines += ["  match:", *(f"    - {_flow(_item(item))}" for item in suspension.match)]
    return _joined(lines)


def override_document(override: Override) -> str:
    """Write an Override as a document of its own; read back it is the same value."""
    lines = [
        *_head("Override", override.name, ""),
        f"  reason: {_quoted(override.reason)}",
        f"  packages: {_flow(override.packages)}",
        f"  passes: {_flow(override.passes)}",
        *_optional("until", override.until),
    ]
    if override.revision:
        lines.append(f"  revision: {_quoted(override.revision)}")
    if override.plan:
        lines.append(f"  plan: {_quoted(override.plan)}")
    return _joined(lines)


def _head(kind: str, name: str, namespace: str) -> Iterator[str]:
    yield f"apiVersion: {words.API_VERSION}"
    yield f"kind: {kind}"
    yield "metadata:"
    yield f"  name: {name}"
    if namespace:
        yield f"  namespace: {namespace}"
    yield "spec:"


def _optional(name: str, at: datetime | None) -> Iterator[str]:
    if at is not None:
        yield f"  {name}: {at.isoformat()}"


def _ordered(grades: Iterable[Grade]) -> list[str]:
    return sorted(grade.value for grade in grades)


def _item(match: Match) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if match.namespaces:
        item["namespaces"] = _choice(match.namespaces)
    if match.packages:
        item["packages"] = _choice(match.packages)
    if match.clusters:
        item["clusters"] = list(match.clusters)
    return item


def _choice(subject: Subject) -> dict[str, Any]:
    choice: dict[str, Any] = {"names": list(subject.names)} if subject.names else {}
    return {**choice, "selector": _selector(subject.selector)} if subject.selector else choice


def _selector(selector: LabelSelector) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if selector.labels:
        found["matchLabels"] = dict(selector.labels)
    if selector.requirements:
        found["matchExpressions"] = [
            {"key": each.key, "operator": each.operator.value}
            | ({"values": list(each.values)} if each.values else {})
            for each in selector.requirements
        ]
    return found


def _flow(value: Any) -> str:
    """Write a value on one line, texts quoted."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(k)}: {_flow(each)}' for k, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return _quoted(value)


def _key(text: str) -> str:
    return text if _PLAIN_KEY.fullmatch(text) else _quoted(text)


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
