"""Tells which kinds are served, in both forms, and publishes their schemas; never more than those.

Rules: KEP-3352 (aggregated discovery), KEP-2896 (OpenAPI v3).
"""

from __future__ import annotations

import hashlib
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.schema import ANY_OBJECT
from agent.sandbox.catalog import built_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.sandbox.catalog import Catalog, Resource

Object = dict[str, Any]
_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)
_STATUS_VERBS: Final = ("get", "patch", "update")
REVIEWS: Final = (
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
)
"""Questions that are answered and never stored: group, plural, kind; all `v1`."""
AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def versions(catalog: Catalog) -> list[tuple[str, str]]:
    """List every group version, those of the questions too."""
    reviews = ((group, "v1") for group, _, _ in REVIEWS)
    return list(dict.fromkeys((*catalog.groups(), *reviews)))


# --- aggregated ----------------------------------------------------------------------------------


def aggregated(catalog: Catalog, *, core: bool) -> Object:
    """Give the whole of `/api` or `/apis` in one answer."""
    chosen = [each for each in versions(catalog) if (each[0] == "") is core]
    groups: dict[str, list[str]] = {}
    for group, version in chosen:
        groups.setdefault(group, []).append(version)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group} if group else {},
                "versions": [_version(catalog, group, each) for each in listed],
            }
            for group, listed in groups.items()
        ],
    }


def _version(catalog: Catalog, group: str, version: str) -> Object:
    listed = [_aggregated(each) for each in catalog.of_version(group, version)]
    for _, plural, kind in (each for each in REVIEWS if each[0] == group):
        listed.append(
            {
                "resource": plural,
                "responseKind": {"group": "", "version": "", "kind": kind},
                "scope": "Cluster",
                "singularResource": kind.lower(),
                "verbs": ["create"],
            }
        )
    return {"version": version, "resources": listed, "freshness": "Current"}


def _aggregated(resource: Resource) -> Object:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    found: Object = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(_VERBS),
    }
    if resource.short:
        found["shortNames"] = list(resource.short)
    if resource.categories:
        found["categories"] = list(resource.categories)
    if resource.has_status:
        status = {"subresource": "status", "responseKind": kind, "verbs": list(_STATUS_VERBS)}
        found["subresources"] = [status]
    return found


# --- plain ---------------------------------------------------------------------------------------


def groups(catalog: Catalog) -> Object:
    """Give `/apis`."""
    named = [each for each in versions(catalog) if each[0]]
    listed = [_group(name, [v for _, v in each]) for name, each in groupby(named, lambda v: v[0])]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(catalog: Catalog, name: str) -> Object | None:
    """Give `/apis/<group>`."""
    found = [version for group, version in versions(catalog) if group == name]
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, found)} if found else None


def _group(name: str, found: list[str]) -> Object:
    listed = [{"groupVersion": f"{name}/{each}", "version": each} for each in found]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resources(catalog: Catalog, group: str, version: str) -> Object | None:
    """Give `/api/v1` or `/apis/<group>/<version>`."""
    if (group, version) not in versions(catalog):
        return None
    listed = [each for found in catalog.of_version(group, version) for each in _plain(found)]
    for _, plural, kind in (each for each in REVIEWS if each[0] == group):
        named = {"name": plural, "singularName": kind.lower(), "namespaced": False}
        listed.append({**named, "kind": kind, "verbs": ["create"]})
    name = f"{group}/{version}" if group else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": name,
        "resources": listed,
    }


def _plain(resource: Resource) -> Iterator[Object]:
    found: Object = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(_VERBS),
    }
    if resource.short:
        found["shortNames"] = list(resource.short)
    if resource.categories:
        found["categories"] = list(resource.categories)
    yield found
    if resource.has_status:
        yield {
            "name": f"{resource.plural}/status",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(_STATUS_VERBS),
        }


# --- schemas -------------------------------------------------------------------------------------


def schema_index(catalog: Catalog) -> Object:
    """Give `/openapi/v3`: a document for each group version, named by its content."""
    paths = {}
    for group, version in catalog.groups():
        prefix = f"apis/{group}/{version}" if group else f"api/{version}"
        digest = _digest(catalog.of_version(group, version))
        paths[prefix] = {"serverRelativeURL": f"/openapi/v3/{prefix}?hash={digest}"}
    return {"paths": paths}


def _digest(found: Iterable[Resource]) -> str:
    content = [
        (each.kind, each.plural, each.schema if each.is_custom else built_in().version)
        for each in found
    ]
    return hashlib.sha256(orjson.dumps(content)).hexdigest().upper()


def schemas(catalog: Catalog, group: str, version: str) -> Object | None:
    """Give one document of `/openapi/v3`."""
    found = catalog.of_version(group, version)
    if not found:
        return None
    native = [each.schema_name for each in found if not each.is_custom]
    listed = built_in().closure(native)
    for each in found:
        if each.is_custom:
            listed[_schema_name(each)] = _custom_schema(each)
            listed |= built_in().closure([_META])
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": f"v{built_in().version}"},
        "paths": {path: item for each in found for path, item in _paths(each)},
        "components": {"schemas": listed},
    }


_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def _schema_name(resource: Resource) -> str:
    if not resource.is_custom:
        return resource.schema_name
    reverse = ".".join(reversed(resource.group.split(".")))
    return f"{reverse}.{resource.version}.{resource.kind}"


def _custom_schema(resource: Resource) -> Object:
    schema = dict(resource.schema or {"type": "object"})
    properties = dict(schema.get("properties") or {})
    if resource.node is not ANY_OBJECT and properties:
        properties |= {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": f"#/components/schemas/{_META}"}]},
        }
        schema["properties"] = properties
    return {**schema, "x-kubernetes-group-version-kind": [_kind(resource)]}


def _kind(resource: Resource) -> Mapping[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _paths(resource: Resource) -> Iterator[tuple[str, Object]]:
    """Yield what kubectl looks up: that a PATCH knows `fieldValidation` and `dryRun`."""
    space = "namespaces/{namespace}/" if resource.namespaced else ""
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    action: Object = {"parameters": parameters, "x-kubernetes-group-version-kind": _kind(resource)}
    collection = f"/{resource.prefix}/{space}{resource.plural}"
    yield collection, {"post": {**action, "x-kubernetes-action": "post"}}
    one = {verb: {**action, "x-kubernetes-action": verb} for verb in ("put", "patch")}
    yield f"{collection}/{{name}}", one
