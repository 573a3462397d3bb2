"""What a request is about: its path, read as the API server reads it. Never answers one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from agent.sandbox.refusals import not_in_the_sandbox, not_served

if TYPE_CHECKING:
    from agent.edges.kube.seam import Request
    from agent.sandbox.catalog import Catalog, Resource

_REFUSED: Final = {
    "attach": "run programs in containers",
    "binding": "schedule Pods",
    "ephemeralcontainers": "run programs in containers",
    "eviction": "evict Pods",
    "exec": "run programs in containers",
    "log": "have logs: no container runs",
    "portforward": "forward ports",
    "proxy": "forward requests",
    "resize": "resize Pods",
    "scale": "serve the scale subresource",
    "token": "issue tokens",
    "approval": "sign certificates",
}
_SUBRESOURCES: Final = frozenset({"", "status", "finalize"})


class Target(NamedTuple):
    """One collection, object or subresource."""

    resource: Resource
    namespace: str
    name: str
    subresource: str


def target(catalog: Catalog, request: Request) -> Target:
    """Find what a path names.

    Raises:
        RefusalError: nothing is served there, or the sandbox does not do that.
    """
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    group, version, rest = _group(parts)
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in _SUBRESOURCES:  # noqa: PLR2004
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    if subresource in _REFUSED:
        raise not_in_the_sandbox(_REFUSED[subresource])
    resource = catalog.at(group, version, plural)
    if resource is None or subresource not in _SUBRESOURCES or len(rest) > 3:  # noqa: PLR2004
        raise not_served()
    if subresource == "status" and not resource.has_status:
        raise not_served()
    if bool(namespace) and not resource.namespaced:
        raise not_served()
    if name and resource.namespaced and not namespace:
        raise not_served()
    return Target(resource, namespace, name, subresource)


def _group(parts: list[str]) -> tuple[str, str, list[str]]:
    """Split `api/v1/…` and `apis/apps/v1/…`."""
    if parts[0] == "api" and len(parts) > 2:  # noqa: PLR2004
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) > 3:  # noqa: PLR2004
        return parts[1], parts[2], parts[3:]
    raise not_served()
