"""The real agent of the story, as a process of its own; never outlives whoever started it."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from agent.edges import process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.demo.ground import Ground

_STOP_SECONDS: Final = 15.0
"""The agent ends within ten."""
_ARGUMENTS: Final = ("run", "--interval", "1s")


class Agent:
    """Starts and stops `tidegate run`; a context manager that stops it at the latest."""

    command: Final = f"tidegate {' '.join(_ARGUMENTS)}"

    def __init__(self, ground: Ground, environment: Mapping[str, str]) -> None:
        """What it writes goes to the ground's log."""
        self._ground = ground
        self._environment = environment
        self._running = ExitStack()
        self._process: process.Background | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._process is not None:
                self.stop()
        finally:
            self._running.close()

    @property
    def has_died(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.code is not None

    def start(self) -> None:
        """Let it run from now on."""
        started = process.background(
            [sys.executable, "-m", "agent", *_ARGUMENTS],
            output=self._ground.log,
            env=self._environment,
            cwd=self._ground.folder,
        )
        self._process = self._running.enter_context(started)

    def stop(self) -> int:
        """Ask it to end as Kubernetes does, and give its exit code.

        Raises:
            ProcessTimeout: it had to be killed.
        """
        assert self._process is not None  # noqa: S101 - for the type checker: it was started
        ended, self._process = self._process, None
        return ended.stop(_STOP_SECONDS)

    def wait(self) -> int | None:
        """Wait until it ends by itself; gives its exit code."""
        assert self._process is not None  # noqa: S101 - as above
        return self._process.wait()
