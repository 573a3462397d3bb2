"""Proofs of absence: the only source of PRUNE steps; never asks whether now is the time.

An object is deleted only if a complete render lacks it, the inventory has it, the live object has
the remembered uid and says it is ours, no other package wants it, and it is not of a kind that
holds data or others' objects.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.core import words
from agent.core.identity import owner
from agent.core.immutable import is_job
from agent.core.values import Action, DeletionPolicy, Hold, Reason, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from agent.core.values import Desired, Entry, Facts, Key, Live

GATE: Final = "prune"
OBJECT_DELAY: Final = timedelta(0)
PACKAGE_DELAY: Final = timedelta(minutes=5)

GENERATED_DIGITS: Final = 8
"""How many digits of its content's digest a generated name ends with."""
_DIGITS: Final = re.compile(rf"[0-9a-f]{{{GENERATED_DIGITS}}}$")

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


def _kept(key: Key, entry: Entry, live: Live, facts: Facts) -> str:
    """Why policy keeps the object, or an empty string.

    The mark is looked for in what Git said, too: a Job carries no policies.
    """
    package = facts.declaration or facts.inventory.declared
    if entry.keeps or live.marks.get(words.PRUNE, "").lower() == "disabled":
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
    if facts.unknown_set:
        says = f"{key} may have moved to a package that cannot be read now: {facts.unknown_set}"
        return Hold(GATE, Reason.PRUNE_HELD, says)
    return None


def _step(key: Key, entry: Entry, live: Live, facts: Facts) -> Step:
    reason = _kept(key, entry, live, facts)
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


def prunes(wanted: Iterable[Desired], facts: Facts) -> Iterator[Step]:
    """A step for every remembered object that is live and that Git no longer wants, by key."""
    wanted = tuple(wanted)
    kept, keys = earlier_runs(wanted, facts), {desired.key for desired in wanted}
    for key in sorted(facts.inventory.entries.keys() - keys):
        entry, live = facts.inventory.entries[key], facts.live.get(key)
        if live is None and _may_return(key, entry, facts):
            yield _remembered(key, entry, facts)
        if live is None or _is_moved(live, facts):
            continue
        if key in kept:
            yield Step(key, Action.KEEP, entry.wave, says="an earlier run, kept as history")
        else:
            yield _step(key, entry, live, facts)


def _may_return(key: Key, entry: Entry, facts: Facts) -> bool:
    """Whether a Job that ran and is gone may be wanted again soon: then it must not run again."""
    return is_job(key) and bool(entry.digest) and due(entry, facts) > facts.now


def _remembered(key: Key, entry: Entry, facts: Facts) -> Step:
    says = f"{key} ran, is gone and no longer in Git; it is forgotten unless it comes back"
    hold = Hold(GATE, Reason.PRUNE_HELD, says, until=due(entry, facts))
    return Step(key, Action.KEEP, entry.wave, notice=hold)


# --- earlier runs ------------------------------------------------------------------------------


def earlier_runs(wanted: Iterable[Desired], facts: Facts) -> frozenset[Key]:
    """Earlier Jobs of a wanted one with a generated name: those that run, and the newest ended.

    They are remembered also when they are gone, so that going back to one does not run it again.
    """
    wanted = tuple(wanted)
    families = {_family(one.key): one.rules.job_history for one in wanted if _is_generated(one)}
    if not families:
        return frozenset()
    keys = {desired.key for desired in wanted}
    ended: dict[Key, list[tuple[datetime, Key]]] = {}
    running: list[Key] = []
    for key, entry in facts.inventory.entries.items():
        if key in keys or _family(key) not in families or not _DIGITS.search(key.name):
            continue
        if (at := _ended(key, entry, facts)) is not None:
            ended.setdefault(_family(key), []).append((at, key))
        elif key in facts.live:
            running.append(key)
    newest = (sorted(runs, reverse=True)[: families[name]] for name, runs in ended.items())
    return frozenset((*running, *(key for runs in newest for _, key in runs)))


def _is_generated(desired: Desired) -> bool:
    return is_job(desired.key) and "generateName" in desired.manifest.get("metadata", {})


def _family(key: Key) -> Key:
    """The key without what its content gave to the name."""
    return key._replace(name=key.name[:-GENERATED_DIGITS])


def _ended(key: Key, entry: Entry, facts: Facts) -> datetime | None:
    live = facts.live.get(key)
    if entry.finished is not None:
        return entry.finished.at
    return facts.now if live is not None and live.finished else None


# --- what is forgotten -------------------------------------------------------------------------


def _is_moved(live: Live, facts: Facts) -> bool:
    """Another package has taken the object over: it is to be forgotten, not deleted."""
    marked = live.marks.get(words.OWNER, "")
    return bool(marked) and marked != owner(facts.instance, facts.cluster, facts.package)


def forgotten(wanted: Iterable[Desired], facts: Facts) -> Iterator[Key]:
    """Keys to drop from the inventory: unwanted and gone, moved, or left alone by policy.

    Only where `wanted` is all that is wanted; otherwise nothing may be forgotten.
    """
    wanted = tuple(wanted)
    remembered = earlier_runs(wanted, facts) | {desired.key for desired in wanted}
    for key, entry in facts.inventory.entries.items():
        if key in remembered:
            continue
        live = facts.live.get(key)
        if live is None and _may_return(key, entry, facts):
            continue
        if live is None or _released(key, entry, live, facts):
            yield key


def _released(key: Key, entry: Entry, live: Live, facts: Facts) -> bool:
    return _is_moved(live, facts) or bool(
        _kept(key, entry, live, facts) or _unproved(key, entry, live, facts)
    )
