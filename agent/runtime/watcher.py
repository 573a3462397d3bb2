"""One thread that reads one source of observations; never looks into what it passes on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, Protocol

from agent.core.live import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.core.live import Observation

_LOG = logging.getLogger(__name__)
_REST: Final = 5.0


class Source(Protocol):
    """Something to watch; its text is what is watched."""

    @property
    def namespace(self) -> str:
        """The namespace that it covers, empty for all."""
        ...

    def __iter__(self) -> Iterator[Observation]:
        """Begin with a list, and go on until `close`, or `Unserved`."""
        ...

    def close(self) -> None:
        """End the iteration at once, from any thread."""
        ...


class Watcher:
    """Hands every observation of a source to one function, in a thread of its own."""

    def __init__(self, source: Source, fold: Callable[[Observation], None]) -> None:
        self._source = source
        self._fold = fold
        self._closing = threading.Event()
        # A daemon: a request that hangs must not keep a stopped agent alive.
        self._thread = threading.Thread(target=self._run, name=f"watch {source}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Tell it to end; `join` waits for that."""
        self._closing.set()
        self._source.close()

    def join(self, seconds: float) -> bool:
        """Wait for the end; False when it did not come in time."""
        self._thread.join(max(seconds, 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                for observation in self._source:
                    self._fold(observation)
            except Exception as error:  # noqa: BLE001  # a mistake of ours must not blind the agent
                _LOG.exception("watch %s failed; it begins again", self._source)
                self._fold(Interrupted(f"internal error: {error!r}"))
                self._closing.wait(_REST)
            else:
                return
