"""Finds the cluster and the credentials, through the official client's own configuration.

The client is imported only when a cluster is really needed. Never sends a request.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from agent.core.errors import ClusterError
from agent.edges.kube.official import official

if TYPE_CHECKING:
    import urllib3

_FRESH_SECONDS: Final = 10.0
"""The client's hook costs 60 µs; it renews tokens minutes before they expire."""
_IN_CLUSTER_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
# A dead peer is noticed after 30 + 4 x 15 = 90 seconds, as a silent watch is.
_KEEPALIVE: Final = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
)


@dataclass(frozen=True, slots=True)
class Line:
    """What one request needs: where to send it, and the headers that say who we are."""

    pool: urllib3.HTTPConnectionPool | urllib3.PoolManager
    base: str
    """What goes before a request's path: a URL, or only a path where the pool knows the host."""
    url: str
    """The address of the cluster, for messages."""
    headers: dict[str, str]
    generation: int


class Connection:
    """The cluster that a kubeconfig, or the Pod we run in, names; safe to use from any thread."""

    def __init__(self, kubeconfig: str | None, context: str | None, connections: int) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._connections = connections
        self._lock = threading.Lock()
        self._generation = 0
        self._configuration, self._pool = self._build()
        self._line: Line | None = None
        self._fresh_until = 0.0

    def line(self) -> Line:
        """Give what a request needs, with a token that is not known to have expired.

        Raises:
            ClusterError: the credentials can't be read.
        """
        with self._lock:
            now = time.monotonic()
            if self._line is None or now >= self._fresh_until:
                self._line = self._new_line()
                self._fresh_until = now + _FRESH_SECONDS
            return self._line

    def renew(self, refused: Line) -> None:
        """Read the credentials anew after a 401, once for all who were refused with them.

        Raises:
            ClusterError: they can't be read.
        """
        with self._lock:
            if refused.generation == self._generation:
                configuration, pool = self._build()
                self._pool.clear()  # what is in use goes on, and is closed when it is done
                self._configuration, self._pool = configuration, pool
                self._generation += 1
                self._line = None

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            self._pool.clear()
            self._line = None

    def _new_line(self) -> Line:
        import urllib3  # noqa: PLC0415

        try:
            # The client's hook: re-reads a Pod's token each minute, runs an exec plugin again
            # when its token has expired.
            settings = self._configuration.auth_settings()
        except Exception as error:
            raise ClusterError(f"credentials could not be renewed: {error}") from error
        token = settings.get("BearerToken")
        headers = {"Authorization": token["value"]} if token and token["value"] else {}
        url = self._configuration.host.rstrip("/")
        if isinstance(self._pool, urllib3.ProxyManager):  # it may need whole URLs
            return Line(self._pool, url, url, headers, self._generation)
        # The host's own pool saves a third of the time that a request costs us.
        pool = self._pool.connection_from_url(url)
        return Line(pool, urlsplit(url).path, url, headers, self._generation)

    def _build(self) -> tuple[Any, urllib3.PoolManager]:
        configuration = _configuration(self._kubeconfig, self._context)
        configuration.connection_pool_maxsize = self._connections
        configuration.socket_options = _socket_options()
        pool: urllib3.PoolManager = official().rest(configuration).pool_manager
        return configuration, pool


def _configuration(kubeconfig: str | None, context: str | None) -> Any:
    """Load what was named; else the default kubeconfig; else, as client-go, the Pod's own."""
    config = official().config
    configuration = official().configuration()
    default = any(
        Path(path).expanduser().is_file()
        for path in config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION.split(":")
        if path
    )
    try:
        if kubeconfig or context or default or not _IN_CLUSTER_TOKEN.is_file():
            config.load_kube_config(
                config_file=kubeconfig,
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
        else:
            config.load_incluster_config(client_configuration=configuration)
    except Exception as error:  # ConfigException, and what it lets through: YAML, OSError …
        raise ClusterError(_no_cluster(kubeconfig, context, error)) from error
    if _is_loopback(configuration.host) and configuration.proxy == _proxy_of_environment(
        configuration.host
    ):
        configuration.proxy = None
    return configuration


def _is_loopback(url: str) -> bool:
    """Tell what client-go never reaches through a proxy of the environment (net/http, ProxyURL).

    The Python client asks NO_PROXY only; a proxy that the kubeconfig names is used by both.
    """
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _proxy_of_environment(url: str) -> str | None:
    found: str | None = official().configuration(host=url).proxy
    return found


def _no_cluster(kubeconfig: str | None, context: str | None, error: Exception) -> str:
    where = f"kubeconfig {kubeconfig}" if kubeconfig else "the default kubeconfig"
    which = f", context {context}" if context else ""
    return (
        f"no cluster: {where}{which}: {error}; name a kubeconfig with --kubeconfig, or run in a Pod"
    )


def _socket_options() -> list[tuple[int, int, int]]:
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # as urllib3 does by default
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    # Not every platform has them all.
    options += [
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in _KEEPALIVE
        if hasattr(socket, name)
    ]
    return options
