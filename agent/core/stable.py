"""What two renders of the same input agree on; the rest is random and is not applied.

Never prefers one of the two: a password that is new at each render would be changed at each sync.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.core.reading import at, group_kind, mapping, text
from agent.core.values import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.core.manifests import Document


class _Name(NamedTuple):
    """Tells the objects of one render apart; the last number counts equal names."""

    group: str
    kind: str
    namespace: str
    name: str
    number: int


class Agreed(NamedTuple):
    """The documents without what differs, and a sentence for each thing left out."""

    documents: tuple[Document, ...]
    notes: tuple[str, ...]


def agreed(first: Sequence[Document], second: Sequence[Document]) -> Agreed:
    """Keep the fields that both renders have alike; lists of different lengths are left out."""
    others = _named(second)
    documents: list[Document] = []
    notes: list[str] = []
    for name, document in _named(first).items():
        other = others.pop(name, None)
        if other is None:
            notes.append(_note(name, "its name"))
            continue
        paths: list[str] = []
        value = _common(document.value, other.value, "", paths)
        notes += [_note(name, path) for path in paths]
        if value is not ABSENT:
            documents.append(replace(document, value=value))
    notes += [_note(name, "its name") for name in others]
    return Agreed(tuple(documents), tuple(notes))


def _named(documents: Iterable[Document]) -> dict[_Name, Document]:
    seen: Counter[tuple[str, ...]] = Counter()
    found: dict[_Name, Document] = {}
    for document in documents:
        value = mapping(document.value)
        metadata = at(value, "metadata")
        who = (*group_kind(value), text(at(metadata, "namespace")), text(at(metadata, "name")))
        found[_Name(*who, seen[who])] = document
        seen[who] += 1
    return found


def _note(name: _Name, what: str) -> str:
    return f"{name.kind} {name.name}: {what} differs at every render: left out, set it by values"


def _common(first: Any, second: Any, path: str, differs: list[str]) -> Any:
    """Return what both have, ABSENT where they differ, and note the paths of fields that do."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        kept: dict[str, Any] = {}
        for name in (*first, *(name for name in second if name not in first)):
            where = f"{path}.{name}" if path else name
            sides = first.get(name, ABSENT), second.get(name, ABSENT)
            value = _common(*sides, where, differs)
            if value is not ABSENT:
                kept[name] = value
            else:
                differs.append(where)
        return kept
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return _common_items(first, second, path, differs)
    return first if type(first) is type(second) and first == second else ABSENT


def _common_items(first: list[Any], second: list[Any], path: str, differs: list[str]) -> Any:
    """Compare item by item; one that differs as a whole takes the list with it."""
    inner: list[str] = []
    items = [
        _common(one, two, f"{path}[{number}]", inner)
        for number, (one, two) in enumerate(zip(first, second, strict=True))
    ]
    if any(item is ABSENT for item in items):
        return ABSENT
    differs += inner
    return items
