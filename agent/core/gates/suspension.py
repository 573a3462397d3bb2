"""Suspension: by annotation on package, namespace or object, and by Suspension objects.

Declared annotations are read from Git; live ones (break-glass) may only add holds. A value nobody
can read holds, because whoever wrote it meant to stop something.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agent.core import overrides, standing, words
from agent.core.policies import OnExpiry, Suspension
from agent.core.select import by_labels, matches
from agent.core.values import (
    Complete,
    Grade,
    Hold,
    NamespaceFacts,
    Origin,
    Reason,
    Ruling,
    Standing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.core.values import Desired, Facts, Key, Plan

GATE = "suspension"
BREAK_GLASS = timedelta(hours=24)
ALL = frozenset({Grade.ALL})


@dataclass(frozen=True, slots=True)
class _Mark:
    """One set of suspend annotations and where it was found."""

    values: Mapping[str, str]
    origin: Origin
    what: str
    keys: frozenset[Key] | None = None
    live: bool = False
    since: datetime | None = None


def grades(value: str) -> frozenset[Grade] | None:
    """Grades a suspend value names: empty for "false", None when it can't be read.

    >>> sorted(grades("Upgrades, Prune"))
    [<Grade.PRUNE: 'Prune'>, <Grade.UPGRADES: 'Upgrades'>]
    """
    lowered = value.strip().lower()
    if lowered in {"true", "all"}:
        return ALL
    if lowered in {"false", ""}:
        return frozenset()
    known = {grade.value.lower(): grade for grade in Grade}
    named = [part.strip() for part in lowered.split(",")]
    return frozenset(known[n] for n in named) if all(n in known for n in named) else None


def _instant(text: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def _break_glass(facts: Facts) -> timedelta:
    agent = facts.policies.agent
    return agent.break_glass_max if agent else BREAK_GLASS


def _marks(facts: Facts) -> Iterator[_Mark]:
    yield from _package_marks(facts)
    yield from _namespace_marks(facts)
    yield from _object_marks(facts)


def _package_marks(facts: Facts) -> Iterator[_Mark]:
    package = facts.declaration or facts.inventory.declared
    what = f"package {facts.package}"
    if package is not None:
        yield _Mark(package.annotations, package.origin, what)
    if facts.root is not None:
        live = Origin(object=f"Package {facts.package}")
        since = facts.root.since.get(words.SUSPEND)
        yield _Mark(facts.root.annotations, live, what, live=True, since=since)


def _namespace_marks(facts: Facts) -> Iterator[_Mark]:
    for name, namespace in facts.namespaces.items():
        whole = name == facts.package.namespace
        keys = None if whole else _keys_in(facts, name)
        if keys is None or keys:
            yield from _marks_of_namespace(namespace, keys)


def _marks_of_namespace(namespace: NamespaceFacts, keys: frozenset[Key] | None) -> Iterator[_Mark]:
    what = f"namespace {namespace.name}"
    yield _Mark(namespace.declared_annotations, namespace.origin, what, keys)
    live = Origin(object=f"Namespace {namespace.name}")
    since = namespace.since.get(words.SUSPEND)
    yield _Mark(namespace.annotations, live, what, keys, live=True, since=since)


def _declared_objects(facts: Facts) -> tuple[Desired, ...]:
    """What Git says of objects: at the newest revision, or the last one that anybody could read."""
    for rendered in (facts.new, facts.base):
        if isinstance(rendered, Complete):
            return rendered.objects
    return ()


def _keys_in(facts: Facts, namespace: str) -> frozenset[Key]:
    wanted = _declared_objects(facts)
    keys = {desired.key for desired in wanted} | set(facts.inventory.entries)
    return frozenset(key for key in keys if key.namespace == namespace)


def _object_marks(facts: Facts) -> Iterator[_Mark]:
    for desired in _declared_objects(facts):
        if desired.suspend:
            keys = frozenset({desired.key})
            yield _Mark(desired.suspend, desired.origin, str(desired.key), keys)
    for key, live in facts.live.items():
        if words.SUSPEND in live.marks:
            origin, about = Origin(object=str(key)), frozenset({key})
            yield _Mark(live.marks, origin, str(key), about, live=True, since=live.suspended)


def _said(what: str, values: Mapping[str, str]) -> str:
    reason = values.get(words.SUSPEND_REASON, "")
    return f"{what} is suspended: {reason}" if reason else f"{what} is suspended"


def _author(mark: _Mark) -> str:
    return mark.values.get(words.SUSPEND_BY, "") or mark.origin.author


def _judged(mark: _Mark, facts: Facts, at: datetime) -> Standing | None:
    value = mark.values.get(words.SUSPEND)
    if value is None:
        return None
    named = grades(value)
    if named is None:
        says = (
            f"{mark.what} has {words.SUSPEND}: {value!r}, which is neither true, false nor a list "
            f"of {', '.join(Grade)}; it holds until it can be read"
        )
        return _standing(mark, ALL, says, reason=Reason.SUSPEND_UNREADABLE)
    return _until(mark, named, facts, at) if named else None


def _until(mark: _Mark, named: frozenset[Grade], facts: Facts, at: datetime) -> Standing | None:
    says = _said(mark.what, mark.values)
    text = mark.values.get(words.SUSPEND_UNTIL, "")
    if text:
        until = _instant(text)
        if until is None:
            says += f"; {words.SUSPEND_UNTIL} {text!r} is no RFC 3339 time, so it does not end"
            return _standing(mark, named, says, reason=Reason.SUSPEND_UNREADABLE)
        return _standing(mark, named, says, until) if at < until else None
    if mark.live and mark.since is not None:
        end = mark.since + _break_glass(facts)
        if at < end:
            return _standing(mark, named, says, end)
        says += f"; its time ran out and it waits for review: {_ending(mark, facts)}"
    return _standing(mark, named, says)


def _ending(mark: _Mark, facts: Facts) -> str:
    if mark.origin.object == f"Package {facts.package}":
        return "`tidegate resume` ends it"
    return f"taking {words.SUSPEND} off {mark.origin.object} ends it"


def _standing(
    mark: _Mark,
    named: frozenset[Grade],
    says: str,
    until: datetime | None = None,
    reason: Reason = Reason.SUSPENDED,
) -> Standing:
    hold = Hold(GATE, reason, says, mark.origin, until, by=_author(mark))
    return Standing(hold, named, mark.keys)


def _covers(suspension: Suspension, facts: Facts) -> bool:
    if suspension.scope and suspension.scope != facts.package.namespace:
        return False
    space = facts.namespaces.get(facts.package.namespace, NamespaceFacts(facts.package.namespace))
    package = facts.declaration or facts.inventory.declared
    packages = [labels for labels in (package and package.labels, facts.inventory.labels) if labels]
    spaces = [s for s in (space.labels if space.exists else None, space.declared_labels) if s]
    return any(
        matches(suspension.match, facts.package, labels, namespace, facts.cluster)
        for labels in packages or [{}]
        for namespace in spaces or [{}]
    )


def _declared(suspension: Suspension, at: datetime) -> Standing | None:
    until = suspension.until
    if suspension.start is not None and at < suspension.start:
        return None
    says = f"Suspension {suspension.name}: {suspension.reason}"
    if until is not None and at >= until:
        if suspension.on_expiry is OnExpiry.RESUME:
            return None
        says, until = says + "; it ended and waits for review: remove it to resume", None
    hold = Hold(GATE, Reason.SUSPENDED, says, suspension.origin, until, suspension.origin.author)
    return Standing(hold, suspension.holds, by_labels=by_labels(suspension.match))


def standings(facts: Facts, at: datetime) -> tuple[Standing, ...]:
    """All suspensions in force for this package at an instant (UTC), overridden ones left out."""
    marks = (_judged(mark, facts, at) for mark in _marks(facts))
    by_mark = [] if overrides.passing(facts, "Suspension", at) else [s for s in marks if s]
    declared = (
        _declared(suspension, at)
        for suspension in facts.policies.suspensions
        if _covers(suspension, facts)
        and not overrides.passing(facts, f"Suspension/{suspension.name}", at)
    )
    return (*by_mark, *(s for s in declared if s))


def _edges(facts: Facts, at: datetime) -> Iterator[datetime]:
    for held in standings(facts, at):
        if held.hold.until is not None:
            yield held.hold.until
    for suspension in facts.policies.suspensions:
        if suspension.start is not None and _covers(suspension, facts):
            yield suspension.start
    yield from overrides.edges(facts, at)


def judge(plan: Plan, facts: Facts, at: datetime) -> Ruling:
    """What the suspensions in force hold of this plan."""
    next_change = min((t for t in _edges(facts, at) if t > at), default=None)
    return Ruling(standing.rule(standings(facts, at), plan), next_change)
