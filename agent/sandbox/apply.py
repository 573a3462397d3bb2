"""Who owns which field: server-side apply, and what updates by others take away.

Never validates an object and never stores one.

Rules: KEP-555, `merge.Updater` of structured-merge-diff and `managedfields` of apimachinery.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from agent.core import fields
from agent.core.fields import FieldSet
from agent.sandbox.merge import (
    Changes,
    compared,
    intersection,
    is_same,
    merged,
    removed,
    with_named_parents,
)
from agent.sandbox.refusals import Cause, RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.core.fields import Path
    from agent.core.schema import Node

APPLY: Final = "Apply"
UPDATE: Final = "Update"
_CONFLICT: Final = "FieldManagerConflict"


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str
    time: str
    fields: FieldSet

    def is_same(self, other: Manager) -> bool:
        """Whether two entries are of one manager: an Apply is so whatever version it speaks."""
        mine = (self.name, self.operation, self.subresource)
        if mine != (other.name, other.operation, other.subresource):
            return False
        return self.operation == APPLY or self.api_version == other.api_version

    def __str__(self) -> str:
        said = orjson.dumps(self.name).decode()
        if self.subresource:
            said += f' with subresource "{self.subresource}"'
        return f"{said} using {self.api_version}" if self.operation == UPDATE else said


Managers = tuple[Manager, ...]


class Applied(NamedTuple):
    """An object after an apply, and who owns what in it."""

    object: Any
    managers: Managers


_UNCHANGED: Final = Changes(FieldSet(), FieldSet(), FieldSet())


def decode(managed: Iterable[Mapping[str, Any]]) -> Managers:
    """Read managedFields; entries without fields own nothing and are left out."""
    return tuple(
        Manager(
            each.get("manager", ""),
            each.get("operation", ""),
            each.get("apiVersion", ""),
            each.get("subresource", ""),
            each.get("time", ""),
            fields.parse(each["fieldsV1"]),
        )
        for each in managed
        if each.get("fieldsV1")
    )


def encode(managers: Managers) -> list[dict[str, Any]]:
    """Write managedFields, in the server's order."""
    ordered = sorted(
        managers,
        key=lambda each: (
            each.operation,
            each.time,
            each.name,
            each.api_version,
            each.subresource,
        ),
    )
    return [_encoded(each) for each in ordered]


def _encoded(manager: Manager) -> dict[str, Any]:
    found = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
        "time": manager.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": manager.fields.tree,
        "subresource": manager.subresource,
    }
    return {name: each for name, each in found.items() if each}


def updated(before: Any, after: Any, managers: Managers, who: Manager, node: Node) -> Managers:
    """Return the owners after somebody wrote an object as it is now.

    What `who` changed is theirs alone; what is gone is nobody's.
    """
    changes = _stripped(compared(before, after, node))
    kept = tuple(_less(managers, changes))
    taken = changes.touched()
    if not taken:
        return kept
    previous = next((each.fields for each in kept if each.is_same(who)), FieldSet())
    others = tuple(each for each in kept if not each.is_same(who))
    return (*others, replace(who, fields=previous | taken))


def applied(
    live: Any, body: Any, managers: Managers, who: Manager, node: Node, *, force: bool
) -> Applied:
    """Return an object with what `who` applies, without what they no longer do.

    Raises:
        RefusalError: others own fields that this would change.
    """
    last = next((each for each in managers if each.is_same(who)), None)
    claimed = fields.of(body, node)
    now = replace(who, fields=claimed)
    everyone = (*(each for each in managers if each is not last), now)
    made = merged(live, body, node)
    if not managers:
        return Applied(made, (now,) if claimed else ())
    if last is not None and last.fields - claimed:
        made = _pruned(made, everyone, last.fields, node)
    changes = _UNCHANGED if made is live else _stripped(compared(live, made, node))
    if not force:
        _refuse_conflicts(everyone, now, changes.touched())
    kept = tuple(_less((each for each in everyone if each is not now), changes))
    if is_same(live, made):
        # As the server: only an apply that changes the object has a time.
        now = replace(now, time=last.time if last else "")
    return Applied(made, (*kept, now) if claimed else kept)


def _less(managers: Iterable[Manager], changes: Changes) -> Iterator[Manager]:
    """Take from managers what was changed under them, or is gone."""
    gone = changes.touched() | changes.removed
    for each in managers:
        left = each.fields - gone if gone else each.fields
        if left:
            yield each if left.tree == each.fields.tree else replace(each, fields=left)


def _stripped(changes: Changes) -> Changes:
    """Leave out what nobody owns: names, versions, what the server writes."""
    return Changes(*(_without_envelope(each) for each in changes))


_ENVELOPE: Final = frozenset({"f:apiVersion", "f:kind"})
_OF_THE_SERVER: Final = frozenset(
    f"f:{name}"
    for name in (
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    )
)


def _without_envelope(found: FieldSet) -> FieldSet:
    tree = {element: below for element, below in found.tree.items() if element not in _ENVELOPE}
    metadata = tree.get("f:metadata")
    if metadata is not None:
        dropped = {*_OF_THE_SERVER, fields.SELF}
        kept = {each: below for each, below in metadata.items() if each not in dropped}
        tree = {**tree, "f:metadata": kept}
        if not kept:
            del tree["f:metadata"]
    return FieldSet(tree)


# --- removing what is applied no more ------------------------------------------------------------


def _pruned(made: Any, managers: Managers, last: FieldSet, node: Node) -> Any:
    """Remove what the last apply set and nobody owns any more (`merge.Updater.prune`).

    First everything the last apply owned goes, with its declared parents; then what others own is
    put back; of the rest only what the last apply itself owned may go.
    """
    gone = with_named_parents(last.tree, node)
    pruned = removed(made, gone, node)
    owned = _ALWAYS
    for each in managers:
        owned = owned | each.fields
    everything = FieldSet(with_named_parents(fields.of(made, node).tree, node))
    there = _named(pruned, node) | FieldSet(with_named_parents(owned.tree, node))
    pruned = removed(made, (everything - there).tree, node)
    dangling = intersection((everything - (_named(pruned, node) | _ALWAYS)).tree, gone)
    return removed(made, dangling, node)


_ALWAYS: Final = FieldSet({"f:metadata": {fields.SELF: {}, "f:name": {}}})
"""What every apply sets, though it is never written down."""


def _named(value: Any, node: Node) -> FieldSet:
    return FieldSet(with_named_parents(fields.of(value or {}, node).tree, node))


# --- conflicts -----------------------------------------------------------------------------------


def _refuse_conflicts(managers: Managers, who: Manager, touched: FieldSet) -> None:
    found: list[tuple[str, str]] = []
    for each in managers:
        if each is who:
            continue
        both = FieldSet(intersection(each.fields.tree, touched.tree))
        found += [(str(each), dotted(path)) for path in both.paths()]
    if found:
        raise _conflict(found)


def _conflict(found: Sequence[tuple[str, str]]) -> RefusalError:
    if len(found) == 1:
        who, path = found[0]
        says = f"Apply failed with 1 conflict: conflict with {who}: {path}"
    else:
        says = f"Apply failed with {len(found)} conflicts: "
        listed: dict[str, list[str]] = {}
        for who, path in sorted(found):
            listed.setdefault(who, []).append(path)
        says += "\n".join(
            f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in paths)
            for who, paths in listed.items()
        )
    causes = [Cause(_CONFLICT, path, f"conflict with {who}") for who, path in sorted(found)]
    return RefusalError(409, "Conflict", says, causes=causes)


def dotted(path: Path) -> str:
    """Write a path as the server does: `.spec.containers[name="web"].image`."""
    text = ""
    for element in path:
        if element.startswith("f:"):
            text += f".{element[2:]}"
        elif element.startswith("k:"):
            pairs = orjson.loads(element[2:])
            listed = (f"{key}={orjson.dumps(value).decode()}" for key, value in pairs.items())
            text += f"[{','.join(listed)}]"
        else:
            text += f"[={element[2:]}]"
    return text
