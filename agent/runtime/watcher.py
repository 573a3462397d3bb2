"""One loop that reads one source of observations; never looks into what it passes on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from agent.core.live import Interrupted, Resting
from agent.runtime.loops import Thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.core.live import Observation
    from agent.runtime.loops import Loop, Started, Starts

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
    """Hands every observation of a source to one function, in a loop of its own."""

    def __init__(
        self, source: Source, fold: Callable[[Observation], None], starts: Starts = Thread
    ) -> None:
        self._source = source
        self._fold = fold
        self._starts = starts
        self._started: Started | None = None

    def start(self) -> None:
        """Begin."""
        self._started = self._starts(f"watch {self._source}", self._observe)

    def close(self) -> None:
        """Tell it to end; `join` waits for that."""
        if self._started is not None:
            self._started.stop()
        self._source.close()

    def join(self, seconds: float) -> bool:
        """Wait for the end; False when it did not come in time."""
        return self._started is None or self._started.join(seconds)

    def _observe(self) -> Loop:
        while True:
            try:
                for observation in self._source:
                    yield self._take(observation)
            except Exception as error:  # noqa: BLE001  # a mistake of ours must not blind the agent
                _LOG.exception("watch %s failed; it begins again", self._source)
                self._fold(Interrupted(f"internal error: {error!r}"))
                yield _REST
            else:
                return

    def _take(self, observation: Observation) -> float:
        """Fold an observation; returns the seconds that the source wants to rest."""
        if isinstance(observation, Resting):
            return observation.seconds
        self._fold(observation)
        return 0.0
