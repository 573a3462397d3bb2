"""Alarm clocks by APScheduler, in UTC; a job only wakes somebody, it never does the work.

Instants are those of the agent's clock. People's schedules are computed elsewhere: CronTrigger
opens twice or never on the nights clocks change.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING

from agent.edges import clock
from agent.edges.lean import stand_in, standing_in

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime, timedelta


class Timers:
    """One wake-up per key, and steady intervals."""

    def __init__(self) -> None:
        # It takes one name of asyncio, and on newer Pythons takes it from inspect: 2 MiB.
        functions = {"iscoroutinefunction": inspect.iscoroutinefunction}
        with standing_in(stand_in("asyncio", **functions)):
            from apscheduler.executors.pool import (  # noqa: PLC0415 - lazy: 0.2 s
                ThreadPoolExecutor,
            )
            from apscheduler.schedulers.background import (  # noqa: PLC0415
                BackgroundScheduler,
            )

        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.start()

    def at(self, key: Hashable, when: datetime | None, call: Callable[[], None]) -> None:
        """Call once at an instant, replacing the key's earlier wake-up; None only removes it."""
        name = str(key)
        if when is None:
            self._remove(name)
            return
        at = clock.on_machine(when)
        self._scheduler.add_job(call, "date", run_date=at, id=name, replace_existing=True)

    def _remove(self, name: str) -> None:
        from apscheduler.jobstores.base import JobLookupError  # noqa: PLC0415 - as above

        with suppress(JobLookupError):  # it never was, or it just rang
            self._scheduler.remove_job(name)

    def every(self, key: Hashable, interval: timedelta, call: Callable[[], None]) -> None:
        """Call again and again, the first time after one interval."""
        seconds = interval.total_seconds()
        self._scheduler.add_job(
            call, "interval", seconds=seconds, id=str(key), replace_existing=True
        )

    def stop(self) -> None:
        """Call nobody any more."""
        # Waits for the alarm that rings at this moment: APScheduler 3 loses its thread otherwise.
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=False)
