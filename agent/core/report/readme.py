"""The document of a cluster → the page a forge shows for the status branch.

Never says how fresh it is: the commit's date does, and an hourly heartbeat keeps it honest.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from agent.core.report.reference import advice
from agent.core.report.text import escaped, table
from agent.core.report.words import SYMBOLS
from agent.core.values import Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MOST: Final = 300
"""Rows of a table; a forge shows no more than 512 KB."""
_SHORT: Final = 7
_FOOT: Final = (
    "Written by Tidegate; the commit's date says how fresh this is. No tenants are declared: "
    "whoever writes to the repository decides for the whole cluster."
)

_PERSONS: Final = frozenset(
    {
        Reason.APPROVAL_REQUIRED,
        Reason.BUDGET_EXCEEDED,
        Reason.HISTORY_REWRITTEN,
        Reason.OWNED_BY_OTHER,
        Reason.DECLARED_TWICE,
        Reason.ADOPTION_REFUSED,
        Reason.NAMESPACE_MISSING,
        Reason.REPLACEMENT_HELD,
        Reason.CONFLICTED,
        Reason.POLICY_INVALID,
        Reason.WINDOW_INVALID,
        Reason.SUSPEND_UNREADABLE,
        Reason.DELETION_HELD,
    }
)
"""Reasons that time alone does not end."""
_STATES: Final = frozenset({State.FAILED, State.UNKNOWN})


def readme(summary: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    packages: Sequence[Mapping[str, Any]] = summary["packages"]
    revision = summary["revision"][:12] or "none read yet"
    lines = [
        f"# {escaped(summary['cluster'])}",
        "",
        "![status](badge.svg)",
        "",
        f"{_counts(packages)}. Revision seen: `{revision}`.",
        *_section("Needs you", _needs(packages), ("Package", "State", "Why", "What to do")),
        *_section("Holds", _holds(packages), ("Package", "By", "Why", "Until")),
        *_section("Next windows", _windows(packages), ("Opens (UTC)", "Package", "Window")),
        *_section("Packages", _all(packages), ("Package", "State", "Reason", "Revision", "Drift")),
        "",
        _FOOT,
    ]
    return "\n".join(lines) + "\n"


def _counts(packages: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(package["state"] for package in packages)
    told = [f"{counts[state]} {state.lower()}" for state in State if counts[state]]
    noun = "package" if len(packages) == 1 else "packages"
    return f"{len(packages)} {noun}" + (f": {', '.join(told)}" if told else "")


def _section(title: str, rows: Iterator[Sequence[str]], head: Sequence[str]) -> list[str]:
    listed = list(rows)
    if not listed:
        return []
    more = [f"… and {len(listed) - _MOST} more."] if len(listed) > _MOST else []
    return ["", f"## {title}", "", *table(head, listed[:_MOST]), *more]


def _needs(packages: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    for package in packages:
        if package["state"] in _STATES or package["reason"] in _PERSONS:
            yield (
                _link(package),
                _state(package),
                escaped(package["message"]),
                _advice(package),
            )


def _advice(package: Mapping[str, Any]) -> str:
    reason = package["reason"]
    name = f"{package['namespace']}/{package['name']}"
    return advice(Reason(reason), name) if reason in set(Reason) else ""


def _holds(packages: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    for package in packages:
        for hold in package["holds"]:
            yield (
                _link(package),
                escaped(hold.get("by") or hold["origin"].get("author") or hold["gate"]),
                escaped(hold["message"]),
                hold["until"] or "",
            )


def _windows(packages: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    rows = [
        (hold["until"], _link(package), escaped(hold["message"]))
        for package in packages
        for hold in package["holds"]
        if hold["reason"] == Reason.WINDOW_CLOSED and hold["until"]
    ]
    yield from sorted(rows)


def _all(packages: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    for package in packages:
        revision = package["revision"]["applied"][:_SHORT]
        yield (
            _link(package),
            _state(package),
            escaped(package["reason"]),
            f"`{revision}`" if revision else "",
            str(package["drift"] or ""),
        )


def _state(package: Mapping[str, Any]) -> str:
    return f"{SYMBOLS.get(package['state'], '?')} {escaped(package['state'])}"


def _link(package: Mapping[str, Any]) -> str:
    name = f"{package['namespace']}/{package['name']}"
    return f"[{escaped(name)}](packages/{name}.yaml)"
