"""Runs the listener in a thread of its own, and knows whether the agent still does its work.

Never answers a request itself.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_SECONDS: Final = 5.0


class Server(Protocol):
    """A listener that is bound already; see `agent.edges.serving`."""

    @property
    def port(self) -> int:
        """The port that is listened on."""

    def serve(self) -> None:
        """Answer until `stop`."""
        ...

    def stop(self) -> None:
        """End `serve`, from another thread."""
        ...

    def close(self) -> None:
        """Give the address back."""
        ...


class Serving:
    """One listener, from start to stop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve, name="serving", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> bool:
        """Answer nobody any more and give the address back; False if the thread did not end."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join(STOP_SECONDS)
        self._server.close()
        return not self._thread.is_alive()


class Heartbeat:
    """The last sign of life of the workers: a pass that ended, or a poll, however it went."""

    def __init__(self, monotonic: Callable[[], float], limit: float) -> None:
        """Begin alive; `limit` is in seconds and has to be longer than a poll may take."""
        self._monotonic = monotonic
        self._limit = limit
        self._last = monotonic()

    def beat(self) -> None:
        """Live on; from any thread."""
        self._last = self._monotonic()

    def is_live(self) -> bool:
        """Whether the last sign of life is not too long ago."""
        return self._monotonic() - self._last < self._limit
