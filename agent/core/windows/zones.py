"""Time zones by IANA name, and the instants that wall clocks show in them.

Never falls back to UTC, and never takes an offset or an abbreviation for a zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

_MEANT: Final = {
    "BST": "Europe/London",
    "CDT": "America/Chicago",
    "CEST": "Europe/Berlin",
    "CET": "Europe/Berlin",
    "CST": "America/Chicago",
    "EDT": "America/New_York",
    "EET": "Europe/Athens",
    "EST": "America/New_York",
    "GMT": "UTC",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "MDT": "America/Denver",
    "MEZ": "Europe/Berlin",
    "MST": "America/Denver",
    "PDT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "WET": "Europe/Lisbon",
    "Z": "UTC",
}
"""The place people most often mean; offered, never assumed."""


@dataclass(frozen=True, slots=True)
class UnknownZone:
    """A name that is not a place's time zone, and what may have been meant."""

    name: str
    suggestion: str = ""

    def __str__(self) -> str:
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return (
            f"{self.name!r} is not a time zone: write an IANA name of a place such as "
            f"Europe/Berlin, or UTC{hint}"
        )


def zone(name: str) -> ZoneInfo | UnknownZone:
    """Find a zone that follows a place's clocks, or UTC.

    Fixed offsets (`+01:00`, `Etc/GMT-1`) and abbreviations (`EST`, which has no summer time) are
    refused: they are wrong for half of the year in most places.
    """
    if name in _accepted():
        return ZoneInfo(name)
    return UnknownZone(name, _suggestion(name))


@cache
def _accepted() -> frozenset[str]:
    # The package's own list: available_timezones() would open every file of the system's.
    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    places = (name for name in listed if "/" in name and not name.startswith("Etc/"))
    return frozenset((*places, "Etc/UTC", "UTC"))


def _suggestion(name: str) -> str:
    if meant := _MEANT.get(name.upper()):
        return meant
    if any(letter.isdigit() for letter in name):
        return ""  # an offset: no place can be told from it
    written = name.strip().replace(" ", "_").casefold()
    by_name = {known.casefold(): known for known in _accepted()}
    by_city = {known.rpartition("/")[2].casefold(): known for known in sorted(_accepted())}
    for names, cutoff in ((by_name, 1.0), (by_city, 1.0), (by_name, 0.75), (by_city, 0.75)):
        if close := get_close_matches(written, names, n=1, cutoff=cutoff):
            return names[close[0]]
    return ""


def instant(wall: datetime, place: ZoneInfo, *, last: bool = False) -> datetime:
    """Say when, in UTC, the clocks of a place show a naive local time.

    Shown twice (clocks go back): the first time, or the `last`. Never shown (clocks go forward):
    the first instant that exists after the jump.
    """
    first = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    if second < first:  # PEP 495: only in a gap does fold=1 name the earlier instant
        return _jump(second, first, place)
    return second if last else first


def _jump(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    """Find the first second after `before` whose offset is that of `after`."""
    offset = after.astimezone(place).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        if middle.astimezone(place).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
