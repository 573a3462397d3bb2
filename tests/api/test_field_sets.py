"""Our field sets and comparison against those of a real API server."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.core import encode, fields, manifests, schema
from agent.core.canonical import canonical
from agent.core.compare import Comparison, compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from control_plane.client import Answer, Client, Object
    from control_plane.server import ControlPlane

pytestmark = pytest.mark.real

TESTDATA = Path(__file__).parents[1] / "testdata"
TAKEN = (200, 201)
QUERY = "dryRun=All&force=true&fieldValidation=Strict"


def objects(name: str) -> list[dict[str, Any]]:
    """The objects of a file of testdata."""
    found = manifests.objects(manifests.read((TESTDATA / name).read_bytes(), name).manifests)
    assert found.problems == ()
    return [document.value for document in found.manifests]


MANY = objects("many-kinds.yaml")
DEFINITION, WIDGET = objects("widget.yaml")


class Served:
    """A client, and what the server says of its kinds."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.places: dict[schema.Kind, tuple[str, bool]] = {}
        self.nodes: dict[schema.Kind, schema.Node] = {}
        kinds = {(each["apiVersion"], each["kind"]) for each in (*MANY, WIDGET)}
        for api_version in {version for version, _ in kinds}:
            self._learn(api_version, {kind for kind in kinds if kind[0] == api_version})

    def _learn(self, api_version: str, kinds: set[schema.Kind]) -> None:
        root = f"{'apis' if '/' in api_version else 'api'}/{api_version}"
        deadline = time.monotonic() + 30  # the schema of a new definition is published late
        while not kinds <= self.nodes.keys() and time.monotonic() < deadline:
            self.nodes |= schema.from_openapi(self.client.get(f"/openapi/v3/{root}").body)
        for each in self.client.get(f"/{root}").body["resources"]:
            if "/" not in each["name"]:
                place = f"/{root}/{{}}{each['name']}/", each["namespaced"]
                self.places[api_version, each["kind"]] = place

    def apply(self, manifest: Mapping[str, Any]) -> Answer:
        """What the server would make of an apply by tidegate."""
        place, namespaced = self.places[manifest["apiVersion"], manifest["kind"]]
        path = place.format("namespaces/default/" if namespaced else "")
        name = manifest["metadata"]["name"]
        return self.client.apply(path + name, encode.body(manifest), "tidegate", QUERY)

    def node(self, manifest: Mapping[str, Any]) -> schema.Node:
        """The schema of an object."""
        return self.nodes[manifest["apiVersion"], manifest["kind"]]


@pytest.fixture(scope="module")
def served(control_plane: ControlPlane) -> Served:
    """The server with the Widget kind established and its schema published."""
    client = control_plane.client()
    collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    name = DEFINITION["metadata"]["name"]
    assert client.apply(f"{collection}/{name}", encode.body(DEFINITION)).code in TAKEN
    client.wait_for(f"{collection}/{name}", _is_established)
    return Served(client)


def _is_established(definition: Object | None) -> bool:
    conditions = (definition or {}).get("status", {}).get("conditions") or ()
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)


def agreed(manifest: dict[str, Any], node: schema.Node, live: Object) -> None:
    """Assert that we and the server say the same of an apply."""
    raw = live["metadata"].get("managedFields", [])
    mine = fields.of(manifest, node)
    assert fields.render(mine) == fields.render(fields.own(raw))
    compared = canonical(manifest, manifest["metadata"].get("namespace", ""))
    assert compare(compared, compared, live, mine, node, raw) == Comparison()
    assert compare(compared, None, live, mine, node, raw).changes == ()


@pytest.mark.parametrize("manifest", [*MANY, WIDGET], ids=lambda each: each["kind"])
def test_we_own_what_the_server_says_we_own(served: Served, manifest: dict[str, Any]) -> None:
    """For every kind: the same field set, and nothing to do after an apply, defaults or not."""
    answer = served.apply(manifest)
    assert answer.code in TAKEN, answer.body["message"]
    agreed(manifest, served.node(manifest), answer.body)


def test_schemas_of_definitions_are_those_the_server_publishes(served: Served) -> None:
    """A kind is understood from its CRD alone, before the server publishes its schema."""
    node = schema.from_crd(DEFINITION)["test.example.com/v1", "Widget"]
    assert fields.of(WIDGET, node) == fields.of(WIDGET, served.node(WIDGET))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a manifest, by names and indices."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in entries:
        yield (*path, name)
        if isinstance(each, dict | list):
            yield from places(each, (*path, name))


def varied(manifest: dict[str, Any], where: tuple[Any, ...], what: str) -> None:
    """Drop a place, or empty a text or collection; a place that is gone already stays so."""
    parent: Any = manifest
    for step in where[:-1]:
        try:
            parent = parent[step]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(parent, dict) and where[-1] in parent:
        old = parent.pop(where[-1])
        if what == "empty" and isinstance(old, dict | list | str):
            parent[where[-1]] = type(old)()


variations = st.sampled_from([*MANY, WIDGET]).flatmap(
    lambda manifest: st.tuples(
        st.just(manifest),
        st.lists(
            st.tuples(st.sampled_from(list(places(manifest))), st.sampled_from(["drop", "empty"])),
            min_size=1,
            max_size=4,
        ),
    )
)


@settings(
    deadline=None,
    max_examples=120,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(variations)
def test_variations_are_owned_alike(
    served: Served, variation: tuple[dict[str, Any], list[tuple[tuple[Any, ...], str]]]
) -> None:
    """Whatever is left out or empty, if the server takes it we agree with it."""
    manifest = copy.deepcopy(variation[0])
    for where, what in variation[1]:
        if where[0] not in {"apiVersion", "kind"} and where not in {
            ("metadata",),
            ("metadata", "name"),
        }:
            varied(manifest, where, what)
    answer = served.apply(manifest)
    if answer.code in TAKEN:
        agreed(manifest, served.node(manifest), answer.body)
