"""Windows: when matching packages may sync.

Any active Deny closes. Without a matching Allow it is open; else one active Allow opens. It has to
be open by the labels that were applied and by those that are proposed, each for itself: a commit
can relabel its package neither out of a freeze nor away from its maintenance window.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from agent.core import overrides, standing
from agent.core.policies import OnClose, OverridePolicy, SyncWindow
from agent.core.select import by_labels, matches
from agent.core.values import Hold, NamespaceFacts, Reason, Ruling, Standing
from agent.core.windows.decision import decide
from agent.core.windows.schedule import Effect
from agent.core.windows.timeline import active, next_edge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from agent.core.values import Facts, Plan

GATE = "windows"


def _label_pairs(facts: Facts) -> list[tuple[Mapping[str, str], Mapping[str, str]]]:
    """Every (package labels, namespace labels) that counts: applied and proposed."""
    space = facts.namespaces.get(facts.package.namespace, NamespaceFacts(facts.package.namespace))
    package = facts.declaration or facts.inventory.declared
    proposed: Mapping[str, str] = package.labels if package else {}
    applied = facts.inventory.labels
    packages = [proposed] if applied is None else [proposed, applied]
    proposed_there = [space.declared_labels] if space.declared_by or not space.exists else []
    spaces = [*([space.labels] if space.exists else []), *proposed_there]
    return [(labels, namespace) for labels in packages for namespace in spaces]


def _reaching(facts: Facts) -> tuple[tuple[SyncWindow, ...], ...]:
    """The windows about this package, once for each pair of labels, without what comes twice."""
    reachable = [
        window
        for window in facts.policies.windows
        if not window.scope or window.scope == facts.package.namespace
    ]
    sets = (
        tuple(
            window
            for window in reachable
            if matches(window.match, facts.package, labels, namespace, facts.cluster)
        )
        for labels, namespace in (_label_pairs(facts) if reachable else ())
    )
    return tuple(dict.fromkeys(filter(None, sets)))


def _passed(window: SyncWindow, facts: Facts, at: datetime) -> bool:
    if window.override is OverridePolicy.NEVER:
        return False
    return overrides.passing(facts, f"SyncWindow/{window.name}", at) is not None


def _in_force(facts: Facts, at: datetime) -> tuple[tuple[SyncWindow, ...], ...]:
    sets = (
        tuple(window for window in windows if not _passed(window, facts, at))
        for windows in _reaching(facts)
    )
    return tuple(dict.fromkeys(filter(None, sets)))


def _said(window: SyncWindow, what: str) -> str:
    return f"{what}: {window.description}" if window.description else what


def _closed(window: SyncWindow, what: str, until: datetime | None) -> Standing:
    says = _said(window, what)
    hold = Hold(GATE, Reason.WINDOW_CLOSED, says, window.origin, until, window.origin.author)
    return Standing(hold, window.holds, by_labels=by_labels(window.match))


def _under_way(facts: Facts) -> bool:
    """A sync of the newest revision began and is not finished: a cut-off does not stop it."""
    applied, commit = facts.inventory.applied, getattr(facts.new, "commit", "")
    return facts.inventory.attempted == commit and (applied is None or applied.commit != commit)


def _cut_off(window: SyncWindow, facts: Facts, at: datetime) -> datetime | None:
    """The close that is too near to start anything before it, if there is one."""
    interval = active(window.schedule, at)
    if interval is None or window.stop_starting_before <= timedelta(0) or _under_way(facts):
        return None
    return interval.close if at >= interval.close - window.stop_starting_before else None


def _denies(windows: tuple[SyncWindow, ...], at: datetime) -> Iterator[SyncWindow]:
    for window in windows:
        if window.schedule.effect is Effect.DENY and active(window.schedule, at):
            yield window


def _closers(windows: tuple[SyncWindow, ...], facts: Facts, at: datetime) -> Iterator[Standing]:
    until = decide([(w.name, w.schedule) for w in windows], at).next_open
    for window in _denies(windows, at):
        yield _closed(window, f"SyncWindow {window.name} denies syncing now", until)
    allows = [window for window in windows if window.schedule.effect is Effect.ALLOW]
    if allows and not any(active(window.schedule, at) for window in allows):
        for window in allows:
            yield _closed(window, f"SyncWindow {window.name} is closed", until)
    elif allows and all(_cut_off(w, facts, at) for w in allows if active(w.schedule, at)):
        for window in (w for w in allows if active(w.schedule, at)):
            yield _closed(window, f"SyncWindow {window.name} closes too soon to start", until)


def standings(facts: Facts, at: datetime) -> tuple[Standing, ...]:
    """The windows that are closed for this package at an instant (UTC)."""
    closed: dict[str, Standing] = {}
    for windows in _in_force(facts, at):
        for each in _closers(windows, facts, at):
            closed.setdefault(each.hold.says, each)
    return tuple(closed.values())


def _edges(facts: Facts, at: datetime) -> Iterator[datetime]:
    for window in {window.name: window for each in _reaching(facts) for window in each}.values():
        edge = next_edge(window.schedule, at)
        if edge is not None:
            yield edge
            if window.stop_starting_before and active(window.schedule, at):
                yield edge - window.stop_starting_before
    yield from overrides.edges(facts, at)


def _deadline(facts: Facts, at: datetime) -> datetime | None:
    """When writing has to stop at the latest: the next close, with the grace it grants."""
    closes = (_close(windows, at) for windows in _in_force(facts, at))
    return min((close for close in closes if close is not None), default=None)


def _close(windows: tuple[SyncWindow, ...], at: datetime) -> datetime | None:
    decision = decide([(w.name, w.schedule) for w in windows], at)
    if not decision.open or decision.next_close is None:
        return None
    stop = any(window.on_close is OnClose.STOP for window in windows)
    grace = timedelta(0) if stop else min(window.close_grace for window in windows)
    return decision.next_close + grace


def judge(plan: Plan, facts: Facts, at: datetime) -> Ruling:
    """What closed windows hold of this plan, and when the answer may change."""
    next_change = min((t for t in _edges(facts, at) if t > at), default=None)
    ruled = standing.rule(standings(facts, at), plan)
    return Ruling(ruled, next_change, _deadline(facts, at))
