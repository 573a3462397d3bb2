"""URL paths of the Kubernetes API: builds them, and names what a request is about."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from agent.core.values import KindInfo
    from agent.edges.kube.seam import Request

APPLY = "application/apply-patch+yaml"
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


def path(
    info: KindInfo, version: str, namespace: str = "", name: str = "", subresource: str = ""
) -> str:
    """Build the path of an object, or without a name of a collection.

    A namespace is left out for a cluster-scoped kind; without one, a collection spans them all.
    """
    parts = ["api", version] if not info.group else ["apis", info.group, version]
    if namespace and info.namespaced:
        parts += ["namespaces", namespace]
    parts += [info.plural, *filter(None, (name, subresource))]
    return "/" + "/".join(quote(part, safe="") for part in parts)


def described(request: Request) -> tuple[str, str]:
    """Give the verb and the resource, as the audit log has them, for counting requests.

    The resource is `group/plural`, such as `apps/deployments`; for a path that is no resource it
    is the path's first part. Names never appear: they would make a metric's series endless.
    """
    parts = request.path.strip("/").split("/")
    if parts[0] not in ("api", "apis"):
        return request.method.lower(), parts[0]
    prefix = 2 if parts[0] == "api" else 3  # api/<version> or apis/<group>/<version>
    group, rest = "" if parts[0] == "api" else "".join(parts[1:2]), parts[prefix:]
    if not rest:
        return request.method.lower(), "discovery"
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004  # namespaces/<name>/<plural>
        rest = rest[2:]
    plural, named = rest[0], len(rest) > 1
    subresource = f"/{rest[2]}" if len(rest) > 2 else ""  # noqa: PLR2004
    resource = f"{group}/{plural}" if group else plural
    return _verb(request, named=named), resource + subresource


def _verb(request: Request, *, named: bool) -> str:
    match request.method:
        case "GET" if ("watch", "1") in request.query:
            return "watch"
        case "GET":
            return "get" if named else "list"
        case "DELETE":
            return "delete" if named else "deletecollection"
        case "PATCH" if request.content_type == APPLY:
            return "apply"
        case method:
            return _VERBS.get(method, method.lower())
