"""Gives every story a corner of the real control plane, where the Package kind is known.

In the end it insists that the agent was refused nothing: what `deploy/` gives was enough.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest
from e2e.agent_process import Site

from agent import __version__
from agent.core.kinds.crd import crd
from agent.edges.kube.groundwork import _marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from control_plane.client import Object
    from control_plane.server import ControlPlane

Kind = TypeVar("Kind", bound=Site)
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class MakeSite(Protocol):
    """Makes sites of a kind: the default one, or one that says what else its agent may do."""

    def __call__(self, kind: type[Kind]) -> Kind:
        """Make one, which ends with the test."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker by which a story says that it is about refusals."""
    config.addinivalue_line(
        "markers", "refused(why): the agent is refused something, which is the story's subject"
    )


@pytest.fixture(scope="session")
def ground(control_plane: ControlPlane) -> ControlPlane:
    """Have the Package kind served already, as on every start but the very first."""
    client = control_plane.client()
    definition = _marked(crd(), __version__)
    path = f"{_DEFINITIONS}/{definition['metadata']['name']}"
    assert client.apply(path, definition, "tidegate", "force=true").code in (200, 201)
    client.wait_for(path, _is_established)
    # Established comes before served (kubernetes#117415 and others): ask until it answers.
    pause = threading.Event()
    while client.get("/apis/tidegate.io/v1alpha1/packages").code != 200:
        pause.wait(0.05)
    return control_plane


def _is_established(found: Object | None) -> bool:
    told = found["status"].get("conditions") if found and "status" in found else None
    return any(one["type"] == "Established" and one["status"] == "True" for one in told or ())


@pytest.fixture
def make_site(
    ground: ControlPlane, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[MakeSite]:
    """Make sites, each with a namespace, a repository, a user and an instance of its own."""
    made: list[Site] = []
    with ExitStack() as running:

        def make(kind: type[Kind]) -> Kind:
            name = f"e2e-{secrets.token_hex(4)}"
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            assert ground.client().request("POST", "/api/v1/namespaces", body).code == 201
            site = kind(ground, tmp_path / name, name, name)
            running.enter_context(site)
            made.append(site)
            return site

        yield make
    refusals = [one for site in made for one in site.refusals()]
    if request.node.get_closest_marker("refused") is None:
        assert refusals == [], "deploy/ gives the agent less than this story needs"
    else:
        assert refusals != [], "the story says that the agent is refused something, but it was not"


@pytest.fixture
def sites(make_site: MakeSite) -> Callable[[], Site]:
    """Make sites whose agents are what `deploy/cluster` installs."""
    return lambda: make_site(Site)


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """Give one site whose agent is what `deploy/cluster` installs."""
    return make_site(Site)
