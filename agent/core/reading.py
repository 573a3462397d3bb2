"""Reads values out of parsed objects without trusting their shape; never raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.core.values import ABSENT, GroupKind, Manifest


def at(value: Any, *path: str) -> Any:
    """Give the value at a path of field names, ABSENT where a step is missing or null."""
    for name in path:
        value = value.get(name, ABSENT) if isinstance(value, Mapping) else ABSENT
    return ABSENT if value is None else value


def lookup(manifest: Manifest, path: str) -> Any:
    """Follow `.status.ready`, or `/status/ready` as a JSON pointer; list items by index."""
    if path.startswith("/"):
        names = [name.replace("~1", "/").replace("~0", "~") for name in path[1:].split("/")]
    else:
        names = path.strip(".").split(".")
    value: Any = manifest
    for name in names:
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            value = at(value, name)
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """Give a mapping as it is, and an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """Give the mappings in a list, and none for anything else."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Give a string as it is, and the empty one for anything else."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> dict[str, str]:
    """Give the entries of a mapping whose values are strings: labels, annotations."""
    return {name: each for name, each in mapping(value).items() if isinstance(each, str)}


def number(value: Any, default: int) -> int:
    """Give an integer as it is (`true` is none), and the default for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def group_kind(manifest: Manifest) -> GroupKind:
    """Give the kind of an object without its version."""
    group, slash, _ = text(manifest.get("apiVersion")).rpartition("/")
    return GroupKind(group if slash else "", text(manifest.get("kind")))


def condition(manifest: Manifest, name: str) -> Mapping[str, Any]:
    """Give a condition of the object's status, empty where it is not there."""
    conditions = items(at(manifest, "status", "conditions"))
    return next((each for each in conditions if each.get("type") == name), {})


def is_true(manifest: Manifest, name: str) -> bool:
    """Whether a condition is there and its status is the text "True"."""
    return condition(manifest, name).get("status") == "True"
