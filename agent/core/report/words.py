"""Sentences for people, made of holds and times; never decides what is worth saying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime, timedelta, tzinfo

    from agent.core.report.values import Report

SYMBOLS: Final = {
    "Unknown": "?",
    "Pending": "…",
    "Progressing": "↻",
    "Synced": "✔",
    "Drifted": "≠",
    "Waiting": "◷",
    "Suspended": "⏸",
    "Hibernated": "☾",
    "Interrupted": "◑",
    "Failed": "✖",
    "Deleting": "␡",
}
"""A state is always word and symbol, never colour alone."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def hold_words(report: Report) -> str:
    """Return what a narrow column shows of the holds: `WindowClosed, Suspended`."""
    return ", ".join(dict.fromkeys(hold.reason.value for hold in report.holds))


def moment(when: datetime, zone: tzinfo) -> str:
    """Return an instant for people: `Fri 20 Nov 2026 22:00 CET`."""
    return when.astimezone(zone).strftime("%a %d %b %Y %H:%M %Z")


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: `2d 3h`, `45s`."""
    seconds, parts = max(0, int(length.total_seconds())), []
    for size, unit in _UNITS:
        if seconds >= size:
            parts.append(f"{seconds // size}{unit}")
            seconds %= size
    return " ".join(parts[:2]) or "0s"


def ahead(when: datetime, now: datetime) -> str:
    """Return how far off an instant is: `in 11h`, or `now`."""
    return f"in {span(when - now)}" if when > now else "now"


def plain(says: str) -> str:
    """Return one line without control characters: a terminal obeys them, whoever wrote them."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in says).split())


def count(number: int, noun: str) -> str:
    """Return `1 object`, `2 objects`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
