"""Facts → what would be done with every object, and what has to be asked first.

Never sees a suspension, a window or a budget. A refusal that lies in the object itself (owned by
somebody else, immutable, in conflict) is part of its step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.core import immutable, ownership, prune
from agent.core.adopt import claim
from agent.core.encode import digest
from agent.core.values import (
    Action,
    Answer,
    Ask,
    Cause,
    Change,
    Complete,
    Entry,
    Found,
    GroupKind,
    Hold,
    JobPolicy,
    Plan,
    Question,
    Reason,
    Rejected,
    ReplacePolicy,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.core.target import Aim
    from agent.core.values import Desired, Facts, Key, Live, Manifest, Says, Standing

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


def _said(facts: Facts, desired: Desired, ask: Ask, uid: str = "") -> Says | None:
    """The server's word on this content (and this live object), if it was heard."""
    for answer in facts.answers:
        if _fits(answer, desired, ask) and (not answer.uid or answer.uid == uid):
            return answer.says
    return None


def _fits(answer: Answer, desired: Desired, ask: Ask) -> bool:
    return answer.key == desired.key and answer.ask is ask and answer.digest == desired.digest


def _keep(
    desired: Desired, live: Live | None, reason: Reason | None = None, says: str = ""
) -> Step:
    return Step(
        desired.key,
        Action.KEEP,
        desired.wave,
        digest=desired.digest,
        uid=live.uid if live else "",
        reason=reason,
        says=says,
    )


def _existing(desired: Desired, facts: Facts) -> Live | None:
    """The live object under this key: watched, or found when creating it was refused."""
    live = facts.live.get(desired.key)
    if live is not None:
        return live
    found = _said(facts, desired, Ask.READ)
    return found.live if isinstance(found, Found) else None


# --- objects that are not there ----------------------------------------------------------------


def _done(desired: Desired, entry: Entry | None) -> Step | None:
    """A Job whose content ran, or that policy skipped, is not missing."""
    if entry is None or not immutable.is_job(desired.key):
        return None
    ran = entry.finished
    if ran is not None and ran.digest == desired.digest:
        if ran.result == "Failed":
            return _keep(desired, None, Reason.JOB_FAILED, "it failed and was removed; it stays so")
        return _keep(desired, None, says="it completed and was removed; it is done")
    if entry.skipped == desired.digest:
        says = "this content was skipped by policy and does not run because the old Job is gone"
        return _keep(desired, None, Reason.JOB_SKIPPED, says)
    if entry.uid and entry.digest == desired.digest:
        return _keep(
            desired, None, says="it was removed while nobody watched; it does not run again"
        )
    return None


def _create(desired: Desired, entry: Entry | None, facts: Facts) -> Step:
    ours = entry is not None and bool(entry.uid)
    cause = Cause.GONE if ours and entry and entry.digest == desired.digest else Cause.GIT
    refused = _said(facts, desired, Ask.APPLY)
    return Step(
        desired.key,
        Action.CREATE,
        desired.wave,
        (Change("", cause, after=desired.digest),),
        ownership.identified(desired, facts),
        desired.digest,
        refusal=_unservable(desired, facts) or _failed(desired.key, refused),
        restores=desired.key in facts.inventory.intents,
    )


def _unservable(desired: Desired, facts: Facts) -> Hold | None:
    namespace = facts.namespaces.get(desired.key.namespace)
    if namespace is not None and not namespace.exists and not namespace.declared_by:
        says = f"namespace {namespace.name} neither exists nor is declared"
        return Hold("namespace", Reason.NAMESPACE_MISSING, says, desired.origin)
    if facts.kinds and GroupKind(desired.key.group, desired.key.kind) not in facts.kinds:
        says = f"the server does not serve {desired.api_version} {desired.key.kind} (yet)"
        return Hold("server", Reason.APPLY_FAILED, says, desired.origin)
    return None


def _failed(key: Key, says: Says | None) -> Hold | None:
    if not isinstance(says, Rejected):
        return None
    reason = Reason.FORBIDDEN if says.code == 403 else Reason.APPLY_FAILED  # noqa: PLR2004
    return Hold("server", reason, f"{key}: {says.message}")


# --- objects that are there --------------------------------------------------------------------


def _update(
    desired: Desired, live: Live, entry: Entry | None, facts: Facts, base: Desired | None
) -> tuple[Step, Question | None]:
    """Compare and decide what follows; a kind that is mostly immutable is asked about first."""
    claimed = claim(desired, live, entry, facts)
    if claimed.refusal is not None:
        refused = Step(
            desired.key,
            Action.UPDATE,
            desired.wave,
            digest=desired.digest,
            uid=live.uid,
            refusal=claimed.refusal,
        )
        return refused, None
    merged = ownership.merge(desired, base, live, entry, facts)
    if not merged.changes and claimed.cause is None:
        kept = _keep(desired, live)
        return replace(kept, notice=merged.notice), None
    changes = merged.changes
    if claimed.cause is not None:
        changes = (Change("", claimed.cause, by=claimed.by), *changes)
    step = Step(
        desired.key,
        Action.UPDATE,
        desired.wave,
        changes,
        merged.body,
        desired.digest,
        live.uid,
        live.version if claimed.cause or merged.rests_on_live else "",
        notice=merged.notice,
        fold=claimed.fold,
    )
    return _judged(desired, live, step, facts)


def _judged(desired: Desired, live: Live, step: Step, facts: Facts) -> tuple[Step, Question | None]:
    said = _said(facts, desired, Ask.APPLY, live.uid)
    if isinstance(said, Rejected):
        if immutable.immutable(said):
            return _replacement(desired, live, step, said, facts)
        return replace(step, refusal=_failed(desired.key, said)), None
    group_kind = (desired.key.group, desired.key.kind)
    if said is None and group_kind in ASKED_FIRST and not step.fold:
        question = Question(desired.key, Ask.APPLY, desired.digest, step.body or {}, live.uid)
        return step, question
    return step, None


# --- immutable fields --------------------------------------------------------------------------


def _replacement(
    desired: Desired, live: Live, step: Step, said: Rejected, facts: Facts
) -> tuple[Step, Question | None]:
    """What policy makes of an immutable change; a replacement is proved valid before it is one."""
    refusal = _no_replacement(desired, live, said)
    if refusal is not None:
        return replace(step, action=Action.REPLACE, refusal=refusal), None
    if immutable.is_job(desired.key) and desired.rules.jobs is JobPolicy.SKIP:
        says = (
            f"immutable: {immutable.fields(said)}; policy {desired.rules.jobs} leaves the old Job"
        )
        return _keep(desired, live, Reason.JOB_SKIPPED, says), None
    proof = _said(facts, desired, Ask.CREATE)
    body = ownership.identified(desired, facts)
    if proof is None:
        question = Question(desired.key, Ask.CREATE, desired.digest, body)
        return replace(step, action=Action.REPLACE, body=body), question
    invalid = _failed(desired.key, proof)
    return replace(
        step, action=Action.REPLACE, body=body, version=live.version, refusal=invalid
    ), None


def _no_replacement(desired: Desired, live: Live, said: Rejected) -> Hold | None:
    key, rules = desired.key, desired.rules
    kind = (key.group, key.kind)
    if immutable.is_job(key):
        forced = rules.jobs is JobPolicy.RECREATE and rules.force
        if live.finished or forced or rules.jobs is JobPolicy.SKIP:
            return None
        says = f"{key} still runs; it is replaced when it has finished"
        return Hold("replace", Reason.REPLACEMENT_HELD, says, desired.origin)
    allowed = rules.replace is ReplacePolicy.RECREATE and kind not in immutable.NEVER_REPLACED
    if kind in immutable.WORKLOADS:
        allowed = rules.replace_workload
    if allowed:
        return None
    says = f"{key}: {immutable.fields(said)} cannot be changed in place, and replace: Hold is set"
    if kind in immutable.NEVER_REPLACED:
        says = (
            f"{key}: {immutable.fields(said)} cannot be changed, and a {key.kind} is not replaced"
        )
    return Hold("replace", Reason.REPLACEMENT_HELD, says, desired.origin)


# --- one object, one package -------------------------------------------------------------------


def _twice(desired: Desired, facts: Facts) -> Hold | None:
    """Two packages declare the object: whoever has it keeps it; if nobody has, nobody gets it."""
    key = desired.key
    if key in facts.inventory.entries and facts.inventory.entries[key].uid:
        return None
    holder = facts.holders.get(key)
    if holder is not None and key not in facts.movers:
        says = f"{key} belongs to package {holder}, which declares it too"
        return Hold("ownership", Reason.OWNED_BY_OTHER, says, desired.origin)
    others = [name for name in facts.claims.get(key, ()) if name != facts.package]
    if others and key not in facts.movers:
        says = f"{key} is declared by {others[0]} too: neither gets it until one of them stops"
        return Hold("ownership", Reason.DECLARED_TWICE, says, desired.origin)
    return None


def _step(desired: Desired, facts: Facts, base: Desired | None) -> tuple[Step, Question | None]:
    key = desired.key
    entry = facts.inventory.entries.get(key)
    live = _existing(desired, facts)
    refusal = _twice(desired, facts)
    if refusal is not None:
        action = Action.UPDATE if live else Action.CREATE
        refused = Step(key, action, desired.wave, digest=desired.digest, refusal=refusal)
        return refused, None
    if live is None:
        waiting = key in facts.inventory.intents
        return (not waiting and _done(desired, entry)) or _create(desired, entry, facts), None
    if live.leaving:
        return _keep(desired, live, Reason.PROGRESSING, "is being deleted; waits until gone"), None
    intent = facts.inventory.intents.get(key)
    if intent is not None and intent.uid == live.uid:
        return _resumed(desired, live, facts), None
    return _update(desired, live, entry, facts, base)


def _resumed(desired: Desired, live: Live, facts: Facts) -> Step:
    """A replacement that was begun and whose deletion did not land: the gates are asked again."""
    return Step(
        desired.key,
        Action.REPLACE,
        desired.wave,
        (Change("", Cause.GIT, after=desired.digest),),
        ownership.identified(desired, facts),
        desired.digest,
        live.uid,
        live.version,
    )


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
        yield from prune.prunes(frozenset(desired.key for desired in steered.objects), facts)


def plan(
    facts: Facts, steered: Aim, standings: Sequence[Standing]
) -> tuple[Plan, tuple[Question, ...]]:
    """Every object of the revision steered for, in order, then what Git no longer wants."""
    bases = _bases(facts, steered)
    judged = [_step(desired, facts, bases.get(desired.key)) for desired in steered.objects]
    steps = (
        *(ownership.under_holds(step, standings) for step, _ in judged),
        *_prunes(steered, facts),
    )
    questions = tuple(question for _, question in judged if question is not None)
    return Plan(
        facts.package,
        steps,
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
