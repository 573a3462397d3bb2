"""Turns objects of the API server into the small records that planning reads.

Never judges: whose an object is, and whether that is right, is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agent.core import encode, fields, health
from agent.core.reading import at, group_kind, items, mapping, number, text, texts
from agent.core.scopes import is_built_in
from agent.core.values import ABSENT, Key, Live, Manifest, NamespaceFacts, Origin, Root
from agent.core.words import GROUP, SUSPEND

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS: Final = f"{GROUP}/"
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
# Only what these tools write to say "mine"; their options, such as sync waves, are an author's.
_MARKS_OF_OTHERS: Final = frozenset(
    {
        "argocd.argoproj.io/instance",
        "argocd.argoproj.io/tracking-id",
        "config.k8s.io/owning-inventory",
        "helm.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
        "kapp.k14s.io/app",
        "kustomize.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/namespace",
        "meta.helm.sh/release-name",
        "meta.helm.sh/release-namespace",
    }
)


# --- what a watch tells ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listing:
    """A list begins; one that began before and was not completed counts for nothing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object is there: listed, created or changed."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Gone:
    """An object was deleted, or the selector no longer matches it; this is its last state."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Listed:
    """The list is complete: what was not `Seen` since it began was not there."""

    version: str
    """The resourceVersion that the list shows."""


@dataclass(frozen=True, slots=True)
class Following:
    """Changes are seen as they happen, from here on or again."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Nothing can be seen for a while; what is known stays, and may be outdated."""

    says: str
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class Unserved:
    """The server has no such resource any more; this source ends."""


@dataclass(frozen=True, slots=True)
class Resting:
    """Nothing is tried for some seconds; what is known stays as it is."""

    seconds: float


Observation: TypeAlias = (
    Listing | Seen | Gone | Listed | Following | Interrupted | Resting | Unserved
)


# --- records -----------------------------------------------------------------------------------


def key_of(manifest: Manifest) -> Key:
    """Name the object."""
    group, kind = group_kind(manifest)
    metadata = mapping(manifest.get("metadata"))
    place = text(metadata.get("namespace")), text(metadata.get("name"))
    return Key(intern(group), intern(kind), *map(intern, place))  # thousands say the same


def version_of(manifest: Manifest) -> str:
    """Give the object's resourceVersion."""
    return text(at(manifest, "metadata", "resourceVersion"))


def record(manifest: Manifest) -> Live:
    """Fold one live object into a record; the whole object stays in it, compressed."""
    metadata = mapping(manifest.get("metadata"))
    return Live(
        key=key_of(manifest),
        uid=text(metadata.get("uid")),
        version=text(metadata.get("resourceVersion")),
        packed=encode.pack(manifest),
        marks=_marks(metadata),
        managers=_managers(metadata),
        controlled=any(
            owner.get("controller") is True for owner in items(metadata.get("ownerReferences"))
        ),
        leaving=at(metadata, "deletionTimestamp") is not ABSENT,
        health=health.health(manifest),
        unanswered=_unanswered(manifest),
        suspended=_suspended(metadata),
        finished=health.finished(manifest),
    )


def unpack(live: Live) -> dict[str, Any]:
    """Give the whole object of a record; callers share it and must not change it."""
    return _unpacked(live.packed)


def namespace_facts(manifest: Manifest) -> NamespaceFacts:
    """Read a live Namespace; its metadata are enough."""
    metadata = mapping(manifest.get("metadata"))
    name = text(metadata.get("name"))
    return NamespaceFacts(
        name=name,
        exists=True,
        labels=texts(metadata.get("labels")),
        annotations=texts(metadata.get("annotations")),
        since=_since(metadata),
        origin=Origin(object=f"Namespace {name}"),
    )


def root(manifest: Manifest) -> Root:
    """Read a live Package."""
    metadata = mapping(manifest.get("metadata"))
    return Root(
        uid=text(metadata.get("uid")),
        version=text(metadata.get("resourceVersion")),
        generation=number(metadata.get("generation"), 0),
        labels=texts(metadata.get("labels")),
        annotations=texts(metadata.get("annotations")),
        since=_since(metadata),
        spec=mapping(manifest.get("spec")),
        told=_told(mapping(manifest.get("status"))),
    )


def _told(status: Mapping[str, Any]) -> str:
    return encode.digest(status) if status else ""


def is_older(version: str, than: str) -> bool:
    """Whether one resourceVersion of an object is older than another.

    They are comparable integers (KEP-5504, Kubernetes 1.35; true of etcd before that). Where an
    aggregated API writes something else, nothing is known to be older.
    """
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


@lru_cache(maxsize=64)
def _unpacked(packed: bytes) -> dict[str, Any]:
    unpacked: dict[str, Any] = encode.unpack(packed)
    return unpacked


def _marks(metadata: Mapping[str, Any]) -> dict[str, str]:
    labels, annotations = texts(metadata.get("labels")), texts(metadata.get("annotations"))
    marks = {
        name: intern(value)
        for name, value in (annotations | labels).items()
        if name.startswith(_OURS) or name in _MARKS_OF_OTHERS
    }
    if labels.get(_MANAGED_BY) == "Helm":
        marks[_MANAGED_BY] = "Helm"
    return marks


def _managers(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the managers, each once, in the order of managedFields."""
    names = (intern(text(each.get("manager"))) for each in items(metadata.get("managedFields")))
    return tuple(dict.fromkeys(name for name in names if name))


def _suspended(metadata: Mapping[str, Any]) -> datetime | None:
    is_marked = SUSPEND in texts(metadata.get("annotations"))
    return _since(metadata).get(SUSPEND) if is_marked else None


def _unanswered(manifest: Manifest) -> datetime | None:
    """Tell when we applied a custom resource that has no status; None for any other object."""
    if is_built_in(group_kind(manifest).group) or mapping(manifest.get("status")):
        return None
    entries = items(at(manifest, "metadata", "managedFields"))
    written = next((text(entry.get("time")) for entry in entries if fields.is_ours(entry)), "")
    return datetime.fromisoformat(written) if written else None


def _since(metadata: Mapping[str, Any]) -> dict[str, datetime]:
    """Tell when each `tidegate.io/` annotation was set.

    A manager's time moves on when it changes another of its fields (API reference,
    ManagedFieldsEntry.time), so of several owners the earliest time is the nearest to the truth.
    """
    since: dict[str, datetime] = {}
    for entry in items(metadata.get("managedFields")):
        written = text(entry.get("time"))
        fields = mapping(at(entry, "fieldsV1", "f:metadata", "f:annotations"))
        ours = [name[2:] for name in fields if name.startswith(f"f:{_OURS}")]
        if ours and written:
            time = datetime.fromisoformat(written)
            since |= {name: min(time, since.get(name, time)) for name in ours}
    return since
