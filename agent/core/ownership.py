"""Whose value each field gets: Git's, the live one, or none → the body to apply, and the changes.

The second of the three places where "not now" is decided: under a hold on drift repair, and where
a conflict is to stay as it is, the body carries the live value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from agent.core import fields, pointers, words
from agent.core.compare import compare
from agent.core.encode import digest
from agent.core.identity import owner, package_label
from agent.core.live import unpack
from agent.core.memo import Memo
from agent.core.schema import ANY_OBJECT, Node, Relation
from agent.core.standing import graded
from agent.core.values import ABSENT, Cause, Change, ConflictPolicy, Grade, Hold, Reason

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from agent.core.values import Desired, Entry, Facts, Live, Manifest, Standing

REPLICAS = "/spec/replicas"
KEPT_LIVE = "live"
"""In place of what the server made of our words: live values won a conflict in this object, so
that later differences in it are not drift."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What applying would change, and the body that does it."""

    changes: tuple[Change, ...]
    body: Manifest
    rests_on_live: bool = False
    """The body repeats live values, so it is right only for this resourceVersion."""
    notice: Hold | None = None
    stays: tuple[str, ...] = ()
    """Conflicts that policy decides for the live value."""


def identified(desired: Desired, facts: Facts) -> Manifest:
    """The manifest with the labels and the annotation that say whose it is."""
    metadata = desired.manifest.get("metadata", {})
    labels = {
        **(metadata.get("labels") or {}),
        words.INSTANCE: facts.instance,
        words.PACKAGE: package_label(facts.instance, facts.cluster, facts.package),
    }
    annotations = {
        **(metadata.get("annotations") or {}),
        words.OWNER: owner(facts.instance, facts.cluster, facts.package),
    }
    return {
        **desired.manifest,
        "metadata": {**metadata, "labels": labels, "annotations": annotations},
    }


def node_of(desired: Desired, facts: Facts) -> Node:
    """List topology of the object's kind; without a schema maps are granular, lists atomic."""
    return facts.schemas.get((desired.api_version, desired.key.kind), ANY_OBJECT)


def _ignored(desired: Desired, facts: Facts) -> tuple[str, ...]:
    scaled = (REPLICAS,) if desired.key in facts.scaled else ()
    return tuple(dict.fromkeys((*desired.rules.ignore, *scaled)))


def _ignored_paths(desired: Desired, facts: Facts) -> tuple[fields.Path, ...]:
    node = node_of(desired, facts)
    return tuple(_path(desired.manifest, each, node) for each in _ignored(desired, facts))


def _path(manifest: Manifest, pointer: str, node: Node) -> fields.Path:
    """Where a pointer into Git's manifest leads; the items of an atomic list are one value."""
    path: fields.Path = ()
    value: Any = manifest
    for token in pointers.parts(pointer):
        if not isinstance(value, list):
            path = (*path, f"f:{token}")
            value = value.get(token) if isinstance(value, Mapping) else None
            node = node.at(token)
        elif node.list is None or node.list.relation is Relation.ATOMIC:
            return path
        else:
            value = pointers.read(value, (token,))
            path = (*path, fields.element_of(value, node.list))
            node = node.list.item
    return path


def wanted(desired: Desired, facts: Facts) -> Manifest:
    """What is compared and applied to what exists: identified, without fields that others own."""
    manifest: Manifest = identified(desired, facts)
    for path in _ignored_paths(desired, facts):
        manifest = _graft(manifest, ABSENT, path, node_of(desired, facts))
    return manifest


def _handed_over(
    body: Manifest,
    ignored: Iterable[fields.Path],
    live: Manifest,
    managed: Sequence[Manifest],
    node: Node,
) -> Manifest:
    """The body with the live value of ignored fields that nobody else owns yet.

    Leaving out a field we alone own would reset it to its default (kubernetes#25238).
    """
    ours, others = fields.own(managed), _others(managed)
    for path in ignored:
        if ours.touches(path) and not any(each.touches(path) for each in others):
            body = _graft(body, live, path, node)
    return body


def _others(managed: Sequence[Manifest]) -> tuple[fields.FieldSet, ...]:
    return tuple(
        each.fields
        for each in fields.owners(managed)
        if (each.manager, each.operation) != (words.FIELD_MANAGER, "Apply")
    )


def expected(live: Live, desired: Desired, facts: Facts) -> str:
    """Digest of the live object at the fields we want: what the server made of our words.

    None is kept of a Secret: it would let a short password be guessed, and the server rewrites
    nothing in one.
    """
    if (desired.key.group, desired.key.kind) == ("", "Secret"):
        return ""
    return _projected(desired, live, facts)


def _projected(desired: Desired, live: Live, facts: Facts) -> str:
    """Digest of the live object at the fields we want; looked up while neither has changed."""
    node = node_of(desired, facts)

    def project() -> str:
        body = wanted(desired, facts)
        return digest(fields.project(unpack(live), fields.of(body, node), node))

    return _PROJECTIONS.get(
        (
            *(live.uid, live.version, hash(live.packed)),
            *(desired.digest, _ignored(desired, facts), node),
            *(facts.instance, facts.cluster, facts.package),
        ),
        project,
    )


_PROJECTIONS: Final[Memo[tuple[Hashable, ...], str]] = Memo(20_000)
"""Most passes look at a package in which one object has changed, or none."""


def _is_as_expected(desired: Desired, live: Live, entry: Entry | None, facts: Facts) -> bool:
    return (
        entry is not None
        and bool(entry.expected)
        and entry.uid == live.uid
        and entry.digest == desired.digest
        and entry.expected == _projected(desired, live, facts)
    )


def merge(
    desired: Desired,
    base: Desired | None,
    live: Live,
    facts: Facts,
    standings: Sequence[Standing],
) -> Merged:
    """Compare three ways and build the body that policy and holds allow."""
    entry = facts.inventory.entries.get(desired.key)
    body = wanted(desired, facts)
    if _is_as_expected(desired, live, entry, facts):
        return Merged((), body)
    seen, node = unpack(live), node_of(desired, facts)
    managed = seen.get("metadata", {}).get("managedFields") or []
    was = wanted(base, facts) if base is not None else None
    compared = compare(body, was, seen, fields.own(managed), node, managed)
    ignored = _ignored_paths(desired, facts)
    found = (*compared.changes, *_doubted(compared.doubts, entry, desired))
    changes = tuple(_settled(each, entry, desired) for each in _counting(found, ignored))
    body = _handed_over(body, ignored, seen, managed, node)
    return _yielding(Merged(changes, body), desired, seen, node, standings)


def _counting(changes: Iterable[Change], ignored: Iterable[fields.Path]) -> Iterator[Change]:
    """Changes outside ignored fields: what is handed over or let go there is none."""
    places = [fields.printed(path) for path in ignored]
    for change in changes:
        if not any(_is_within(change.path, place) for place in places):
            yield change


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))


def _settled(change: Change, entry: Entry | None, desired: Desired) -> Change:
    """A difference in an object where live values won a conflict is that conflict still."""
    won = entry is not None and entry.expected == KEPT_LIVE
    lost = desired.rules.conflicts is ConflictPolicy.GIT
    if won and not lost and change.cause is Cause.DRIFT:
        return replace(change, cause=Cause.CONFLICT)
    return change


def _doubted(doubts: Iterable[str], entry: Entry | None, desired: Desired) -> Iterator[Change]:
    """Places where only the server knows whether they differ (null, {}, ""): applied to learn."""
    again = entry is not None and bool(entry.expected) and entry.digest == desired.digest
    cause = Cause.DRIFT if again else Cause.GIT
    yield from (Change(path, cause) for path in doubts)


# --- live values that stay ---------------------------------------------------------------------


def _stays(change: Change, desired: Desired, drift: Standing | None) -> bool:
    if change.cause is Cause.CONFLICT:
        return drift is not None or desired.rules.conflicts is not ConflictPolicy.GIT
    return change.cause is Cause.DRIFT and drift is not None


def _notice(desired: Desired, staying: Sequence[Change], drift: Standing | None) -> Hold | None:
    conflicts = [change.path for change in staying if change.cause is Cause.CONFLICT]
    if conflicts and desired.rules.conflicts is ConflictPolicy.HOLD:
        says = f"{desired.key}: changed in Git and live: {', '.join(conflicts)}"
        return Hold("conflicts", Reason.CONFLICTED, says, desired.origin)
    return drift.hold if drift is not None else None


def _yielding(
    merged: Merged,
    desired: Desired,
    live: Manifest,
    node: Node,
    standings: Sequence[Standing],
) -> Merged:
    """Let live values stay where policy or a hold on drift says so.

    A step that is nothing but drift keeps Git's values: the gate holds it whole.
    """
    drift = graded(standings, Grade.DRIFT, desired.key)
    staying = [change for change in merged.changes if _stays(change, desired, drift)]
    if not staying or all(change.cause is Cause.DRIFT for change in merged.changes):
        return merged
    kept = {change.path for change in staying}
    decided = desired.rules.conflicts is not ConflictPolicy.GIT
    body = _grafted(merged.body, live, node, kept)
    changes = tuple(change for change in merged.changes if change.path not in kept)
    return replace(
        merged,
        changes=changes,
        body=body,
        rests_on_live=True,
        notice=_notice(desired, staying, drift),
        stays=tuple(c.path for c in staying if decided and c.cause is Cause.CONFLICT),
    )


def _grafted(body: Manifest, live: Manifest, node: Node, kept: set[str]) -> Manifest:
    """The body with the live value at each of these printed paths."""
    paths = [
        path
        for path in (fields.of(body, node) | fields.of(live, node)).paths()
        if fields.printed(path) in kept
    ]
    for path in paths:
        body = _graft(body, live, path, node)
    return body


def _graft(body: Any, live: Any, path: fields.Path, node: Node) -> Any:
    """A copy of `body` in which the value at `path` is what `live` has there."""
    if not path:
        return live
    element, rest = path[0], path[1:]
    name = fields.name_of(element)
    if name is not None:
        return _graft_field(body, live, name, rest, node)
    rule = node.list
    if rule is None or not isinstance(body, list):
        return live
    theirs = _item(live, element, node)
    if not rest and theirs is ABSENT:
        return [item for item in body if fields.element_of(item, rule) != element]
    return [
        _graft(item, theirs, rest, rule.item) if fields.element_of(item, rule) == element else item
        for item in body
    ]


def _graft_field(body: Any, live: Any, name: str, rest: fields.Path, node: Node) -> Any:
    theirs = live.get(name, ABSENT) if isinstance(live, Mapping) else ABSENT
    mine = body.get(name, {}) if isinstance(body, Mapping) else {}
    if theirs is ABSENT and name not in body:
        return body
    value = _graft(mine, theirs, rest, node.at(name)) if rest else theirs
    kept = {each: value_ for each, value_ in body.items() if each != name}
    return kept if value is ABSENT else {**body, name: value}


def _item(live: Any, element: fields.Element, node: Node) -> Any:
    if not isinstance(live, list) or node.list is None:
        return ABSENT
    found = (item for item in live if fields.element_of(item, node.list) == element)
    return next(found, ABSENT)
