"""Proofs of absence: the only source of PRUNE steps; never asks whether now is the time.

An object is deleted only if a complete render lacks it, the inventory has it, the live object has
the remembered uid and says it is ours, no other package wants it, and it is not of a kind that
holds data or others' objects.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.core import words
from agent.core.identity import owner
from agent.core.values import Action, DeletionPolicy, Hold, Reason, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from agent.core.values import Entry, Facts, Key, Live

GATE: Final = "prune"
OBJECT_DELAY: Final = timedelta(0)
PACKAGE_DELAY: Final = timedelta(minutes=5)

PROTECTED: Final = frozenset(
    {
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
    }
)
"""Deleting one deletes what is in it or behind it: never by default."""


def delay(facts: Facts) -> timedelta:
    """How long an object must be unwanted before it is deleted."""
    package = facts.declaration or facts.inventory.declared
    if package is not None and package.prune_delay is not None:
        return package.prune_delay
    return PACKAGE_DELAY if facts.declaration is None else OBJECT_DELAY


def due(entry: Entry, facts: Facts) -> datetime:
    """When the object may be deleted: its tombstone (now, if it has none yet) plus the delay."""
    return (entry.tombstone or facts.now) + delay(facts)


def _kept(key: Key, live: Live, facts: Facts) -> str:
    """Why policy keeps the object, or an empty string."""
    package = facts.declaration or facts.inventory.declared
    if live.marks.get(words.PRUNE, "").lower() == "disabled":
        return f"{words.PRUNE}: disabled"
    if package is not None and not package.prune:
        return "the package says prune: false"
    if facts.declaration is None and package and package.deletion is DeletionPolicy.ORPHAN:
        return "the package said deletionPolicy: Orphan"
    if (key.group, key.kind) in PROTECTED:
        return f"a {key.kind} is never deleted by default"
    return ""


def _unproved(key: Key, entry: Entry, live: Live, facts: Facts) -> str:
    """Which proof of ownership is missing, or an empty string."""
    mine = owner(facts.instance, facts.cluster, facts.package)
    marked = live.marks.get(words.OWNER, "")
    if entry.uid and entry.uid != live.uid:
        return f"{key} is another object than the one we made (uid {live.uid})"
    if marked != mine:
        return f"{key} does not say it is ours ({words.OWNER}: {marked or 'absent'})"
    if live.controlled:
        return f"{key} belongs to a controller"
    return ""


def _blocked(key: Key, facts: Facts) -> Hold | None:
    """What else may still want the object."""
    others = [name for name in facts.claims.get(key, ()) if name != facts.package]
    if others:
        says = f"{key} is declared by {others[0]} now: it moves there and is not deleted"
        return Hold(GATE, Reason.PRUNE_HELD, says)
    if facts.unrendered:
        says = (
            f"{key} may have moved to {', '.join(map(str, facts.unrendered))}, "
            "which cannot be rendered now"
        )
        return Hold(GATE, Reason.PRUNE_HELD, says)
    return None


def _step(key: Key, entry: Entry, live: Live, facts: Facts) -> Step:
    reason = _kept(key, live, facts)
    if reason:
        return Step(key, Action.KEEP, entry.wave, says=f"no longer in Git, kept: {reason}")
    unproved = _unproved(key, entry, live, facts)
    if unproved:
        return Step(key, Action.KEEP, entry.wave, says=f"no longer in Git, kept: {unproved}")
    if live.leaving:
        return Step(key, Action.KEEP, entry.wave, uid=live.uid, says="is being deleted")
    return Step(
        key,
        Action.PRUNE,
        entry.wave,
        uid=live.uid,
        version=live.version,
        refusal=_blocked(key, facts) or _waiting(key, entry, facts),
    )


def _waiting(key: Key, entry: Entry, facts: Facts) -> Hold | None:
    at = due(entry, facts)
    if at <= facts.now:
        return None
    says = f"{key} is no longer in Git and will be deleted unless it comes back"
    return Hold(GATE, Reason.PRUNE_HELD, says, until=at)


def prunes(wanted: frozenset[Key], facts: Facts) -> Iterator[Step]:
    """A step for every remembered object that is live and that Git no longer wants."""
    for key, entry in facts.inventory.entries.items():
        live = facts.live.get(key)
        if key not in wanted and live is not None and not _is_moved(live, facts):
            yield _step(key, entry, live, facts)


def _is_moved(live: Live, facts: Facts) -> bool:
    """Another package has taken the object over: it is to be forgotten, not deleted."""
    marked = live.marks.get(words.OWNER, "")
    return bool(marked) and marked != owner(facts.instance, facts.cluster, facts.package)


def forgotten(wanted: frozenset[Key], facts: Facts) -> Iterator[Key]:
    """Keys to drop from the inventory: unwanted and gone, moved, or left alone by policy."""
    for key, entry in facts.inventory.entries.items():
        if key in wanted:
            continue
        live = facts.live.get(key)
        if live is None or _released(key, entry, live, facts):
            yield key


def _released(key: Key, entry: Entry, live: Live, facts: Facts) -> bool:
    return _is_moved(live, facts) or bool(
        _kept(key, live, facts) or _unproved(key, entry, live, facts)
    )
