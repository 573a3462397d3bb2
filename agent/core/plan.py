"""Facts → what would be done with every object, and what has to be asked first.

Never sees a suspension, a window or a budget. A refusal that lies in the object itself (owned by
somebody else, immutable, in conflict) is part of its step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from agent.core import contest, immutable, ownership, prune, relabel
from agent.core.adopt import claim
from agent.core.answers import existed, failed, heard, keep, said
from agent.core.encode import digest
from agent.core.immutable import is_job
from agent.core.replacement import done, replacement, rerun
from agent.core.target import newest
from agent.core.values import (
    Action,
    Ask,
    Cause,
    Change,
    Complete,
    Found,
    GroupKind,
    Hold,
    Plan,
    Question,
    Reason,
    Rejected,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.core.answers import Heard
    from agent.core.target import Aim
    from agent.core.values import Desired, Entry, Facts, Key, Live, Manifest, Standing

ASKED_FIRST: Final = frozenset(
    {
        ("batch", "Job"),
        ("apps", "StatefulSet"),
        ("", "PersistentVolumeClaim"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("storage.k8s.io", "StorageClass"),
    }
)
"""Kinds most of whose fields are immutable: a dry run tells before anybody is asked to approve."""


@dataclass(frozen=True, slots=True)
class _View:
    """What judging one object needs besides the object."""

    facts: Facts
    bases: Mapping[Key, Desired]
    standings: Sequence[Standing]
    heard: Heard
    pinned: Mapping[Key, Hold]


_Judged = tuple[Step, Question | None]


# --- objects that are not there ----------------------------------------------------------------


def _absent(desired: Desired, view: _View) -> _Judged:
    facts = view.facts
    entry = facts.inventory.entries.get(desired.key)
    restores = _restores(desired, facts)
    over = None if restores else done(desired, entry)
    if over is not None:
        return over, None
    step = _create(desired, entry, view, restores=restores)
    if existed(view.heard, desired) and said(view.heard, desired, Ask.READ) is None:
        return step, Question(desired.key, Ask.READ, desired.digest)
    return step, None


def _restores(desired: Desired, facts: Facts) -> bool:
    """Whether we deleted what is to be put back; another content of a Job was never there."""
    intent = facts.inventory.intents.get(desired.key)
    return intent is not None and (intent.digest == desired.digest or not is_job(desired.key))


def _create(desired: Desired, entry: Entry | None, view: _View, *, restores: bool) -> Step:
    facts = view.facts
    had = entry is not None and entry.digest == desired.digest
    refused = None if existed(view.heard, desired) else said(view.heard, desired, Ask.APPLY)
    return Step(
        desired.key,
        Action.CREATE,
        desired.wave,
        (Change("", Cause.GONE if had else Cause.GIT, after=desired.digest),),
        ownership.identified(desired, facts),
        desired.digest,
        refusal=_unservable(desired, facts) or failed(desired.key, refused),
        restores=restores,
    )


def _unservable(desired: Desired, facts: Facts) -> Hold | None:
    if says := _homeless(desired, facts):
        return Hold("namespace", Reason.NAMESPACE_MISSING, says, desired.origin)
    says = _unserved(desired, facts) if facts.kinds else ""
    return Hold("server", Reason.APPLY_FAILED, says, desired.origin) if says else None


def _homeless(desired: Desired, facts: Facts) -> str:
    """Say what is missing of the namespace, unless we make it, or a package we depend on."""
    namespace = facts.namespaces.get(desired.key.namespace)
    if namespace is None or namespace.exists:
        return ""
    if not namespace.declared_by:
        return f"namespace {namespace.name} neither exists nor is declared"
    near = {facts.package, *(dependency.name for dependency in facts.dependencies)}
    if not near.isdisjoint(namespace.declared_by):
        return ""
    makers = ", ".join(map(str, namespace.declared_by))
    return f"namespace {namespace.name} does not exist yet: {makers} declares it (see dependsOn)"


def _unserved(desired: Desired, facts: Facts) -> str:
    """Say what the server lacks for the object; a kind may be there in other versions only."""
    asked = f"{desired.api_version} {desired.key.kind}"
    known = facts.kinds.get(GroupKind(desired.key.group, desired.key.kind))
    if known is None:
        return f"the server does not serve {asked} (yet)"
    if desired.api_version.rpartition("/")[2] in known.versions:
        return ""
    served = ", ".join(f"{known.group}/{one}".lstrip("/") for one in known.versions)
    return f"the server does not serve {asked} (yet), only {served}"


# --- objects that are there --------------------------------------------------------------------


def _present(desired: Desired, live: Live, view: _View) -> _Judged:
    facts = view.facts
    if live.leaving:
        says = "is being deleted; it is applied again when it is gone"
        return keep(desired, live, Reason.PROGRESSING, says), None
    hold = view.pinned.get(desired.key)
    if hold is None:
        return _compared(desired, live, view)
    entry = facts.inventory.entries.get(desired.key)
    if entry is None or entry.digest != desired.digest:
        return replace(keep(desired, live), notice=hold), None
    step, question = _compared(desired, live, view)
    return replace(step, notice=hold), question


def _compared(desired: Desired, live: Live, view: _View) -> _Judged:
    """Compare and decide what follows."""
    entry = view.facts.inventory.entries.get(desired.key)
    claimed = claim(desired, live, entry, view.facts)
    step = Step(desired.key, Action.UPDATE, desired.wave, digest=desired.digest, uid=live.uid)
    if claimed.refusal is not None:
        return replace(step, refusal=claimed.refusal), None
    over = rerun(desired, live, entry)
    if over is not None:
        return over, None
    base = view.bases.get(desired.key)
    merged = ownership.merge(desired, base, live, view.facts, view.standings)
    reason = Reason.CONFLICTED if merged.stays else None
    says = f"the live value stays: {', '.join(merged.stays)}" if merged.stays else ""
    if not merged.changes and claimed.cause is None:
        return replace(keep(desired, live, reason, says), notice=merged.notice), None
    taken = (Change("", claimed.cause, by=claimed.by),) if claimed.cause else ()
    step = replace(
        step,
        changes=(*taken, *merged.changes),
        body=merged.body,
        version=live.version if taken or merged.rests_on_live else "",
        notice=merged.notice,
        reason=reason,
        says=says,
        fold=claimed.fold,
    )
    return _asked(desired, live, step, view)


def _asked(desired: Desired, live: Live, step: Step, view: _View) -> _Judged:
    """What the server says, or would say: kinds that are mostly immutable are asked first."""
    answer = said(view.heard, desired, Ask.APPLY, live.uid)
    if isinstance(answer, Rejected):
        if immutable.immutable(answer):
            whole = replace(step, body=ownership.identified(desired, view.facts))
            proof = said(view.heard, desired, Ask.CREATE)
            return replacement(desired, live, whole, answer, proof)
        return replace(step, refusal=failed(desired.key, answer)), None
    if answer is None and (desired.key.group, desired.key.kind) in ASKED_FIRST and not step.fold:
        body = step.body or {}
        return step, Question(desired.key, Ask.APPLY, desired.digest, body, live.uid)
    return step, None


# --- one object, one package -------------------------------------------------------------------


def _twice(desired: Desired, facts: Facts) -> Hold | None:
    """Two packages declare the object: whoever has it keeps it; if nobody has, nobody gets it."""
    key = desired.key
    entry = facts.inventory.entries.get(key)
    if (entry is not None and (entry.uid or entry.digest)) or key in facts.movers:
        return None
    holder = facts.holders.get(key)
    if holder is not None:
        says = f"{key} belongs to package {holder}, which declares it too"
        return Hold("ownership", Reason.OWNED_BY_OTHER, says, desired.origin)
    others = [name for name in facts.claims.get(key, ()) if name != facts.package]
    if others:
        says = f"{key} is declared by {others[0]} too: neither gets it until one of them stops"
        return Hold("ownership", Reason.DECLARED_TWICE, says, desired.origin)
    return None


def _existing(desired: Desired, view: _View) -> Live | None:
    """The live object under this key: watched, or found when creating it was refused."""
    live = view.facts.live.get(desired.key)
    if live is not None:
        return live
    found = said(view.heard, desired, Ask.READ)
    return found.live if isinstance(found, Found) else None


def _judged(desired: Desired, view: _View) -> _Judged:
    live = _existing(desired, view)
    refusal = _twice(desired, view.facts)
    if refusal is not None:
        action = Action.UPDATE if live else Action.CREATE
        wave, digest_ = desired.wave, desired.digest
        return Step(desired.key, action, wave, digest=digest_, refusal=refusal), None
    return _absent(desired, view) if live is None else _present(desired, live, view)


def plan_digest(facts: Facts, steps: Sequence[Step]) -> str:
    """What approvals bind to: the Package's spec and every write with its content.

    No commit, resourceVersion or live value is in it, so committing the approval does not void it.
    """
    spec: Manifest = facts.declaration.spec if facts.declaration else {}
    writes = [
        [
            step.action.value,
            *step.key,
            step.digest,
            step.uid if step.action in {Action.PRUNE, Action.REPLACE} else "",
        ]
        for step in steps
        if step.action is not Action.KEEP
    ]
    return digest([spec, writes])


def _bases(facts: Facts, steered: Aim) -> dict[Key, Desired]:
    """The content last applied to each object, where a render with that very digest is at hand."""
    entries = facts.inventory.entries
    renders = [each.objects for each in (facts.base, facts.new) if isinstance(each, Complete)]
    return {
        desired.key: desired
        for objects in (steered.objects, *renders)
        for desired in objects
        if desired.key in entries and entries[desired.key].digest == desired.digest
    }


def _prunes(steered: Aim, facts: Facts) -> Iterator[Step]:
    if steered.proves_absence:
        yield from prune.prunes(steered.objects, facts)


def plan(
    facts: Facts, steered: Aim, standings: Sequence[Standing]
) -> tuple[Plan, tuple[Question, ...]]:
    """Every object of the revision steered for, in order, then what Git no longer wants.

    A relabelling comes first. It is no part of the digest: nobody approves it, and it may be let
    in while the rest of the same plan still waits.
    """
    bases = _bases(facts, steered)
    view = _View(facts, bases, standings, heard(facts.answers), steered.pinned)
    judged = [_judged(desired, view) for desired in steered.objects]
    wanted = contest.told((step for step, _ in judged), facts.fights, facts.now)
    steps = (*wanted, *_prunes(steered, facts))
    labels = relabel.relabelling(facts) if isinstance(newest(facts), Complete) else None
    questions = tuple(question for _, question in judged if question is not None)
    return Plan(
        facts.package,
        (labels, *steps) if labels else steps,
        plan_digest(facts, steps),
        steered.commit,
        steered.held.commit if steered.held else "",
        _waiting(steered),
    ), questions


def _waiting(steered: Aim) -> int:
    """How many objects the held revision would change, add or drop."""
    if steered.held is None:
        return 0
    newer = {desired.key: desired.digest for desired in steered.held.objects}
    older = {desired.key: desired.digest for desired in steered.objects}
    return sum(newer.get(key) != older.get(key) for key in newer.keys() | older.keys())
