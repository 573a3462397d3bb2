"""Makes the fields of client-side managers ours, as client-go's csaupgrade does; sends nothing.

Without it, a field that is dropped from Git would stay: `kubectl apply` still owns it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agent.core import words
from agent.core.reading import items, mapping

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from agent.core.values import Manifest

_ITSELF: Final = "."
"""In fieldsV1 the member that stands for a node which has children."""


def patch(live: Manifest, managers: Collection[str]) -> list[dict[str, Any]]:
    """Return the JSON patch that folds these managers; empty where there is nothing to fold.

    It replaces the resourceVersion by the one that was read: any change in between is a conflict.
    """
    metadata = mapping(live.get("metadata"))
    folded = fold(items(metadata.get("managedFields")), managers)
    if folded is None:
        return []
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": folded},
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": metadata["resourceVersion"],
        },
    ]


def fold(
    entries: list[Mapping[str, Any]], managers: Collection[str]
) -> list[Mapping[str, Any]] | None:
    """Return managedFields with our one Apply entry in place of theirs; None if nothing changes."""
    theirs = [entry for entry in entries if _is_folded(entry, managers)]
    if not theirs:
        return None
    ours = next((entry for entry in entries if _is_ours(entry)), None)
    first = ours or {**theirs[-1], "manager": words.FIELD_MANAGER, "operation": "Apply"}
    fields = mapping(first.get("fieldsV1"))
    for entry in theirs:
        fields = union(fields, mapping(entry.get("fieldsV1")))
    others = [entry for entry in entries if entry is not ours and entry not in theirs]
    return [*others, {**first, "fieldsV1": fields}]


def union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are in either set (fieldsV1).

    >>> union({"f:a": {}}, {"f:a": {"f:b": {}}})
    {'f:a': {'f:b': {}, '.': {}}}
    """
    both = {**one, **other}
    return {
        name: _node(name, one, other) if name in one and name in other else both[name]
        for name in both
    }


def _node(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    left, right = mapping(one[name]), mapping(other[name])
    merged = union(left, right)
    # A leaf is written as {}; beside children it needs its own member, or the node is lost.
    if merged and name != _ITSELF and not (left and right):
        merged[_ITSELF] = {}
    return merged


def _is_folded(entry: Mapping[str, Any], managers: Collection[str]) -> bool:
    return (
        entry.get("manager") in managers
        and entry.get("operation") == "Update"
        and not entry.get("subresource")
    )


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return (
        entry.get("manager") == words.FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )
