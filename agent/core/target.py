"""Which revision counts: the newest, or the last applied one while something holds new ones.

The first of the three places where "not now" is decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.core.gates import history
from agent.core.immutable import is_job
from agent.core.order import ordered
from agent.core.standing import graded
from agent.core.values import Complete, Desired, Grade, Reason, Rendered, Standing, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.core.values import Facts, Hold, Key


@dataclass(frozen=True, slots=True)
class Aim:
    """The objects a pass steers for."""

    objects: tuple[Desired, ...]
    commit: str
    proves_absence: bool = False
    """What is not among `objects` is not wanted."""
    held: Complete | None = None
    """A newer revision that is kept waiting."""
    failure: Unknown | None = None
    """Why the newest revision is not known; `objects` are then the last applied ones."""
    pinned: Mapping[Key, Hold] = field(default_factory=dict)
    """Objects that keep their last applied content while the others go on; where nobody knows it
    any more, `objects` has the newest, which must not be applied."""


def newest(facts: Facts) -> Rendered:
    """What Git wants at the newest revision; a package with objects is not believed to be empty."""
    new = facts.new
    if facts.declaration is None or not isinstance(new, Complete) or new.objects:
        return new
    if not facts.inventory.entries:
        return new
    says = (
        "the source renders to no objects, but the package has "
        f"{len(facts.inventory.entries)}; remove the Package to delete them"
    )
    return Unknown(Reason.EMPTY_RENDER, says, facts.declaration.origin, new.commit)


def aim(facts: Facts, standings: Sequence[Standing]) -> Aim:
    """Choose the revision this pass steers for."""
    new = newest(facts)
    if isinstance(new, Unknown):
        return _last_applied(facts, None, new)
    if _is_held(facts, standings):
        was = facts.base.digest if isinstance(facts.base, Complete) else None
        if facts.inventory.entries and was != new.digest:
            return _last_applied(facts, new, None)
        return Aim(new.objects, new.commit)
    return _newest(new, facts, standings)


def _is_held(facts: Facts, standings: Sequence[Standing]) -> bool:
    return (
        graded(standings, Grade.UPGRADES) is not None or history.hold(facts, facts.now) is not None
    )


# --- the last applied revision -----------------------------------------------------------------


def _last_applied(facts: Facts, held: Complete | None, failure: Unknown | None) -> Aim:
    """The last applied revision; what has newer content already keeps it.

    An object whose newer content nobody can render now is left as it is: going back to the older
    one would undo half a revision, and run an old Job again.
    """
    base = facts.base if isinstance(facts.base, Complete) else None
    begun = {d.key: d for d in held.objects if _is_begun(d, facts)} if held else {}
    older = base.objects if base else ()
    kept = {d.key: d for d in older if d.key not in begun and _is_as_left(d, facts)}
    objects = ordered((*kept.values(), *begun.values()))
    return Aim(objects, base.commit if base else "", held=held, failure=failure)


def _is_begun(desired: Desired, facts: Facts) -> bool:
    """Whether this very content was applied, skipped, or is about to be put in place."""
    entry = facts.inventory.entries.get(desired.key)
    intent = facts.inventory.intents.get(desired.key)
    if intent is not None:
        return intent.digest == desired.digest
    return entry is not None and desired.digest in {entry.digest, entry.skipped}


def _is_as_left(desired: Desired, facts: Facts) -> bool:
    """Whether no newer content of the object was begun.

    What we deleted, or gave up and forgot, is put back older too; but no Job, which would run.
    """
    entry = facts.inventory.entries.get(desired.key)
    if entry is None or desired.key in facts.inventory.intents:
        return not is_job(desired.key)
    return not entry.digest or _is_begun(desired, facts)


# --- the newest revision -----------------------------------------------------------------------


def _newest(new: Complete, facts: Facts, standings: Sequence[Standing]) -> Aim:
    """The newest objects, but those whose upgrades alone are held as they were applied last."""
    pinned = {
        desired.key: standing.hold
        for desired in new.objects
        if any(s.keys for s in standings)
        and (standing := graded(standings, Grade.UPGRADES, desired.key)) is not None
        and desired.key in facts.inventory.entries
        and not _is_begun(desired, facts)
    }
    base = facts.base.objects if isinstance(facts.base, Complete) and pinned else ()
    older = {d.key: d for d in base if d.key in pinned and _is_as_left(d, facts)}
    objects = tuple(older.get(desired.key, desired) for desired in new.objects)
    return Aim(objects, new.commit, proves_absence=True, pinned=pinned)
