"""A source that a test feeds, observation by observation."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

from agent.core.live import Unserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.live import Observation
    from agent.core.values import GroupKind


class FedSource:
    """Yields what it is fed until it is closed."""

    def __init__(self, name: str, namespace: str = "") -> None:
        self.namespace = namespace
        self._name = name
        self._fed: queue.Queue[Observation | BaseException | None] = queue.Queue()

    def __str__(self) -> str:
        return self._name

    def __iter__(self) -> Iterator[Observation]:
        while (observation := self._fed.get()) is not None:
            if isinstance(observation, BaseException):
                raise observation
            yield observation
            if isinstance(observation, Unserved):
                return

    def feed(self, *observations: Observation | BaseException) -> None:
        """Let it yield these next."""
        for observation in observations:
            self._fed.put(observation)

    def close(self) -> None:
        """Let it end."""
        self._fed.put(None)


class FedSources:
    """Opens one source for each served kind, and remembers it."""

    def __init__(self, *served: GroupKind) -> None:
        self.served = set(served)
        self.opened: dict[GroupKind, FedSource] = {}

    def __call__(self, kind: GroupKind, **_: Any) -> tuple[FedSource, ...]:
        """Open the source of a kind, none where it is not served."""
        if kind not in self.served:
            return ()
        self.opened[kind] = FedSource(kind.kind)
        return (self.opened[kind],)
