"""Bytes → manifests with line numbers, within budgets, under kubectl's typing rules.

Never returns half a file: one problem anywhere and it yields no manifest at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import yaml

from agent.core import scalars
from agent.core.composer import MOST_PROBLEMS, Budget, Composer, Document, OverBudgetError
from agent.core.values import Problem

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError as error:  # pragma: no cover - an installation fault, seen at start
    raise ImportError(
        "PyYAML was built without libyaml, which this agent needs to read YAML safely: "
        "install a PyYAML wheel for this platform, or libyaml's headers and build it again"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["DEFAULT_BUDGET", "Budget", "Document", "Documents", "objects", "read"]


@dataclass(frozen=True, slots=True)
class Documents:
    """What a file holds: its documents, or everything that is wrong with it."""

    manifests: tuple[Document, ...]
    problems: tuple[Problem, ...] = ()


DEFAULT_BUDGET: Final = Budget()

_LONGEST_INTEGER: Final = 30

_NOT_TEXT: Final = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x84\x86-\x9f]|\xef\xbf[\xbe\xbf]"
    rb"|(?<=\n)\xef\xbb\xbf"
)
_NEXT_DOCUMENT: Final = re.compile(rb"^---", re.MULTILINE)
_JSON: Final = re.compile(rb"\s*\{(?!\{)")
_BOM: Final = b"\xef\xbb\xbf"
_FOREIGN: Final = {
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
    b"\x00GITCRYPT": "is locked by git-crypt, for which the agent has no key",
    b"version https://git-lfs.github.com/": (
        "is a Git LFS pointer, not the file itself: keep manifests out of LFS"
    ),
}


def read(data: bytes, path: str, budget: Budget = DEFAULT_BUDGET) -> Documents:
    """Return every document of a file, empty ones left out, or every problem it has.

    Values from one anchor are shared between documents' parts: treat them as read-only.
    """
    problem = _refusal(data, path, budget)
    if problem:
        return Documents((), (problem,))
    composer = Composer(path, budget)
    if not _compose(data.removeprefix(_BOM), composer) and _JSON.match(data):
        # JSON that is not YAML: escaped surrogate pairs, objects without a separator.
        try:
            return Documents(tuple(_json(data.decode(), path)))
        except ValueError as error:
            composer.report(0, 0, f"nor is it JSON: {error}")
    problems = tuple(sorted(composer.problems, key=lambda each: (each.line, each.column)))
    return Documents(() if problems else tuple(composer.documents), problems)


# --- text --------------------------------------------------------------------------------------


def _refusal(data: bytes, path: str, budget: Budget) -> Problem | None:
    """Return why the bytes are not worth a parser: size, encoding, another tool's format."""
    if len(data) > budget.bytes:
        return Problem(path, 1, 1, f"{len(data)} bytes; a file may have {budget.bytes}")
    for prefix, why in _FOREIGN.items():
        if data.startswith(prefix):
            return Problem(path, 1, 1, f"the file {why}")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return _problem_at(data, error.start, path, "not UTF-8: save the file as UTF-8")
    match = _NOT_TEXT.search(data)
    if match is None:
        return None
    what = f"the character U+{ord(match[0].decode()):04X} is not allowed in YAML: remove it"
    return _problem_at(data, match.start(), path, what)


def _problem_at(data: bytes, at: int, path: str, message: str) -> Problem:
    column = at - data.rfind(b"\n", 0, at)
    return Problem(path, data.count(b"\n", 0, at) + 1, column, message)


# --- YAML --------------------------------------------------------------------------------------


def _compose(data: bytes, composer: Composer) -> bool:
    """Read all documents; after a syntax error go on at the next `---`. False if there was one."""
    start, clean = 0, True
    while start >= 0:
        offset = data.count(b"\n", 0, start)
        try:
            composer.consume(CParser(data[start:] if start else data), offset)
        except yaml.YAMLError as error:
            start = _resume(data, start, _report(error, composer, data[start:]))
            clean = False
        except OverBudgetError as error:
            composer.report(error.line, error.column, str(error))
            return clean
        else:
            return clean
        if len(composer.problems) >= MOST_PROBLEMS:
            return False
    return clean


def _report(error: yaml.YAMLError, composer: Composer, text: bytes) -> int:
    """Note libyaml's complaint; return its line, counted from 0."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        composer.report(0, 0, str(error).partition("\n")[0])
        return 0
    lines = text.split(b"\n", mark.line + 1)
    line = lines[mark.line] if mark.line < len(lines) else b""
    composer.report(mark.line, mark.column, _explained(error, line))
    return int(mark.line)


def _explained(error: yaml.YAMLError, line: bytes) -> str:
    problem, context = getattr(error, "problem", ""), getattr(error, "context", "")
    said = ", ".join(part for part in (context, problem) if part)
    if b"{{" in line:
        return f"{said}; this looks like a template, which has to be rendered first"
    if b"\t" in line:
        return f"{said}; the line has a tab: indent with spaces"
    return said


def _resume(data: bytes, start: int, line: int) -> int:
    """Return where the next document starts, behind `line` lines from `start`, or -1."""
    for _ in range(max(line, 1)):
        start = data.find(b"\n", start) + 1
        if not start:
            return -1
    match = _NEXT_DOCUMENT.search(data, start)
    return match.start() if match else -1


# --- JSON --------------------------------------------------------------------------------------


def _json(text: str, path: str) -> Iterator[Document]:
    """Yield concatenated JSON objects, as kubectl takes them.

    Raises:
        ValueError: not JSON, a duplicate key, a number or text that JSON can't carry.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_int=_json_number, parse_float=_json_number
    )
    at = _next_json(text, 0)
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
            orjson.dumps(value)
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        except TypeError as error:
            raise ValueError(str(error)) from error
        yield Document(value, text.count("\n", 0, at) + 1, path)
        at = _next_json(text, end)


def _next_json(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key `{twice}` is set twice")
    return found


def _json_number(text: str) -> scalars.Scalar:
    """Return a number as Go reads it: what is no 64-bit integer is a float."""
    integer = len(text) < _LONGEST_INTEGER and text.lstrip("-").isdigit()
    return scalars.value(int(text) if integer else float(text))


# --- objects -----------------------------------------------------------------------------------


def objects(documents: Iterable[Document]) -> Documents:
    """Return the Kubernetes objects in documents, Lists unpacked, or every problem they have.

    Every object that comes back has a string `apiVersion`, `kind` and `metadata.name` (or
    `generateName`), and only strings as labels and annotations.
    """
    found: list[Document] = []
    problems: list[Problem] = []
    pending = list(reversed(list(documents)))
    while pending:
        document = pending.pop()
        items = _items(document)
        if items is not None:
            pending.extend(reversed(items))
            continue
        wrong = [Problem(document.path, document.line, 1, why) for why in _faults(document.value)]
        problems += wrong
        if not wrong:
            found.append(document)
    return Documents(() if problems else tuple(found), tuple(problems))


def _items(document: Document) -> list[Document] | None:
    """Return the items of a List (`List`, `ConfigMapList` …), or None for anything else.

    Items of a typed list may leave out apiVersion and kind (unstructured's decodeToList).
    """
    value = document.value
    if not isinstance(value, Mapping) or not isinstance(value.get("items"), list):
        return None
    kind = value.get("kind")
    if not isinstance(kind, str) or not kind.endswith("List"):
        return None
    implied = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")}
    return [
        Document(_typed_item(item, implied), document.line, document.path)
        for item in value["items"]
    ]


def _typed_item(item: Any, implied: Mapping[str, Any]) -> Any:
    if isinstance(item, Mapping) and implied["kind"] and not {"apiVersion", "kind"} & item.keys():
        return {**implied, **item}
    return item


def _faults(value: Any) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"a Kubernetes object is a mapping, this is {_type_name(value)}"
        return
    if isinstance(value.get("sops"), Mapping) and "mac" in value["sops"]:
        yield "encrypted with SOPS: this version can't decrypt, keep it out of the package's path"
        return
    for name in ("apiVersion", "kind"):
        yield from _text_fault(value, name, name)
    metadata = value.get("metadata")
    if metadata is None:
        yield "metadata.name is missing"
        return
    if not isinstance(metadata, Mapping):
        yield f"metadata must be a mapping with a name, this is {_type_name(metadata)}"
        return
    name = "generateName" if metadata.get("name") is None and "generateName" in metadata else "name"
    yield from _text_fault(metadata, name, f"metadata.{name}")
    if metadata.get("namespace") is not None and not isinstance(metadata["namespace"], str):
        yield from _text_fault(metadata, "namespace", "metadata.namespace")
    for name in ("labels", "annotations"):
        yield from _map_faults(metadata.get(name), f"metadata.{name}")


def _text_fault(value: Mapping[str, Any], name: str, path: str) -> Iterator[str]:
    text = value.get(name)
    if text is None or text == "":
        yield f"{path} is missing"
    elif not isinstance(text, str):
        yield f"{path} must be a string, this is {_type_name(text)}: quote it"


def _map_faults(value: Any, path: str) -> Iterator[str]:
    """Yield what is not a string; null is the empty string to the API server."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield f"{path} must be a mapping of strings, this is {_type_name(value)}"
        return
    for name, text in value.items():
        if text is not None and not isinstance(text, str):
            yield f"{path}: `{name}` must be a string, this is {_type_name(text)}: quote it"


def _type_name(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"
