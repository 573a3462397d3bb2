"""JSON pointers (RFC 6901) into manifests: read, and copies with a value removed or set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agent.core.values import ABSENT

if TYPE_CHECKING:
    from agent.core.values import Manifest


def parts(pointer: str) -> tuple[str, ...]:
    """Return the reference tokens: `/spec/a~1b` is `("spec", "a/b")`."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def read(value: Any, tokens: tuple[str, ...]) -> Any:
    """Return the value a pointer names, or ABSENT."""
    for token in tokens:
        if isinstance(value, Mapping):
            value = value.get(token, ABSENT)
        elif isinstance(value, list) and token.isdecimal() and int(token) < len(value):
            value = value[int(token)]
        else:
            return ABSENT
    return value


def _replaced(value: Any, tokens: tuple[str, ...], new: Any) -> Any:
    first, rest = tokens[0], tokens[1:]
    if isinstance(value, Mapping):
        below = new if not rest else _replaced(value.get(first, {}), rest, new)
        kept = {name: each for name, each in value.items() if name != first}
        return kept if below is ABSENT else {**value, first: below}
    if isinstance(value, list) and first.isdecimal() and int(first) < len(value):
        index = int(first)
        below = new if not rest else _replaced(value[index], rest, new)
        middle = [] if below is ABSENT else [below]
        return [*value[:index], *middle, *value[index + 1 :]]
    return value


def replaced(manifest: Manifest, tokens: tuple[str, ...], new: Any) -> Manifest:
    """Return a copy in which the pointed-to value is `new`; ABSENT removes it."""
    if new is ABSENT and read(manifest, tokens) is ABSENT:
        return manifest
    copy: Manifest = _replaced(manifest, tokens, new)
    return copy
