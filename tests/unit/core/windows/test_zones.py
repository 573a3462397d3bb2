"""Which names are zones, and what is suggested instead of others."""

from zoneinfo import ZoneInfo

import pytest

from agent.core.windows.zones import UnknownZone, zone


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Argentina/Ushuaia", "UTC", "Etc/UTC"])
def test_a_place_is_a_zone(name: str):
    """IANA names of places, and UTC."""
    assert zone(name) == ZoneInfo(name)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Europe/Berlln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("EST", "America/New_York"),
        ("CET", "Europe/Berlin"),
        ("GMT", "UTC"),
        ("+01:00", ""),
        ("UTC+1", ""),
        ("Etc/GMT-1", ""),
        ("localtime", ""),
        ("", ""),
        ("../../etc/passwd", ""),
    ],
)
def test_anything_else_is_refused_with_what_may_be_meant(name: str, suggestion: str):
    """Never a silent UTC: offsets, abbreviations and typos are refused."""
    assert zone(name) == UnknownZone(name, suggestion)


def test_the_message_says_what_to_write():
    """What, why, and what to do."""
    assert str(zone("Europe/Berlln")) == (
        "'Europe/Berlln' is not a time zone: write an IANA name of a place such as "
        "Europe/Berlin, or UTC; did you mean Europe/Berlin?"
    )
