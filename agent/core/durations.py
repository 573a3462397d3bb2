"""Durations the way people write them here: `1h30m`, `15m`, `14d`.

Never guesses a unit: a bare number and a fraction are refused.
"""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(
    r"(?:(?P<d>\d{1,6})d)?(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,7})m)?(?:(?P<s>\d{1,9})s)?"
)


def parse_duration(text: str) -> timedelta:
    """Read whole days, hours, minutes and seconds, in this order, each at most once.

    Raises:
        ValueError: The text is something else; the message says what to write.
    """
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(
            f"{text!r} is not a duration: write whole numbers with the units d, h, m, s, "
            "largest first, such as 1h30m"
        )
    return timedelta(
        seconds=sum(int(found[unit] or 0) * seconds for unit, seconds in _UNITS.items())
    )


def format_duration(duration: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it; parts of a second are dropped."""
    if duration < timedelta(0):
        return f"-{format_duration(-duration)}"
    rest = duration.days * _UNITS["d"] + duration.seconds
    parts = []
    for unit, seconds in _UNITS.items():
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
