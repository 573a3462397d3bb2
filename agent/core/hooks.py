"""What Helm's hooks mean without Helm: an earlier wave, a later one, or nothing at all.

Never runs a hook; Helm's own moments (an install, an upgrade) do not exist for an agent that only
knows what should be there.

Source: helm.sh/docs/topics/charts_hooks; weights sort within one moment, ascending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.core.rules import LARGEST_WAVE

if TYPE_CHECKING:
    from collections.abc import Mapping

HOOK: Final = "helm.sh/hook"
WEIGHT: Final = "helm.sh/hook-weight"

_AT_FIRST: Final = frozenset({"crd-install", "pre-install"})
_AFTER: Final = frozenset({"post-install", "post-upgrade"})
_DISTANCE: Final = 2 * LARGEST_WAVE + 1
"""Of a hook without weight from wave 0, so that no weight reaches a wave that people write."""


@dataclass(frozen=True, slots=True)
class Hook:
    """What becomes of one hook."""

    wave: int = 0
    dropped: bool = False
    note: str = ""
    """What is worth telling, after the name of the object."""


def hook(annotations: Mapping[str, str]) -> Hook | None:
    """Read an object's hook annotations; None: it is no hook.

    An object may be a hook of several moments. What Helm has before the first install (accounts of
    all hooks, often) comes first; a migration that waits for a database of its own chart, after
    the install and before upgrades, comes last, where it never blocks.
    """
    if HOOK not in annotations:
        return None
    moments = {part.strip() for part in annotations[HOOK].split(",")} - {""}
    weight = _weight(annotations.get(WEIGHT, "0"))
    if moments & _AT_FIRST:
        return Hook(weight - _DISTANCE)
    if "post-install" in moments and "pre-upgrade" in moments:
        note = f"is a {_listed(moments)} hook: it is applied after the rest, on upgrades too"
        return Hook(_DISTANCE + weight, note=note)
    if moments & _AFTER:
        return Hook(_DISTANCE + weight)
    if "pre-upgrade" in moments:
        return Hook(weight - _DISTANCE)
    return Hook(dropped=True, note=f"is a {_listed(moments)} hook: left out")


def _listed(moments: set[str]) -> str:
    return ", ".join(sorted(moments)) or "nameless"


def _weight(text: str) -> int:
    """Read a weight as Helm does: what is no number counts as 0."""
    try:
        weight = int(text)
    except ValueError:
        return 0
    return max(-LARGEST_WAVE, min(LARGEST_WAVE, weight))
