"""The status pass with its memory: how pushing goes, and what is in Git already."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agent.core.report.pace import Pace
from agent.passes.status import tell

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from agent.core.values import PackageName
    from agent.passes.status import Teller
    from agent.runtime.memory import Memory

log = logging.getLogger(__name__)


class StatusPass:
    """Runs on one thread at a time; a push that fails is tried again at its own pace."""

    def __init__(
        self, teller: Teller, memory: Memory, on_told: Callable[[PackageName], None]
    ) -> None:
        """Take who tells, and who hears of packages that are gone and told of."""
        self._teller = teller
        self._memory = memory
        self._on_told = on_told
        self._pace = Pace()
        self.problem = ""
        """Why the last push did not work, or empty."""

    def run(self, now: datetime, *, at_once: bool = False) -> datetime | None:
        """Tell Git what is due; returns when to come back."""
        told = tell(self._teller, self._pace, now, at_once=at_once)
        self._pace = told.pace
        if told.problem and told.problem != self.problem:
            log.warning("status is not pushed: %s", told.problem)
        self.problem = told.problem
        for package, seq in told.pushed:
            self._memory.pushed(package, seq)
        for package in self._memory.forgettable():
            self._on_told(package)
        return told.wake
