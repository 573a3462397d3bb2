"""A manifest as the agent compares and applies it: only what its author may decide.

Never fills in a default, never changes its input, and leaves null where the author wrote it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from agent.core import words
from agent.core.reading import at, group_kind, mapping
from agent.core.scopes import CRD
from agent.core.values import GroupKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.core.values import Manifest

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
SECRET: Final = GroupKind("", "Secret")
CLUSTER_ROLE: Final = GroupKind("rbac.authorization.k8s.io", "ClusterRole")

_SUSPEND: Final = frozenset(
    {words.SUSPEND, words.SUSPEND_REASON, words.SUSPEND_UNTIL, words.SUSPEND_BY}
)
# Only the API server writes these; they come with manifests that were copied from a cluster.
_OF_THE_SERVER: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
# What an author can't decide, or what would outlive its removal from Git once applied.
_ANNOTATIONS: Final = frozenset({_LAST_APPLIED, words.OWNER}) | _SUSPEND
_LABELS: Final = frozenset({words.PACKAGE, words.INSTANCE})


def problems(manifest: Manifest) -> Iterator[str]:
    """Yield what would make `canonical` lie: text fields of a Secret that hold something else."""
    if group_kind(manifest) != SECRET:
        return
    for field in ("data", "stringData"):
        for name, value in mapping(manifest.get(field)).items():
            if value is not None and not isinstance(value, str):
                yield f"{field}: `{name}` must be a string: quote it"


def canonical(manifest: Manifest, namespace: str) -> dict[str, Any]:
    """Return the manifest in one namespace (empty: none), without what only a server writes."""
    kept = {name: value for name, value in manifest.items() if name != "status"}
    kept["metadata"] = _metadata(mapping(manifest.get("metadata")), namespace)
    change = _BY_KIND.get(group_kind(manifest))
    return change(kept) if change else kept


def suspensions(annotations: Mapping[str, str]) -> dict[str, str]:
    """Give the annotations that hold an object; they are read in Git and never applied."""
    return {name: value for name, value in annotations.items() if name in _SUSPEND}


def _metadata(metadata: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    kept = {name: value for name, value in metadata.items() if name not in _OF_THE_SERVER}
    kept.pop("namespace", None)
    if namespace:
        kept["namespace"] = namespace
    for name, dropped in (("annotations", _ANNOTATIONS), ("labels", _LABELS)):
        given = mapping(kept.get(name))
        if not dropped.isdisjoint(given):
            kept[name] = {key: value for key, value in given.items() if key not in dropped}
            if not kept[name]:
                del kept[name]
    return kept


def _secret(manifest: dict[str, Any]) -> dict[str, Any]:
    """Merge stringData into data, as the API server does on a write, where the former wins.

    Under server-side apply stringData is owned but never stored, so a key dropped from it stays
    in data for ever (kubernetes#123843). Line breaks inside base64 are lost on the server too.
    """
    kept = {name: value for name, value in manifest.items() if name not in {"data", "stringData"}}
    data = {name: _unfolded(value) for name, value in mapping(manifest.get("data")).items()}
    for name, value in mapping(manifest.get("stringData")).items():
        data[name] = base64.b64encode((value or "").encode()).decode()
    return {**kept, "data": data} if data else kept


def _unfolded(value: Any) -> Any:
    return value.replace("\n", "").replace("\r", "") if isinstance(value, str) else value


def _cluster_role(manifest: dict[str, Any]) -> dict[str, Any]:
    """Leave the rules of an aggregated role to the controller that fills them in.

    The list is atomic: applying `rules: []` would wipe them each time (flux2#2472).
    """
    if manifest.get("aggregationRule") is None:
        return manifest
    return {name: value for name, value in manifest.items() if name != "rules"}


def _definition(manifest: dict[str, Any]) -> dict[str, Any]:
    """Drop the default that the server does not store (argo-cd#6401)."""
    if at(manifest, "spec", "preserveUnknownFields") is not False:
        return manifest
    spec = {
        name: value for name, value in manifest["spec"].items() if name != "preserveUnknownFields"
    }
    return {**manifest, "spec": spec}


_BY_KIND: Final[Mapping[GroupKind, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    SECRET: _secret,
    CLUSTER_ROLE: _cluster_role,
    CRD: _definition,
}
