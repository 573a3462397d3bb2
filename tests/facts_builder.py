"""Facts for tests, in few words: what Git wants, what is live, what is remembered.

web, job = wanted("Deployment", "web"), wanted("Job", "migrate")
facts_of(web, job)                     # declared, nothing applied yet
synced(web, job)                       # applied, live and healthy
synced(web, inventory=…, now=later())  # any field of Facts may be given by name
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.core import words
from agent.core.encode import digest, pack
from agent.core.ownership import expected, identified
from agent.core.values import (
    Action,
    Applied,
    Cause,
    Change,
    Complete,
    Decision,
    Desired,
    Entry,
    Facts,
    Health,
    HealthStatus,
    Held,
    Hold,
    Inventory,
    Key,
    Live,
    Origin,
    Outcome,
    Package,
    PackageName,
    PathSource,
    Plan,
    Policies,
    Reason,
    Result,
    Step,
    Unknown,
    Verdict,
)

INSTANCE = "default"
CLUSTER = "prod-1"
PAYMENTS = PackageName("shop", "payments")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
COMMIT = "a1b2c3d4" * 5
OLDER = "9f8e7d6c" * 5
GROUPS = {"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "Job": "batch"}
CURRENT = Health(HealthStatus.CURRENT, "Resource is current")
NOTHING_APPLIED = Unknown(Reason.BASE_UNKNOWN, "nothing was applied yet")


def later(**span: float) -> datetime:
    """Return NOW plus a span: `later(minutes=5)`."""
    return NOW + timedelta(**span)


def key_of(kind: str, name: str, namespace: str = "shop") -> Key:
    """Return a key whose group is the one the kind has in Kubernetes."""
    return Key(GROUPS.get(kind, ""), kind, namespace, name)


def wanted(kind: str, name: str, *, version: str = "v1", wave: int = 0, **fields: Any) -> Desired:
    """Return an object Git wants; `fields` are those of the manifest, such as `spec={…}`."""
    key = key_of(kind, name)
    api_version = f"{key.group}/{version}" if key.group else version
    manifest = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": key.namespace},
        **fields,
    }
    origin = Origin("shop/payments/all.yaml", 1, COMMIT, "Ada <ada@example.com>")
    return Desired(key, api_version, manifest, digest(manifest), wave, origin=origin)


def lively(
    desired: Desired, package: PackageName = PAYMENTS, health: Health = CURRENT, **fields: Any
) -> Live:
    """Return the object as it is live: ours, as Git wants it, unless `fields` say otherwise."""
    facts = replace(facts_of(desired), package=package)
    manifest = identified(desired, facts)
    metadata = {**manifest["metadata"], "uid": f"uid-{desired.key.name}", "resourceVersion": "1"}
    made = Live(
        desired.key,
        uid=metadata["uid"],
        version="1",
        packed=pack({**manifest, "metadata": metadata}),
        marks={**metadata["labels"], **metadata["annotations"]},
        managers=(words.FIELD_MANAGER,),
        health=health,
    )
    return replace(made, **fields)


def unhealthy(status: HealthStatus, says: str = "0 of 1 replicas are ready") -> Health:
    """Return a health that is not Current."""
    return Health(status, says)


def remembered(desired: Desired, **fields: Any) -> Entry:
    """Return the inventory's entry of an object that was applied, and is as it was applied."""
    made = Entry(
        uid=f"uid-{desired.key.name}",
        digest=desired.digest,
        expected=expected(lively(desired), desired, facts_of(desired)),
        wave=desired.wave,
    )
    return replace(made, **fields)


def rendered(*objects: Desired, commit: str = COMMIT) -> Complete:
    """Return a complete render of these objects."""
    return Complete(commit, digest([one.digest for one in objects]), objects)


def declared(name: PackageName = PAYMENTS, **fields: Any) -> Package:
    """Return a declared package with defaults."""
    origin = Origin("shop/payments.yaml", 1, COMMIT, "Ada <ada@example.com>")
    return replace(Package(name, PathSource("shop/payments"), origin=origin), **fields)


def inventory_of(*objects: Desired, commit: str = COMMIT, **fields: Any) -> Inventory:
    """Return what is remembered once these objects were applied; of nothing: nothing applied."""
    made = Inventory(PAYMENTS)
    if objects:
        made = Inventory(
            PAYMENTS,
            declared=declared(),
            labels={},
            applied=Applied(commit, rendered(*objects, commit=commit).digest),
            attempted=commit,
            entries={one.key: remembered(one) for one in objects},
        )
    return replace(made, **fields)


def facts_of(*objects: Desired, **fields: Any) -> Facts:
    """Return facts of a package that is declared and of which nothing is live yet."""
    made = Facts(
        instance=INSTANCE,
        cluster=CLUSTER,
        package=PAYMENTS,
        declaration=declared(),
        policies=Policies(),
        new=rendered(*objects),
        base=NOTHING_APPLIED,
        live={},
        inventory=Inventory(PAYMENTS),
        now=NOW,
    )
    return replace(made, **fields)


def synced(*objects: Desired, **fields: Any) -> Facts:
    """Return facts of a package whose newest revision is applied, live and healthy."""
    made = facts_of(
        *objects,
        base=rendered(*objects),
        live={one.key: lively(one) for one in objects},
        inventory=inventory_of(*objects),
    )
    return replace(made, **fields)


def removed(*objects: Desired, **fields: Any) -> Facts:
    """Return facts of a package that left Git while its objects are live."""
    gone = {"declaration": None, "new": Complete(COMMIT, "", ())}
    return synced(*objects, **(gone | fields))


def result_of(
    facts: Facts,
    *steps: Step,
    verdict: Verdict | None = None,
    outcomes: tuple[Outcome, ...] = (),
    **fields: Any,
) -> Result:
    """Return a pass with these steps, all of them admitted unless a verdict says otherwise."""
    commit = facts.new.commit
    plan = replace(Plan(facts.package, steps, "sha256:plan", commit), **fields)
    ruled = verdict or Verdict(tuple(step for step in steps if step.action != "Keep"))
    return Result(facts, Decision(plan, ruled, (), ()), outcomes)


# --- steps and verdicts ------------------------------------------------------------------------


def kept(desired: Desired, **fields: Any) -> Step:
    """Return a step that leaves an object as it is."""
    step = Step(desired.key, Action.KEEP, desired.wave, digest=desired.digest)
    return replace(step, **fields)


def updated(desired: Desired, cause: Cause = Cause.GIT, **fields: Any) -> Step:
    """Return a step that changes one field."""
    step = Step(
        desired.key,
        Action.UPDATE,
        desired.wave,
        (Change("spec.replicas", cause, 1, 2, "kubectl-edit (Update)"),),
        desired.manifest,
        desired.digest,
        uid=f"uid-{desired.key.name}",
    )
    return replace(step, **fields)


def created(desired: Desired, cause: Cause = Cause.GIT, **fields: Any) -> Step:
    """Return a step that makes an object."""
    changes = (Change("", cause, after=desired.digest),)
    step = Step(desired.key, Action.CREATE, desired.wave, changes, desired.manifest, desired.digest)
    return replace(step, **fields)


def pruned(desired: Desired, **fields: Any) -> Step:
    """Return a step that deletes an object Git no longer wants."""
    uid = f"uid-{desired.key.name}"
    return replace(Step(desired.key, Action.PRUNE, desired.wave, uid=uid, version="1"), **fields)


def holding(hold: Hold, *steps: Step, whole: bool = True) -> Verdict:
    """Return a verdict in which one hold keeps these steps, and nothing is admitted."""
    return Verdict((), (Held(hold, frozenset(step.key for step in steps), whole=whole),))
