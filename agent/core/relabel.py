"""A change of the Package's own labels → a step of the plan, which waits like any other.

Labels decide which windows and suspensions reach a package, so two commits must not take it out of
one. Never writes them: the ones let in are remembered, and the live Package carries those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core import fields, words
from agent.core.values import ABSENT, Action, Cause, Change, GroupKind, Key, Step

if TYPE_CHECKING:
    from agent.core.values import Facts, Inventory, PackageName

PACKAGE: Final = GroupKind(words.GROUP, "Package")


def key_of(package: PackageName) -> Key:
    """Return the key of the Package object itself."""
    return Key(*PACKAGE, package.namespace, package.name)


def is_relabelling(step: Step) -> bool:
    """Whether the step is about the Package itself, and so about no object it consists of."""
    return GroupKind(step.key.group, step.key.kind) == PACKAGE


def relabelling(facts: Facts) -> Step | None:
    """Return the change of labels that Git asks for; None before any labels were let in.

    It has no digest, as nothing is applied by it, and says `labels: tier: backend → canary`.
    """
    before, package = facts.inventory.labels, facts.declaration
    if before is None or package is None or before == package.labels:
        return None
    changed = {
        name: (before.get(name, ABSENT), package.labels.get(name, ABSENT))
        for name in sorted(before.keys() | package.labels.keys())
        if before.get(name) != package.labels.get(name)
    }
    changes = tuple(Change(_path(name), Cause.GIT, *sides) for name, sides in changed.items())
    told = (f"{name}: {_value(was)} → {_value(now)}" for name, (was, now) in changed.items())
    says = f"labels: {', '.join(told)}"
    return Step(key_of(facts.package), Action.UPDATE, changes=changes, says=says)


def is_let_in(facts: Facts, inventory: Inventory) -> bool:
    """Whether the labels that Git asks for are those that count, by what is remembered."""
    return facts.declaration is not None and inventory.labels == facts.declaration.labels


def _path(name: str) -> str:
    return fields.printed(("f:metadata", "f:labels", f"f:{name}"))


def _value(value: object) -> str:
    return "(none)" if value is ABSENT else str(value)
