"""The one clock: UTC for people's time, monotonic for leases and pauses.

Never wrong unless `TIDEGATE_CLOCK` says so: a test can then live through a night months away.
"""

from __future__ import annotations

import logging
import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.core.errors import SettingError

log = logging.getLogger(__name__)

VARIABLE: Final = "TIDEGATE_CLOCK"

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")


def _of_machine() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this is where it comes from


def _parse(text: str) -> timedelta:
    """How far ahead of the machine's time a clock is that shows this instant now."""
    if not text:
        return timedelta(0)
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC) - _of_machine()
    except (ValueError, OverflowError) as error:
        raise SettingError(f"{VARIABLE}={text!r} is not an instant: {error}") from error
    raise SettingError(
        f"{VARIABLE}={text!r} is not an instant: write date, time and offset (RFC 3339), such as "
        "2026-10-25T00:29:50Z"
    )


def begin(text: str) -> None:
    """Let it be this instant now, as the variable would; the empty text: the machine's time again.

    Time passes from there on as everywhere; `monotonic` stays as it is.

    Raises:
        SettingError: no date, time and offset of RFC 3339.
    """
    global _ahead  # noqa: PLW0603 - one process, one clock, as the variable has it
    _ahead = _parse(text)


_ahead: timedelta = _parse(os.environ.get(VARIABLE, ""))


def now() -> datetime:
    """The time of day, UTC."""
    return _of_machine() + _ahead


def on_machine(when: datetime) -> datetime:
    """The machine's own time at an instant of this clock: what alarms have to be set to."""
    return when - _ahead


def warn_if_moved() -> None:
    """Leave no doubt in the log that windows and suspensions go by another time."""
    if _ahead:
        log.warning("%s is set: windows, suspensions and status go by %s", VARIABLE, now())


def monotonic() -> float:
    """Seconds that never go back; only differences mean something."""
    return time.monotonic()
