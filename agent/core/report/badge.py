"""The document of a cluster → a small SVG that says in two words how it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from agent.core.values import State

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOURS: Final = {
    State.FAILED: "#b3261e",
    State.UNKNOWN: "#b3261e",
    State.DRIFTED: "#9a5b00",
    State.INTERRUPTED: "#9a5b00",
    State.SUSPENDED: "#6b3fa0",
    State.HIBERNATED: "#3f51a0",
    State.WAITING: "#1f5fa8",
    State.DELETING: "#5f6368",
    State.PENDING: "#5f6368",
    State.PROGRESSING: "#1f5fa8",
    State.SYNCED: "#1b6e3c",
}
"""The first of these that some package is in, is what the badge says."""
_LABEL: Final = "tidegate"
_CHARACTER: Final = 7
"""Pixels of an average character at 11 px; `textLength` makes it fit."""


def badge(summary: Mapping[str, Any]) -> str:
    """Return the badge: the worst state with its count, in its colour and in words."""
    counts = Counter(package["state"] for package in summary["packages"])
    worst = next((state for state in _COLOURS if counts[state]), State.SYNCED)
    says = f"{counts[worst]} of {counts.total()} {worst.lower()}"
    if counts[worst] == counts.total():
        says = f"{counts[worst]} {worst.lower()}"
    return _svg(f"{_LABEL}: {says}", says, _COLOURS[worst])


def _svg(title: str, says: str, colour: str) -> str:
    left, right = (len(part) * _CHARACTER + 10 for part in (_LABEL, says))
    width = left + right
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">
<title>{escape(title)}</title>
<rect width="{width}" height="20" rx="3" fill="{colour}"/>
<path d="M3 0h{left - 3}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#3c4043"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="5" y="14" textLength="{left - 10}">{_LABEL}</text>
<text x="{left + 5}" y="14" textLength="{right - 10}">{escape(says)}</text>
</g>
</svg>
"""
