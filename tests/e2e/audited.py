"""What requests in the audit log amount to: pure questions about them, which read nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from control_plane.audit import Request

_READS = frozenset({"get", "list", "watch"})


def writes(asked: Iterable[Request]) -> list[Request]:
    """Those that were to change something."""
    return [one for one in asked if one.verb not in _READS and not one.dry_run]


def said(one: Request) -> str:
    """`patch configmaps/web`, `patch packages/web/status`, `create events`; refusals with code."""
    name = "" if one.resource == "events" else f"/{one.name}"
    what = f"{one.verb} {one.resource}{name}"
    what += f"/{one.subresource}" if one.subresource else ""
    return what if one.code < 400 else f"{what} ({one.code})"


def is_told(asked: Iterable[Request], package: str, transitions: int) -> bool:
    """Whether an agent was answered to all that it writes of a package, and to its own state."""
    written = {(one.resource, one.name) for one in writes(asked)}
    told = sum(what == "events" and name.startswith(f"{package}.") for what, name in written)
    return told >= transitions and ("configmaps", "tidegate-state") in written


def is_renewed(asked: Iterable[Request]) -> bool:
    """Whether an agent was answered to a renewal of its Lease."""
    return any(one.resource == "leases" and one.verb == "update" for one in asked)


def changes_kinds(asked: Iterable[Request]) -> bool:
    """Whether what kinds there are was changed, after which every agent looks at them."""
    return any(one.resource == "customresourcedefinitions" for one in writes(asked))
