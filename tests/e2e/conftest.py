"""Gives every story a corner of the real control plane, where the Package kind is known."""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

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

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


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
def sites(ground: ControlPlane, tmp_path: Path) -> Iterator[Callable[[], Site]]:
    """Make sites, each with a namespace, a repository, a user and an instance of its own."""
    with ExitStack() as running:

        def make() -> Site:
            name = f"e2e-{secrets.token_hex(4)}"
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            assert ground.client().request("POST", "/api/v1/namespaces", body).code == 201
            return running.enter_context(Site(ground, tmp_path / name, name, name))

        yield make


@pytest.fixture
def site(sites: Callable[[], Site]) -> Site:
    """Give one site."""
    return sites()
