"""The lease loop: keeps the lease, and says when it came and went."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, Protocol

from agent.core.errors import AgentError
from agent.runtime.loops import Thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.runtime.loops import Loop, Started, Starts

log = logging.getLogger(__name__)

_STOP_SECONDS: Final = 10.0


class Keeper(Protocol):
    """Acquires, renews and releases; see `agent.edges.kube.lease`."""

    says: str

    def step(self, monotonic: float) -> float:
        """Do what is due; returns the seconds until the next step."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class Fence(Protocol):
    """Whether the lease is ours now."""

    def holds(self) -> bool:
        """Whether a write sent now arrives while it is."""
        ...


class Leading:
    """Steps the keeper until it is stopped; `prepare` runs each time the lease becomes ours.

    Passes may run only after `prepare` returned: what another agent remembered is read in it. Then
    `on_ready` starts them. `on_held` follows every later renewal: the fence may have been down for
    a moment that nobody here saw, as on a machine that slept, and what was barred then is due.
    """

    def __init__(  # noqa: PLR0913 - what it is made of, each once
        self,
        *,
        keeper: Keeper,
        fence: Fence,
        monotonic: Callable[[], float],
        prepare: Callable[[], None],
        on_ready: Callable[[], None],
        on_held: Callable[[], None],
        starts: Starts = Thread,
    ) -> None:
        self._keeper = keeper
        self._fence = fence
        self._monotonic = monotonic
        self._prepare = prepare
        self._on_ready = on_ready
        self._on_held = on_held
        self._starts = starts
        self._ready = threading.Event()
        self._started: Started | None = None

    @property
    def says(self) -> str:
        """Who holds the lease, or why we don't; empty while it is ours."""
        return self._keeper.says

    def holds(self) -> bool:
        """Whether this process leads and knows what was remembered."""
        return self._ready.is_set() and self._fence.holds()

    def start(self) -> None:
        """Begin to ask for the lease."""
        self._started = self._starts("lease", self._keep)

    def wait(self, seconds: float) -> bool:
        """Wait until this process leads; False when the time ran out first."""
        return self._ready.wait(seconds)

    def stop(self) -> None:
        """End the loop, then give the lease back; writes have to end before."""
        if self._started is not None:
            self._started.stop()
            self._started.join(_STOP_SECONDS)
        self._ready.clear()
        self._keeper.release()

    def _keep(self) -> Loop:
        while True:
            pause = self._keeper.step(self._monotonic())
            self._follow()
            yield pause

    def _follow(self) -> None:
        if not self._fence.holds():
            if self._ready.is_set():
                log.warning("the lease is lost: %s", self._keeper.says)
            self._ready.clear()
        elif not self._ready.is_set():
            try:
                self._prepare()
            except AgentError as error:
                log.warning("leading, but not ready: %s", error)
            else:
                self._ready.set()
                self._on_ready()
        else:
            self._on_held()
