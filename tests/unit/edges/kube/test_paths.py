"""URL paths: built with quoting, and named without names."""

from __future__ import annotations

import pytest

from agent.core.values import KindInfo
from agent.edges.kube.paths import APPLY, described, path
from agent.edges.kube.seam import Request

POD = KindInfo("", "Pod", "pods", namespaced=True, versions=("v1",))
ROLE = KindInfo("rbac.example", "ClusterRole", "clusterroles", namespaced=False, versions=("v1",))


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (path(POD, "v1"), "/api/v1/pods"),
        (path(POD, "v1", "shop"), "/api/v1/namespaces/shop/pods"),
        (path(POD, "v1", "shop", "web", "log"), "/api/v1/namespaces/shop/pods/web/log"),
        (path(ROLE, "v1", "shop", "a:b/c"), "/apis/rbac.example/v1/clusterroles/a%3Ab%2Fc"),
    ],
)
def test_a_path_names_an_object_or_a_collection(built: str, expected: str):
    """A namespace is no part of the path of a cluster-scoped object; names are quoted."""
    assert built == expected


WATCH = (("watch", "1"),)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request("GET", "/api/v1/namespaces/shop/pods/web"), ("get", "pods")),
        (Request("GET", "/api/v1/namespaces/shop/pods"), ("list", "pods")),
        (Request("GET", "/api/v1/pods", WATCH), ("watch", "pods")),
        (Request("GET", "/api/v1/namespaces/shop"), ("get", "namespaces")),
        (Request("GET", "/api/v1/namespaces"), ("list", "namespaces")),
        (Request("GET", "/apis/apps/v1/deployments"), ("list", "apps/deployments")),
        (
            Request("PATCH", "/apis/apps/v1/namespaces/a/deployments/b", content_type=APPLY),
            ("apply", "apps/deployments"),
        ),
        (
            Request("PATCH", "/apis/apps/v1/namespaces/a/deployments/b/status"),
            ("patch", "apps/deployments/status"),
        ),
        (Request("POST", "/api/v1/namespaces/a/events"), ("create", "events")),
        (Request("PUT", "/api/v1/namespaces/a/configmaps/b"), ("update", "configmaps")),
        (Request("DELETE", "/api/v1/namespaces/a/configmaps/b"), ("delete", "configmaps")),
        (Request("GET", "/apis"), ("get", "discovery")),
        (Request("GET", "/apis/apps/v1"), ("get", "discovery")),
        (Request("GET", "/openapi/v3/api/v1"), ("get", "openapi")),
        (Request("GET", "/version"), ("get", "version")),
    ],
)
def test_a_request_is_counted_by_verb_and_resource(request_: Request, expected: tuple[str, str]):
    """The words are those of the audit log."""
    assert described(request_) == expected
