"""Discovery and schemas of the API server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from scripted_transport import ScriptedTransport

from agent.core.values import GroupKind, KindInfo
from agent.edges.kube.discovery import Discovery
from agent.edges.kube.openapi import Schemas
from agent.edges.kube.seam import Request, Response

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.conftest import Api

    from agent.edges.kube.seam import Stream, Transport

DEPLOYMENT = GroupKind("apps", "Deployment")
POD = GroupKind("", "Pod")
AUTOSCALER = GroupKind("autoscaling", "HorizontalPodAutoscaler")
REVIEW = GroupKind("authentication.k8s.io", "TokenReview")


class Plain:
    """Passes requests on, without asking for the aggregated form."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, request: Request) -> Response:
        """Ask for plain JSON."""
        return self._transport.send(Request(request.method, request.path, request.query))

    def stream(self, request: Request) -> Stream:
        """Pass on."""
        return self._transport.stream(request)


def test_kinds_are_found_with_their_versions(api: Api):
    """The preferred version comes first; what can't be watched is known."""
    kinds = Discovery(api.transport).kinds()

    assert kinds[DEPLOYMENT] == KindInfo(
        "apps", "Deployment", "deployments", namespaced=True, versions=("v1",)
    )
    # The sandbox serves one version of each kind.
    assert kinds[AUTOSCALER].versions == (("v2", "v1") if api.kind == "real" else ("v2",))
    assert [kind in kinds.watchable for kind in (POD, DEPLOYMENT, REVIEW)] == [True, True, False]
    assert kinds.stale == frozenset()


def test_a_server_without_aggregation_tells_the_same(transport: Transport):
    """Old servers and sandboxes answer in the plain form."""
    assert Discovery(Plain(transport)).kinds() == Discovery(transport).kinds()


def test_a_definition_is_found_after_it_was_made(api: Api):
    """A kind that is not known is looked for once more."""
    discovery = Discovery(api.transport)
    bakery = GroupKind("discovery.example.com", "Bakery")
    before = discovery.find(bakery)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{BAKERIES}"
    code, _ = api.ask("PATCH", path, DEFINITION, APPLY, fieldManager="one")

    # The server serves a kind a moment after it calls it established.
    pause = threading.Event()
    found = next(filter(None, (discovery.find(bakery) or pause.wait(0.05) for _ in range(600))))

    assert (before, code, found) == (
        None,
        201,
        KindInfo("discovery.example.com", "Bakery", "bakeries", namespaced=True, versions=("v1",)),
    )


APPLY = "application/apply-patch+yaml"
BAKERIES = "bakeries.discovery.example.com"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": BAKERIES},
    "spec": {
        "group": "discovery.example.com",
        "names": {"kind": "Bakery", "plural": "bakeries"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}


def aggregated(*groups: dict[str, Any]) -> dict[str, Any]:
    """Make an aggregated answer."""
    return {"kind": "APIGroupDiscoveryList", "items": list(groups)}


def group(name: str, freshness: str, *kinds: str) -> dict[str, Any]:
    """Make a group with one version."""
    resources = [
        {
            "resource": f"{kind.lower()}s",
            "responseKind": {"kind": kind},
            "scope": "Cluster",
            "verbs": ["list", "watch"],
        }
        for kind in kinds
    ]
    versions = [{"version": "v1", "freshness": freshness, "resources": resources}]
    return {"metadata": {"name": name}, "versions": versions}


def test_a_group_that_does_not_answer_is_stale_and_keeps_its_kinds():
    """Its server may only be restarting: nothing is proved absent."""
    before = [aggregated(), aggregated(group("metrics", "Current", "Node"))]
    after = [aggregated(), aggregated(group("metrics", "Stale"))]
    discovery = Discovery(ScriptedTransport(*before, *after))

    first, second = discovery.kinds(), discovery.refresh()

    assert (first.stale, second.stale) == (frozenset(), frozenset({"metrics"}))
    assert dict(second) == dict(first)
    assert second.watchable == first.watchable


def test_what_is_known_is_not_asked_again():
    """At rest there are no requests."""
    transport = ScriptedTransport(aggregated(), aggregated(group("a", "Current", "Node")))
    discovery = Discovery(transport)

    assert discovery.find(GroupKind("a", "Node")) == discovery.find(GroupKind("a", "Node"))
    assert [request.path for request in transport.requests] == ["/api", "/apis"]


def test_schemas_are_read_by_group_and_kept_on_disk(transport: Transport, tmp_path: Path):
    """The second start asks for the index only."""
    first = Schemas(transport, tmp_path)
    assert first.node("apps/v1", "Deployment") is not None
    assert first.node("v1", "Pod") is not None
    assert first.node("apps/v1", "Nonsense") is None
    assert first.node("nonsense.example.com/v1", "Deployment") is None
    cached = sorted(tmp_path.iterdir())

    counted: list[str] = []
    again = Schemas(Counting(transport, counted), tmp_path)
    assert again.node("apps/v1", "Deployment") is not None

    assert (len(cached), counted) == (2, ["/openapi/v3"])


def test_a_broken_cache_is_read_again(transport: Transport, tmp_path: Path):
    """A disk that was full leaves half a file."""
    assert Schemas(transport, tmp_path).node("v1", "Pod") is not None
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:100])

    assert Schemas(transport, tmp_path).node("v1", "Pod") is not None


class Counting:
    """Passes requests on and notes their paths."""

    def __init__(self, transport: Transport, paths: list[str]) -> None:
        self._transport = transport
        self._paths = paths

    def send(self, request: Request) -> Response:
        """Pass on."""
        self._paths.append(request.path)
        return self._transport.send(request)

    def stream(self, request: Request) -> Stream:
        """Pass on."""
        return self._transport.stream(request)
