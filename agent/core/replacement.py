"""Jobs that are done, and immutable fields: what policy makes of them.

Immutability is the server's word, never a guess; a replacement is proved valid on its own before
it becomes a step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.core import immutable, words
from agent.core.answers import failed, keep
from agent.core.values import Action, Ask, Hold, JobPolicy, Question, Reason, ReplacePolicy

if TYPE_CHECKING:
    from agent.core.values import Desired, Entry, Live, Manifest, Rejected, Says, Step


_RAN_BEFORE: Final = "it completed earlier, and with jobs: Once it does not run again"


def ran_before(desired: Desired, entry: Entry | None) -> bool:
    """Whether this content completed before another took its place, and is to run once only."""
    if entry is None or desired.rules.jobs is not JobPolicy.ONCE:
        return False
    return entry.digest != desired.digest and desired.digest in entry.ran


def done(desired: Desired, entry: Entry | None) -> Step | None:
    """A Job whose content ran, or that policy skipped, is not missing."""
    if entry is None or not immutable.is_job(desired.key) or ran_before(desired, entry):
        return rerun(desired, None, entry)
    ran = entry.finished
    if ran is not None and ran.digest == desired.digest:
        if ran.result == "Failed":
            return keep(desired, None, Reason.JOB_FAILED, "it failed and was removed; it stays so")
        return keep(desired, None, says="it completed and was removed; it is done")
    if entry.skipped == desired.digest:
        says = "this content was skipped by policy and does not run because the old Job is gone"
        return keep(desired, None, Reason.JOB_SKIPPED, says)
    if entry.digest == desired.digest:
        return keep(
            desired, None, says="it was removed while nobody watched; it does not run again"
        )
    return None


def rerun(desired: Desired, live: Live | None, entry: Entry | None) -> Step | None:
    """Keep the later Job where Git went back to content that is to run once only."""
    return keep(desired, live, says=_RAN_BEFORE) if ran_before(desired, entry) else None


def replacement(
    desired: Desired, live: Live, step: Step, refused: Rejected, proof: Says | None
) -> tuple[Step, Question | None]:
    """What policy makes of an immutable change; a replacement is proved valid before it is one.

    The step's body is Git's, whole; `proof` is the server's word on creating that on its own.
    """
    refusal = _no_replacement(desired, live, refused)
    if refusal is not None:
        return replace(step, action=Action.REPLACE, refusal=refusal), None
    if immutable.is_job(desired.key) and desired.rules.jobs is JobPolicy.SKIP:
        says = (
            f"{immutable.fields(refused)} cannot be changed in place; "
            f"jobs: {desired.rules.jobs} leaves the old Job as it is"
        )
        return keep(desired, live, Reason.JOB_SKIPPED, says), None
    step = replace(step, action=Action.REPLACE, version=live.version)
    if proof is None:
        body: Manifest = step.body or {}
        return step, Question(desired.key, Ask.CREATE, desired.digest, body)
    return replace(step, refusal=failed(desired.key, proof)), None


def _no_replacement(desired: Desired, live: Live, refused: Rejected) -> Hold | None:
    key, rules = desired.key, desired.rules
    if immutable.is_job(key):
        return _running(desired, live)
    kind, fields = (key.group, key.kind), immutable.fields(refused)
    if kind in immutable.NEVER_REPLACED:
        says = f"{key}: {fields} cannot be changed, and a {key.kind} is never replaced"
        return Hold("replace", Reason.REPLACEMENT_HELD, says, desired.origin)
    is_workload = kind in immutable.WORKLOADS
    if rules.replace_workload if is_workload else rules.replace is ReplacePolicy.RECREATE:
        return None
    way = f"the annotation {words.REPLACE}: Recreate" if is_workload else "replace: Recreate"
    says = f"{key}: {fields} cannot be changed in place; {way} would replace it"
    return Hold("replace", Reason.REPLACEMENT_HELD, says, desired.origin)


def _running(desired: Desired, live: Live) -> Hold | None:
    """A Job that still runs is replaced only by force."""
    rules = desired.rules
    forced = rules.jobs is JobPolicy.RECREATE and rules.force
    if live.finished or forced or rules.jobs is JobPolicy.SKIP:
        return None
    says = f"{desired.key} still runs; it is replaced when it has finished"
    return Hold("replace", Reason.REPLACEMENT_HELD, says, desired.origin)
