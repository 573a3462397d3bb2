"""What people ask of a live Package, and what the server lets them do; never the agent's writes.

A request here is a person's own: their credentials, a field manager of their own, no lease.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core import words
from agent.core.identity import parse_owner
from agent.core.inventory import INVENTORY_LABEL
from agent.core.reading import at, items, mapping, text
from agent.edges.kube import memory, verbs
from agent.edges.kube.failures import RefusedError
from agent.edges.kube.refusal import CONFLICT, NOT_FOUND, is_taken
from agent.edges.kube.seam import Request
from agent.edges.kube.status import rejection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.core.identity import Home, Owner
    from agent.core.values import PackageName
    from agent.edges.kube.seam import Response, Transport

MANAGER: Final = "tidegate-cli"
"""Not the agent's: what a person sets is never taken for the agent's, nor taken back by it."""
TRIES: Final = 5
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_ROOT: Final = "/metadata/annotations"
_PAGE: Final = "500"
_METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""API concepts, "Metadata-only fetches"."""


@dataclass(frozen=True, slots=True)
class Right:
    """One thing the server is asked to allow; an empty namespace is the whole cluster."""

    verb: str
    resource: str
    """`plural`, `plural.group` or `plural.group/subresource`."""
    namespace: str = ""

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{where}"


def read(transport: Transport, package: PackageName) -> Mapping[str, Any] | None:
    """Read a live Package; None: there is none, or the cluster knows no Packages.

    Raises:
        ClusterError: it can't be read.
    """
    found = memory.get(transport, _path(package))
    return mapping(found) if found is not None else None


def annotate(
    transport: Transport, package: PackageName, changes: Mapping[str, str | None]
) -> Mapping[str, Any]:
    """Set annotations of a live Package, or remove them where None; return it as it is then.

    Raises:
        RefusedError: there is no such Package (404), it changed all the time (409), or the server
            does not let us.
        ClusterError: no answer came.
    """
    for _ in range(TRIES - 1):
        response = _try(transport, package, changes)
        if response.status != CONFLICT:
            break
    else:
        response = _try(transport, package, changes)
    if not is_taken(response):
        raise _refused(f"Package {package}", response)
    return mapping(orjson.loads(response.body))


def _try(transport: Transport, package: PackageName, changes: Mapping[str, str | None]) -> Response:
    """Patch the Package as it is now; 409 if somebody else was faster."""
    found = transport.send(Request("GET", _path(package)))
    if not is_taken(found):
        return found
    live = mapping(orjson.loads(found.body))
    patch = [*_patch(live, changes)]
    if len(patch) == 1:
        return found
    request = verbs.json_patch(_path(package), patch)
    return transport.send(replace(request, query=(("fieldManager", MANAGER),)))


def _patch(live: Mapping[str, Any], changes: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    """Yield RFC 6902 operations; setting resourceVersion to what it is makes them conditional."""
    yield {
        "op": "replace",
        "path": "/metadata/resourceVersion",
        "value": at(live, "metadata", "resourceVersion"),
    }
    present = mapping(at(live, "metadata", "annotations"))
    if not present and any(value is not None for value in changes.values()):
        yield {"op": "add", "path": _ROOT, "value": {}}
    for name, value in changes.items():
        path = f"{_ROOT}/{name.replace('~', '~0').replace('/', '~1')}"
        if value is not None and present.get(name) != value:
            yield {"op": "add", "path": path, "value": value}
        elif value is None and name in present:
            yield {"op": "remove", "path": path}


def who(transport: Transport) -> str:
    """Return the name by which the server knows us; empty where it does not say.

    SelfSubjectReview is served since Kubernetes 1.28.
    """
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    response = transport.send(verbs.create(_WHO, review))
    if not is_taken(response):
        return ""
    return text(at(orjson.loads(response.body), "status", "userInfo", "username"))


def is_allowed(transport: Transport, right: Right, impersonate: str = "") -> bool:
    """Ask the server whether we, or another user, have a right (SelfSubjectAccessReview).

    Raises:
        RefusedError: the server does not answer that, such as for want of `impersonate`.
        ClusterError: no answer came.
    """
    resource, _, subresource = right.resource.partition("/")
    plural, _, group = resource.partition(".")
    attributes = {
        "verb": right.verb,
        "resource": plural,
        "group": group,
        "subresource": subresource,
        "namespace": right.namespace,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    request = replace(verbs.create(_REVIEWS, review), impersonate=impersonate)
    response = transport.send(request)
    if not is_taken(response):
        raise _refused(f"asking whether {impersonate or 'we'} may {right}", response)
    return at(orjson.loads(response.body), "status", "allowed") is True


def remembered(transport: Transport, home: Home) -> frozenset[Owner]:
    """Name the packages that an instance remembers anything of; only metadata are read.

    Raises:
        RefusedError: the server does not let us.
        ClusterError: no answer came.
    """
    path, proceed = verbs.config_maps(home.namespace), ""
    found: set[Owner | None] = set()
    while True:
        query = [("labelSelector", f"{INVENTORY_LABEL}={home.instance}"), ("limit", _PAGE)]
        query += [("continue", proceed)] if proceed else []
        response = transport.send(Request("GET", path, tuple(query), accept=_METADATA))
        if not is_taken(response):
            raise _refused("the agent's memory", response)
        page = orjson.loads(response.body)
        for each in items(page.get("items")):
            found.add(parse_owner(text(at(each, "metadata", "annotations", words.OWNER))))
        proceed = text(at(page, "metadata", "continue"))
        if not proceed:
            return frozenset(each for each in found if each is not None)


def _path(package: PackageName) -> str:
    return verbs.one(verbs.packages(package.namespace), package.name)


def _refused(what: str, response: Response) -> RefusedError:
    says = rejection(response)
    if response.status == NOT_FOUND:
        return RefusedError(f"{what} is not in the cluster: {says.message}", says)
    return RefusedError(f"{what}: {says.code} {says.reason}: {says.message}", says)
