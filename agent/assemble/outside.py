"""The worlds that one agent touches, each behind its seam: the machine's, or a simulation's."""

from __future__ import annotations

import secrets
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from agent.assemble import cluster, repository
from agent.edges import clock
from agent.edges.git.address import Remote
from agent.edges.git.publish import Identity, Publisher
from agent.edges.kube.seam import Transport
from agent.edges.metrics import Metrics
from agent.edges.timers import Timers
from agent.runtime.loops import Thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from datetime import datetime
    from pathlib import Path

    from agent.passes.status import Publisher as Publishes
    from agent.runtime.loops import Starts
    from agent.runtime.timers import Timers as Alarms
    from agent.settings import Settings

OnRequest: TypeAlias = "Callable[[str, str, int], None]"
"""Told verb, resource and status (0: no answer) of every request."""
KEY_BYTES = 32
REQUEST_THREADS = 12
"""Measured: more than 16 connections do not apply faster on two cores, fewer than 8 do slower."""


class Closes(Transport, Protocol):
    """A transport that ends."""

    def close(self) -> None:
        """End pauses and watches at once."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What an agent asks, tells and runs on."""

    transport: Closes
    mirror: Any
    """Of the branch followed; see `agent.edges.git.mirror`."""
    renders: Any
    """What was rendered, by digest; see `agent.edges.render.cache`."""
    publisher: Publishes | None
    """None: nothing is told to Git."""
    metrics: Metrics
    timers: Alarms
    starts: Starts
    executor: Executor
    """Sends the requests of one wave side by side."""
    identity: str
    """Of this process, at the lease."""
    key: bytes
    """For digests of Secrets, where the cluster keeps none yet."""
    now: Callable[[], datetime] = clock.now
    monotonic: Callable[[], float] = clock.monotonic
    pause: Callable[[threading.Event, float], object] = threading.Event.wait
    """Waits some seconds, or until the agent stops."""


def machine(
    settings: Settings, folder: Path, connect: Callable[[OnRequest], Closes] | None = None
) -> Outside:
    """The real ones: HTTP, Git, threads.

    Args:
        settings: what is followed, and where the cluster is.
        folder: what may be lost is kept here.
        connect: another way to a Kubernetes API than HTTP; it tells of each request.

    Raises:
        ClusterError: there is no such kubeconfig or context.
    """
    metrics = Metrics()
    connects = connect or partial(cluster.transport, settings)
    return Outside(
        transport=connects(metrics.request),
        mirror=repository.mirror(settings, folder),
        renders=repository.renders(folder),
        publisher=None if settings.no_status else _publisher(settings, folder),
        metrics=metrics,
        timers=Timers(),
        starts=Thread,
        executor=ThreadPoolExecutor(REQUEST_THREADS, thread_name_prefix="request"),
        identity=f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        key=secrets.token_bytes(KEY_BYTES),
    )


def _publisher(settings: Settings, folder: Path) -> Publisher:
    remote = Remote(settings.repo, settings.status_ref, settings.git_credentials)
    author = Identity("tidegate", f"{settings.instance}@{settings.cluster}.tidegate.io")
    return Publisher(folder / "status.git", remote, author)
