"""Whose object is it: ours, somebody else's, or free to be taken by policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.core import words
from agent.core.identity import owner
from agent.core.values import AdoptPolicy, Cause, Hold, Reason

if TYPE_CHECKING:
    from agent.core.values import Desired, Entry, Facts, Live

FOLDED: Final = frozenset({"kubectl-client-side-apply", "before-first-apply"})
"""Client-side field managers whose fields become ours on adoption (client-go csaupgrade)."""

OTHER_TOOLS: Final = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "meta.helm.sh/release-name": "Helm",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What our claim on a live object is: none needed, a reason to take it, or a refusal."""

    cause: Cause | None = None
    by: str = ""
    fold: tuple[str, ...] = ()
    refusal: Hold | None = None


def _tool(live: Live) -> str:
    return next((tool for mark, tool in OTHER_TOOLS.items() if mark in live.marks), "")


def _refused(desired: Desired, says: str, reason: Reason = Reason.ADOPTION_REFUSED) -> Claim:
    return Claim(refusal=Hold("adoption", reason, says, desired.origin))


def _stranger(desired: Desired, live: Live) -> Claim:
    """An object that exists and that nobody in Tidegate has."""
    policy = desired.rules.adopt
    if policy is AdoptPolicy.NEVER:
        says = f"{desired.key} exists already and adopt: Never is set"
        return _refused(desired, says)
    if live.controlled:
        return _refused(desired, f"{desired.key} exists already and belongs to a controller")
    tool = _tool(live)
    if tool and policy is not AdoptPolicy.ALWAYS:
        says = f"{desired.key} is marked as {tool}'s; adopt: Always takes it over"
        return _refused(desired, says)
    fold = tuple(manager for manager in live.managers if manager in FOLDED)
    return Claim(Cause.ADOPT, ", ".join(live.managers), fold)


def claim(desired: Desired, live: Live, entry: Entry | None, facts: Facts) -> Claim:
    """Whether the live object is ours to write, and with which cause if it was not so far."""
    marked = live.marks.get(words.OWNER, "")
    mine = owner(facts.instance, facts.cluster, facts.package)
    if marked == mine and not live.controlled:
        return Claim()
    if marked and marked != mine:
        return _owned(desired, marked, facts)
    if entry is not None and entry.uid == live.uid:
        return Claim()
    return _stranger(desired, live)


def _owned(desired: Desired, marked: str, facts: Facts) -> Claim:
    giver = facts.movers.get(desired.key)
    if giver is not None and marked == owner(facts.instance, facts.cluster, giver):
        return Claim(Cause.MOVE, f"package {giver}")
    if desired.rules.adopt is AdoptPolicy.ALWAYS and desired.key not in facts.holders:
        return Claim(Cause.ADOPT, marked)
    says = f"{desired.key} belongs to {marked}"
    return _refused(desired, says, Reason.OWNED_BY_OTHER)
