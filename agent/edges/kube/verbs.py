"""The mutating requests there are, and the paths of the agent's own objects; never sends one.

No other module spells POST, PUT, PATCH or DELETE towards the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from agent.core import encode, words
from agent.edges.kube import paths
from agent.edges.kube.seam import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.core.values import Manifest

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"

NAMESPACES: Final = "/api/v1/namespaces"
CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OURS: Final = f"/apis/{words.API_VERSION}"


def one(collection: str, name: str) -> str:
    """Return the path of an object in a collection."""
    return f"{collection}/{quote(name, safe='')}"


def config_maps(namespace: str) -> str:
    """Return the path of a namespace's ConfigMaps."""
    return f"{one(NAMESPACES, namespace)}/configmaps"


def secrets(namespace: str) -> str:
    """Return the path of the Secrets of a namespace."""
    return f"/api/v1/namespaces/{namespace}/secrets"


def leases(namespace: str) -> str:
    """Return the path of a namespace's Leases."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases"


def packages(namespace: str) -> str:
    """Return the path of a namespace's Packages."""
    return f"{OURS}/namespaces/{quote(namespace, safe='')}/packages"


def events(namespace: str) -> str:
    """Return the path of a namespace's Events."""
    return f"/apis/events.k8s.io/v1/namespaces/{quote(namespace, safe='')}/events"


def apply(
    path: str,
    manifest: Manifest,
    *,
    manager: str = words.FIELD_MANAGER,
    validation: str = "Strict",
    impersonate: str = "",
) -> Request:
    """Return a server-side apply that takes what it names.

    Raises:
        EncodeError: the manifest can't be sent.
    """
    return Request(
        "PATCH",
        path,
        (("fieldManager", manager), ("force", "true"), ("fieldValidation", validation)),
        encode.body(manifest),
        paths.APPLY,
        impersonate=impersonate,
    )


def json_patch(path: str, patch: Sequence[Mapping[str, Any]], impersonate: str = "") -> Request:
    """Return a JSON patch (RFC 6902)."""
    query = (("fieldManager", words.FIELD_MANAGER),)
    return Request("PATCH", path, query, encode.body(patch), JSON_PATCH, impersonate=impersonate)


def create(collection: str, manifest: Manifest) -> Request:
    """Return a request that creates, or fails where the object exists."""
    query = (("fieldManager", words.FIELD_MANAGER),)
    return Request("POST", collection, query, encode.body(manifest), JSON)


def update(path: str, manifest: Manifest) -> Request:
    """Return a request that replaces exactly the resourceVersion in the manifest."""
    query = (("fieldManager", words.FIELD_MANAGER),)
    return Request("PUT", path, query, encode.body(manifest), JSON)


def delete(
    path: str, uid: str, version: str = "", propagation: str = "Background", impersonate: str = ""
) -> Request:
    """Return a deletion of exactly this object, and where a version is given of that version."""
    preconditions = {"uid": uid, "resourceVersion": version} if version else {"uid": uid}
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": preconditions,
        "propagationPolicy": propagation,
    }
    return Request("DELETE", path, (), encode.body(options), JSON, impersonate=impersonate)
