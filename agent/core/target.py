"""Which revision counts: the newest, or the last applied one while something holds new ones.

The first of the three places where "not now" is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.core.gates import history
from agent.core.standing import graded
from agent.core.values import Complete, Desired, Grade, Reason, Rendered, Standing, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.values import Facts


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
    upgrades_held = graded(standings, Grade.UPGRADES) is not None
    if upgrades_held or history.hold(facts, facts.now) is not None:
        if isinstance(facts.base, Complete) and new.digest != facts.base.digest:
            return _last_applied(facts, new, None)
        return Aim(new.objects, new.commit)
    return Aim(_pinned(new, facts, standings), new.commit, proves_absence=True)


def _last_applied(facts: Facts, held: Complete | None, failure: Unknown | None) -> Aim:
    """The last applied revision; objects that already have the newer content keep it."""
    base = facts.base
    if not isinstance(base, Complete):
        return Aim((), "", held=held, failure=failure)
    newer = {desired.key: desired for desired in held.objects} if held else {}
    entries = facts.inventory.entries
    objects = tuple(
        newer[d.key]
        if d.key in newer and d.key in entries and entries[d.key].digest == newer[d.key].digest
        else d
        for d in base.objects
    )
    return Aim(objects, base.commit, held=held, failure=failure)


def _pinned(new: Complete, facts: Facts, standings: Sequence[Standing]) -> tuple[Desired, ...]:
    """The newest objects, but the last applied content of those whose upgrades alone are held."""
    if not isinstance(facts.base, Complete) or not any(s.keys for s in standings):
        return new.objects
    base = {desired.key: desired for desired in facts.base.objects}
    return tuple(
        base[desired.key]
        if desired.key in base and graded(standings, Grade.UPGRADES, desired.key)
        else desired
        for desired in new.objects
    )
