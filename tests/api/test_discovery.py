"""Discovery and schemas of a real API server."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from scripted_transport import ScriptedTransport

from agent.core.values import GroupKind, KindInfo
from agent.edges.kube.discovery import Discovery
from agent.edges.kube.openapi import Schemas
from agent.edges.kube.seam import Request, Response
from agent.edges.kube.transport import HttpTransport, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from control_plane.server import ControlPlane

    from agent.edges.kube.seam import Stream

DEPLOYMENT = GroupKind("apps", "Deployment")
POD = GroupKind("", "Pod")
AUTOSCALER = GroupKind("autoscaling", "HorizontalPodAutoscaler")
REVIEW = GroupKind("authentication.k8s.io", "TokenReview")


@pytest.fixture
def transport(control_plane: ControlPlane) -> Iterator[HttpTransport]:
    """Give a transport as admin."""
    config = str(control_plane.kubeconfig())
    with closing(connect(config, None, "tidegate/0.1 (discovery)")) as opened:
        yield opened


class Plain:
    """Passes requests on, without asking for the aggregated form."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    def send(self, request: Request) -> Response:
        """Ask for plain JSON."""
        return self._transport.send(Request(request.method, request.path, request.query))

    def stream(self, request: Request) -> Stream:
        """Pass on."""
        return self._transport.stream(request)


def test_kinds_are_found_with_their_versions(transport: HttpTransport):
    """The preferred version comes first; what can't be watched is known."""
    kinds = Discovery(transport).kinds()

    assert kinds[DEPLOYMENT] == KindInfo(
        "apps", "Deployment", "deployments", namespaced=True, versions=("v1",)
    )
    assert kinds[AUTOSCALER].versions == ("v2", "v1")
    assert [kind in kinds.watchable for kind in (POD, DEPLOYMENT, REVIEW)] == [True, True, False]
    assert kinds.stale == frozenset()


def test_a_server_without_aggregation_tells_the_same(transport: HttpTransport):
    """Old servers and sandboxes answer in the plain form."""
    assert Discovery(Plain(transport)).kinds() == Discovery(transport).kinds()


def test_a_definition_is_found_after_it_was_made(
    transport: HttpTransport, kubectl: Callable[..., str]
):
    """A kind that is not known is looked for once more."""
    discovery = Discovery(transport)
    bakery = GroupKind("discovery.example.com", "Bakery")
    before = discovery.find(bakery)
    kubectl("apply", "-f", "-", stdin=DEFINITION)
    kubectl("wait", "--for=condition=Established", "crd/bakeries.discovery.example.com")

    # The server serves a kind a moment after it calls it established.
    found = next(filter(None, (discovery.find(bakery) for _ in range(1000))), None)

    assert (before, found) == (
        None,
        KindInfo("discovery.example.com", "Bakery", "bakeries", namespaced=True, versions=("v1",)),
    )


DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: bakeries.discovery.example.com}
spec:
  group: discovery.example.com
  names: {kind: Bakery, plural: bakeries}
  scope: Namespaced
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""


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


def test_schemas_are_read_by_group_and_kept_on_disk(transport: HttpTransport, tmp_path: Path):
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


def test_a_broken_cache_is_read_again(transport: HttpTransport, tmp_path: Path):
    """A disk that was full leaves half a file."""
    assert Schemas(transport, tmp_path).node("v1", "Pod") is not None
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:100])

    assert Schemas(transport, tmp_path).node("v1", "Pod") is not None


class Counting:
    """Passes requests on and notes their paths."""

    def __init__(self, transport: HttpTransport, paths: list[str]) -> None:
        self._transport = transport
        self._paths = paths

    def send(self, request: Request) -> Response:
        """Pass on."""
        self._paths.append(request.path)
        return self._transport.send(request)

    def stream(self, request: Request) -> Stream:
        """Pass on."""
        return self._transport.stream(request)
