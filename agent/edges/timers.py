"""Alarm clocks by APScheduler, in UTC; a job only wakes somebody, it never does the work.

People's schedules are computed elsewhere: CronTrigger opens twice or never on the nights clocks
change.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime, timedelta


class Timers:
    """One wake-up per key, and steady intervals."""

    def __init__(self) -> None:
        from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415 - lazy: 0.2 s
        from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415

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
            if self._scheduler.get_job(name):
                self._scheduler.remove_job(name)
            return
        self._scheduler.add_job(call, "date", run_date=when, id=name, replace_existing=True)

    def every(self, key: Hashable, interval: timedelta, call: Callable[[], None]) -> None:
        """Call again and again, the first time after one interval."""
        seconds = interval.total_seconds()
        self._scheduler.add_job(
            call, "interval", seconds=seconds, id=str(key), replace_existing=True
        )

    def stop(self) -> None:
        """Call nobody any more."""
        self._scheduler.shutdown(wait=False)
