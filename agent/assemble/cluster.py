"""Wires the cluster side that only looks: transport, discovery, schemas, reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent import __version__
from agent.core.identity import Home
from agent.edges import clock
from agent.edges.kube.discovery import Discovery, api_versions, server_version
from agent.edges.kube.openapi import Schemas
from agent.edges.kube.read import Reader
from agent.edges.kube.transport import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.edges.kube.seam import Transport
    from agent.edges.kube.transport import HttpTransport
    from agent.edges.render.helm import Capabilities
    from agent.settings import Settings

CONNECTIONS = 64
"""Watches of some dozen kinds, and the request threads."""


def user_agent(instance: str) -> str:
    """How the agent names itself on every request (the contract)."""
    return f"tidegate/{__version__} ({instance})"


@dataclass(slots=True)
class Connected:
    """The cluster side: reading, and what writing needs."""

    transport: Transport
    discovery: Discovery
    schemas: Schemas
    reader: Reader
    home: Home

    def capabilities(self) -> Capabilities:
        """What charts are told of the cluster: its version, and the API versions it serves."""
        from agent.edges.render.helm import Capabilities  # noqa: PLC0415 - `status` renders nothing

        return Capabilities(server_version(self.transport), api_versions(self.discovery.kinds()))


def transport(
    settings: Settings, on_request: Callable[[str, str, int], None] | None = None
) -> HttpTransport:
    """Find the cluster and ask it nothing yet.

    Raises:
        ClusterError: there is no such kubeconfig or context.
    """
    return connect(
        settings.kubeconfig,
        settings.context,
        user_agent(settings.instance),
        connections=CONNECTIONS,
        on_request=on_request,
    )


def through(
    transport: Transport,
    settings: Settings,
    folder: Path,
    redact: Callable[[str], str] = str,
    monotonic: Callable[[], float] = clock.monotonic,
) -> Connected:
    """Look at a cluster through a transport."""
    discovery = Discovery(transport)
    return Connected(
        transport,
        discovery,
        Schemas(transport, folder / "openapi", monotonic),
        Reader(transport, discovery, redact=redact),
        Home(settings.instance, settings.cluster, settings.agent_namespace),
    )


def connected(settings: Settings, folder: Path) -> Connected:
    """Look at the cluster that the settings name.

    Raises:
        ClusterError: there is no such kubeconfig or context.
    """
    return through(transport(settings), settings, folder)
