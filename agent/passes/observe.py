"""The first half of a package pass: everything it knows, as one frozen value."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from agent.core import overrides, words
from agent.core.admit import standings
from agent.core.values import (
    Complete,
    Dependency,
    Facts,
    GroupKind,
    NamespaceFacts,
    Reason,
    Standing,
    State,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.core.declared import Snapshot
    from agent.core.values import (
        Applied,
        Inventory,
        Key,
        Live,
        Package,
        PackageName,
        Policies,
        Rendered,
    )
    from agent.passes.ports import World

NOTHING = Complete("", "", ())


def wanted(
    name: PackageName, snapshot: Snapshot, inventory: Inventory
) -> tuple[Package | None, Rendered]:
    """The declaration and what it renders to; (None, nothing) only for a proved removal."""
    declared = snapshot.declared
    package = declared.packages.get(name)
    if package is not None:
        return package, _known(snapshot.rendered.get(name, _unread(declared.commit)), inventory)
    if name in declared.invalid:
        problem = declared.invalid[name][0]
        says = "; ".join(str(one) for one in declared.invalid[name])
        failure = Unknown(Reason.DECLARATION_INVALID, says, commit=declared.commit)
        origin = replace(failure.origin, path=problem.path, line=problem.line)
        return inventory.declared, replace(failure, origin=origin)
    if not declared.complete:
        return inventory.declared, Unknown(
            Reason.SET_UNKNOWN, declared.says, commit=declared.commit
        )
    return None, replace(NOTHING, commit=declared.commit)


def _known(new: Rendered, inventory: Inventory) -> Rendered:
    """What is applied already keeps the commit it was applied at: also over a restart."""
    applied = inventory.applied
    if isinstance(new, Complete) and applied is not None and new.digest == applied.digest:
        return replace(new, commit=applied.commit)
    return new


def _unread(commit: str) -> Unknown:
    return Unknown(Reason.SOURCE_UNAVAILABLE, "its source was not read yet", commit=commit)


def _base(new: Rendered, inventory: Inventory, world: World) -> Rendered:
    applied = inventory.applied
    if applied is None or inventory.declared is None:
        return Unknown(Reason.BASE_UNKNOWN, "nothing was applied yet")
    if isinstance(new, Complete) and new.digest == applied.digest:
        return new
    base = world.source.base(applied.package or inventory.declared, applied)
    if isinstance(base, Complete) and base.digest != applied.digest:
        return Unknown(Reason.BASE_UNKNOWN, "the applied revision renders differently now")
    return base


def keys(new: Rendered, base: Rendered, inventory: Inventory) -> frozenset[Key]:
    """Every object a pass over the package may be about."""
    found = set(inventory.entries)
    for rendered in (new, base):
        if isinstance(rendered, Complete):
            found.update(desired.key for desired in rendered.objects)
    return frozenset(found)


def _live(name: PackageName, about: frozenset[Key], world: World) -> dict[Key, Live]:
    live = dict(world.cluster.objects(name))
    for key in sorted(about - live.keys()):
        other = world.cluster.get(key)
        if other is not None:
            live[key] = other
    return live


def _namespaces(
    name: PackageName, about: frozenset[Key], snapshot: Snapshot, world: World
) -> dict[str, NamespaceFacts]:
    spaces = {name.namespace, *(key.namespace for key in about if key.namespace)}
    return {space: _namespace(space, snapshot, world) for space in sorted(spaces)}


def _namespace(space: str, snapshot: Snapshot, world: World) -> NamespaceFacts:
    live = world.cluster.namespace(space)
    declared = snapshot.namespaces.get(space)
    if declared is None:
        return live
    return replace(
        live,
        declared_labels=declared.declared_labels,
        declared_annotations=declared.declared_annotations,
        declared_by=declared.declared_by,
        origin=declared.origin,
    )


def _movers(
    name: PackageName, about: frozenset[Key], snapshot: Snapshot, world: World
) -> tuple[dict[Key, PackageName], dict[Key, PackageName]]:
    """Holders of keys we want, and those of them that do not want them any more."""
    holders = {
        key: holder
        for key in about
        if (holder := world.memory.holder(key)) is not None and holder != name
    }
    movers = {
        key: holder
        for key, holder in holders.items()
        if holder not in snapshot.claims.get(key, ()) and _is_sure(holder, snapshot)
    }
    return holders, movers


def _is_sure(holder: PackageName, snapshot: Snapshot) -> bool:
    """Whether it is known what the holder wants: it renders, or it is proved to be removed."""
    if holder in snapshot.declared.packages:
        return isinstance(snapshot.rendered.get(holder), Complete)
    return snapshot.declared.complete and holder not in snapshot.declared.invalid


def _standings(giver: PackageName, world: World, now: datetime) -> tuple[Standing, ...] | None:
    """What holds a package from which objects move away; None while nobody can say.

    By a look of our own, not by what its last pass found: who takes an object must not find it free
    because its giver was not looked at yet, after a restart or at the revision that suspends it.
    """
    facts = observe(giver, world, now, inherits=False)
    return standings(facts, now) if facts else None


def _held(
    movers: Mapping[Key, PackageName], world: World, now: datetime
) -> dict[PackageName, tuple[Standing, ...]] | None:
    """What holds each giver; None while that is not known of one of them."""
    held = {giver: _standings(giver, world, now) for giver in sorted(set(movers.values()))}
    known = {giver: found for giver, found in held.items() if found is not None}
    return known if len(known) == len(held) else None


def _inherited(
    movers: Mapping[Key, PackageName], held: Mapping[PackageName, tuple[Standing, ...]]
) -> Iterator[Standing]:
    for giver in sorted(set(movers.values())):
        moved = frozenset(key for key, holder in movers.items() if holder == giver)
        for standing in held.get(giver, ()):
            about = moved if standing.keys is None else moved & standing.keys
            if about:
                yield Standing(standing.hold, standing.grades, about)


def _unrendered(
    name: PackageName, snapshot: Snapshot, inventory: Inventory, base: Rendered, world: World
) -> tuple[PackageName, ...]:
    """Packages nobody can read to which objects of this one may have moved.

    Not those that are made of the same files as when this one was applied: what it wanted then
    can't have gone there since. Of what it dropped before, nobody knows when that was.
    """
    declared = snapshot.declared
    broken = {
        other: wants for other, wants in snapshot.rendered.items() if isinstance(wants, Unknown)
    }
    others = sorted((broken.keys() | declared.invalid.keys()) - {name})
    if not others:
        return ()
    wanted = {one.key for one in base.objects} if isinstance(base, Complete) else set()
    applied = inventory.applied if wanted >= inventory.entries.keys() else None
    return tuple(
        other
        for other in others
        if not _is_unchanged(declared.packages.get(other), broken.get(other), applied, world)
    )


def _is_unchanged(
    package: Package | None, broken: Unknown | None, applied: Applied | None, world: World
) -> bool:
    """Whether a broken package was made of the same files at a revision."""
    if package is None or broken is None or applied is None or not broken.content:
        return False
    return world.source.content(package, applied.commit) == broken.content


def _dependency(name: PackageName, snapshot: Snapshot, world: World) -> Dependency:
    rendered = snapshot.rendered.get(name)
    if not isinstance(rendered, Complete):
        return Dependency(name, ready=False, says="it is not declared, or cannot be rendered")
    report = world.memory.report(name)
    if report is None:
        return Dependency(name, ready=False, says="it was not looked at yet")
    applied = world.memory.inventory(name).applied
    if not report.is_healthy:
        return Dependency(name, ready=False, says=f"it is {report.state}: {report.message}")
    if report.state is State.SUSPENDED:
        return Dependency(name, ready=True)
    if applied is None or applied.digest != rendered.digest:
        return Dependency(name, ready=False, says="its newest revision is not applied yet")
    return Dependency(name, ready=True)


def _removed(snapshot: Snapshot, world: World) -> tuple[PackageName, ...]:
    if not snapshot.declared.complete:
        return ()
    known = snapshot.declared.packages.keys() | snapshot.declared.invalid.keys()
    return tuple(sorted(world.memory.packages() - known))


def _is_rewritten(new: Rendered, inventory: Inventory, world: World) -> bool:
    if not isinstance(new, Complete) or inventory.applied is None or not new.commit:
        return False
    return not world.source.descends(new.commit, inventory.applied.commit)


def _revisions(
    name: PackageName,
    package: Package | None,
    new: Rendered,
    policies: Policies,
    world: World,
) -> tuple[frozenset[str], frozenset[str]]:
    """Which revisions that Overrides name the new one follows, and at which it is the same.

    The restart of an agent must not change the answer: it is asked of Git, not of what was seen.
    """
    if not isinstance(new, Complete) or not new.commit:
        return frozenset(), frozenset()
    named = overrides.revisions(policies, name)
    commits = {each: world.source.resolve(each) for each in named}
    follows = {
        each for each, commit in commits.items() if commit and _follows(new.commit, commit, world)
    }
    if package is None:
        return frozenset(follows), frozenset()
    matches = {each for each in follows if _digest(package, commits[each], world) == new.digest}
    return frozenset(follows), frozenset(matches)


def _follows(commit: str, ancestor: str, world: World) -> bool:
    """Whether a commit, or the newest one that leaves the package as it was there, comes after."""
    snapshot = world.source.snapshot()
    newest = snapshot.declared.commit if snapshot else commit
    return any(world.source.descends(each, ancestor) for each in (commit, newest))


def _digest(package: Package, commit: str, world: World) -> str:
    rendered = world.source.at(package, commit)
    return rendered.digest if isinstance(rendered, Complete) else ""


def _sync_request(name: PackageName, inventory: Inventory, world: World) -> str:
    """A request made before the last poll: what it asked for has been looked at."""
    root = world.cluster.root(name)
    asked = root.annotations.get(words.SYNC_REQUESTED_AT, "") if root else ""
    polled = world.source.polled_at()
    if not asked or asked == inventory.handled_sync or polled is None:
        return ""
    try:
        at = datetime.fromisoformat(asked)
    except ValueError:
        return asked
    return asked if at.tzinfo is None or at <= polled else ""


def observe(
    name: PackageName, world: World, now: datetime, *, inherits: bool = True
) -> Facts | None:
    """Everything known of one package; None while the watches of its kinds are not ready.

    Makes no request, except where the revision last applied has to be rendered again. Without
    `inherits` it is a look at the package's own holds alone.
    """
    snapshot = world.source.snapshot()
    if snapshot is None:
        return None
    inventory = world.memory.inventory(name)
    package, new = wanted(name, snapshot, inventory)
    base = _base(new, inventory, world)
    about = keys(new, base, inventory)
    if not world.cluster.synced({GroupKind(key.group, key.kind) for key in about}):
        return None
    holders, movers = _movers(name, about, snapshot, world)
    held = _held(movers, world, now) if inherits else {}
    if held is None:
        return None
    depends_on = package.depends_on if package else ()
    follows, matches = _revisions(name, package, new, snapshot.declared.policies, world)
    answers = world.memory.answers(name, now)
    return Facts(
        instance=world.instance,
        cluster=world.cluster_name,
        package=name,
        declaration=package,
        policies=snapshot.declared.policies,
        new=new,
        base=base,
        live=_live(name, about, world),
        inventory=inventory,
        now=now,
        root=world.cluster.root(name),
        namespaces=_namespaces(name, about, snapshot, world),
        claims={key: snapshot.claims[key] for key in about if key in snapshot.claims},
        holders=holders,
        movers=movers,
        unrendered=_unrendered(name, snapshot, inventory, base, world),
        unknown_set="" if snapshot.declared.complete else snapshot.declared.says,
        dependencies=tuple(_dependency(one, snapshot, world) for one in depends_on),
        inherited=tuple(_inherited(movers, held)),
        scaled=world.cluster.scaled() & about,
        fights=world.memory.fights(about),
        sync_request=_sync_request(name, inventory, world),
        rewritten=_is_rewritten(new, inventory, world),
        follows=follows,
        matches=matches,
        removed_together=_removed(snapshot, world),
        kinds=world.cluster.kinds(),
        schemas=world.cluster.schemas(_wanted_schemas(new, base)),
        answers=answers,
        saved=world.memory.is_saved(name),
    )


def _wanted_schemas(new: Rendered, base: Rendered) -> frozenset[tuple[str, str]]:
    return frozenset(
        (desired.api_version, desired.key.kind)
        for rendered in (new, base)
        if isinstance(rendered, Complete)
        for desired in rendered.objects
    )
