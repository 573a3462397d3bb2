"""How objects are shown: in the version asked for, whole or as metadata, events in either group.

Never changes what is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agent.sandbox.store import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.sandbox.catalog import Resource

_NEW: Final = "events.k8s.io/v1"
_RENAMED: Final = (
    ("message", "note"),
    ("involvedObject", "regarding"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)
"""Of Events: the field in v1, the field in events.k8s.io/v1."""


def seen(resource: Resource, stored: Stored) -> Stored:
    """Give an object in the version of a resource."""
    if stored.api_version == resource.api_version:
        return stored
    found = {**stored.object, "apiVersion": resource.api_version}
    if resource.kind == "Event" and not resource.is_custom:
        found = _event(found, new=resource.api_version == _NEW)
    return Stored(found, stored.managers, stored.version, resource.api_version)


def _event(event: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    names = {(old if new else late): (late if new else old) for old, late in _RENAMED}
    found = {names.get(name, name): value for name, value in event.items()}
    if new:
        found.setdefault("deprecatedSource", {})
    else:
        found.setdefault("source", {})
        for name in ("firstTimestamp", "lastTimestamp"):
            found.setdefault(name, None)
        found.setdefault("reportingComponent", "")
        found.setdefault("reportingInstance", "")
    return found


def metadata_only(stored: Stored) -> dict[str, Any]:
    """Give an object as PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": stored.object["metadata"],
    }


def as_item(resource: Resource, stored: Stored) -> dict[str, Any]:
    """Give an object as it stands in a list: a built-in one without kind and version."""
    if resource.is_custom:
        return stored.object
    return {
        name: value for name, value in stored.object.items() if name not in ("kind", "apiVersion")
    }
