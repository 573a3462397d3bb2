"""The CustomResourceDefinition of `Package`, from the shape that reads declarations.

Never has defaults: the API server would write them into objects, which then differ from Git.
"""

from functools import cache
from typing import Any, Final

from agent.core import words
from agent.core.kinds.package import PackageSpec
from agent.core.kinds.schema_export import Schema, without_references

PLURAL: Final = "packages"
NAME: Final = f"{PLURAL}.{words.GROUP}"
_PRESERVE: Final = {"x-kubernetes-preserve-unknown-fields": True}
_TEXT: Final[Schema] = {"type": "string"}
_INTEGER: Final[Schema] = {"type": "integer", "format": "int64"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}


@cache
def crd() -> Schema:
    """Return the CustomResourceDefinition of `Package`, to read; policies live in Git alone."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": words.GROUP,
            "names": {
                "kind": "Package",
                "listKind": "PackageList",
                "plural": PLURAL,
                "singular": "package",
                "categories": ["tidegate"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def _version() -> Schema:
    return {
        "name": words.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            _column("State", ".status.state"),
            _column("Revision", ".status.revision.short"),
            _column("Hold", ".status.hold"),
            _column("Next", ".status.next"),
            _column("Age", ".metadata.creationTimestamp", "date"),
            {**_column("Message", ".status.message"), "priority": 1},
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "What one team wants in one namespace; declared in Git.",
                "properties": {
                    "apiVersion": _TEXT,
                    "kind": _TEXT,
                    "metadata": {"type": "object"},
                    "spec": _spec(),
                    "status": _status(),
                },
            }
        },
    }


def _column(name: str, path: str, kind: str = "string") -> Schema:
    return {"name": name, "type": kind, "jsonPath": path}


def _spec() -> Schema:
    found: Schema = _structural(without_references(PackageSpec))
    return found


def _structural(value: Any) -> Any:
    """Make a schema structural (Kubernetes, CRDs: specifying a structural schema)."""
    if isinstance(value, list):
        return [_structural(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "type" not in value:
        return {**value, **_PRESERVE}
    found = {key: _structural_part(key, each) for key, each in value.items()}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    free = found.pop("additionalProperties", None)
    if found.get("type") == "object" and "properties" not in found:
        found |= _PRESERVE if free is True else {"additionalProperties": free or _TEXT}
    return found


def _structural_part(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: _structural(each) for name, each in value.items()}
    if key == "items":
        return _structural(value)
    return value


def _object(required: tuple[str, ...] = (), **fields: Schema) -> Schema:
    found: Schema = {"type": "object", "properties": dict(fields)}
    return {**found, "required": list(required)} if required else found


def _list(item: Schema) -> Schema:
    return {"type": "array", "x-kubernetes-list-type": "atomic", "items": item}


def _status() -> Schema:
    """Return the schema of what the agent tells (docs/reference/status.md)."""
    return _object(
        observedGeneration=_INTEGER,
        state=_TEXT,
        reason=_TEXT,
        message=_TEXT,
        since=_TIME,
        hold=_TEXT,
        next=_TIME,
        revision=_object(observed=_TEXT, attempted=_TEXT, applied=_TEXT, short=_TEXT),
        planDigest=_TEXT,
        conditions={
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
            "items": _condition(),
        },
        holds=_list(_hold()),
        objects=_INTEGER,
        drift=_INTEGER,
        waiting=_INTEGER,
        transitions=_list(_transition()),
        jobs=_list(_job()),
        lastHandledSync=_TEXT,
    )


def _condition() -> Schema:
    return _object(
        ("type", "status", "reason", "lastTransitionTime"),
        type=_TEXT,
        status={"type": "string", "enum": ["True", "False", "Unknown"]},
        reason=_TEXT,
        message=_TEXT,
        observedGeneration=_INTEGER,
        lastTransitionTime=_TIME,
    )


def _hold() -> Schema:
    return _object(
        ("gate", "reason"),
        gate=_TEXT,
        reason=_TEXT,
        message=_TEXT,
        origin=_object(path=_TEXT, line=_INTEGER, commit=_TEXT, author=_TEXT, object=_TEXT),
        by=_TEXT,
        until=_TIME,
        next=_TIME,
    )


def _transition() -> Schema:
    return _object(
        ("seq", "to"),
        seq=_INTEGER,
        time=_TIME,
        **{"from": _TEXT},
        to=_TEXT,
        reason=_TEXT,
        revision=_TEXT,
        cause=_TEXT,
        actor=_TEXT,
    )


def _job() -> Schema:
    return _object(
        ("name",),
        namespace=_TEXT,
        name=_TEXT,
        digest=_TEXT,
        result=_TEXT,
        finishedAt=_TIME,
        skipped=_TEXT,
    )
