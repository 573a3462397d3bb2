"""Deletes objects: preconditions, finalizers, propagation; never what depends on them.

Rules: "Garbage collection", "Finalizers", `DeleteOptions` (kubernetes.io).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.sandbox.refusals import bad_request, conflict, not_found, success
from agent.sandbox.views import seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.sandbox.catalog import Resource
    from agent.sandbox.route import Target
    from agent.sandbox.store import Stored
    from agent.sandbox.world import World

Object = dict[str, Any]
FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"
_POLICIES: Final = {"Background": "", "Foreground": FOREGROUND, "Orphan": ORPHAN}
_RETURNED: Final = frozenset(
    {
        "CSIDriver",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "ResourceQuota",
        "Service",
        "ServiceAccount",
        "StorageClass",
    }
)
"""Kinds whose deletion is answered with the object (`ReturnDeletedObject`)."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What a DELETE asks for."""

    uid: str = ""
    version: str = ""
    policy: str = ""
    dry_run: bool = False


def options(body: Any, query: Mapping[str, str]) -> DeleteOptions:
    """Read the body and the parameters of a DELETE.

    Raises:
        RefusalError: there is no such policy.
    """
    found = body if isinstance(body, dict) else {}
    preconditions = found.get("preconditions") or {}
    policy = found.get("propagationPolicy") or query.get("propagationPolicy") or ""
    if policy and policy not in _POLICIES:
        raise bad_request(f"unknown propagationPolicy {policy!r}")
    orphan = found.get("orphanDependents")
    if orphan is not None and not policy:
        policy = "Orphan" if orphan else "Background"
    return DeleteOptions(
        preconditions.get("uid") or "",
        preconditions.get("resourceVersion") or "",
        policy,
        bool(found.get("dryRun")) or query.get("dryRun") == "All",
    )


class Deletion:
    """All deletions."""

    def __init__(self, world: World) -> None:
        self._world = world

    def delete(self, target: Target, asked: DeleteOptions) -> bytes:
        """Answer a DELETE: with the object while it is leaving, with a Status when it is gone.

        Raises:
            RefusalError: it is not there, or not the one that was meant.
        """
        resource = target.resource
        before = self._world.named(resource, target.namespace, target.name)
        if before is None:
            raise not_found(resource.group, resource.plural, target.name)
        _check(target, before, asked)
        policy = asked.policy or ("Orphan" if resource.stored == "jobs.batch" else "")
        left = self.leave(resource, before, policy, dry_run=asked.dry_run)
        last = self._world.store.log[-1].last if left is None and not asked.dry_run else before
        if left is not None:
            return seen(resource, left).data
        if resource.kind in _RETURNED and not resource.is_custom:
            return self._returned(resource, seen(resource, last))
        details = {"name": target.name, "group": resource.group, "kind": resource.plural}
        named = {name: each for name, each in details.items() if each}
        return orjson.dumps(success({**named, "uid": before.uid}))

    def _returned(self, resource: Resource, last: Stored) -> bytes:
        """Give what was deleted; a Pod as it left, for nodes would have ended it first."""
        if resource.kind != "Pod":
            return last.data
        metadata = dict(last.object["metadata"])
        metadata["generation"] += 1
        metadata |= {"deletionTimestamp": self._world.now(), "deletionGracePeriodSeconds": 0}
        return orjson.dumps({**last.object, "metadata": metadata})

    def leave(
        self, resource: Resource, before: Stored, policy: str = "", *, dry_run: bool = False
    ) -> Stored | None:
        """Delete an object, or mark it as leaving where something has to happen first.

        Returns:
            The object as it is now, None when it is gone.
        """
        metadata = before.object["metadata"]
        finalizers = list(metadata.get("finalizers") or ())
        wanted = _POLICIES.get(policy, "")
        if wanted and wanted not in finalizers:
            finalizers.append(wanted)
        if resource.kind == "CustomResourceDefinition" and CLEANUP not in finalizers:
            finalizers.append(CLEANUP)
        is_namespace = resource.kind == "Namespace" and not resource.group
        if not finalizers and not is_namespace:
            if not dry_run:
                self._world.store.remove(resource.stored, before)
            return None
        if "deletionTimestamp" in metadata and finalizers == list(metadata.get("finalizers") or ()):
            return before
        return self._mark(resource, before, finalizers, dry_run=dry_run)

    def _mark(
        self, resource: Resource, before: Stored, finalizers: list[str], *, dry_run: bool
    ) -> Stored:
        world, found = self._world, dict(before.object)
        metadata = found["metadata"] = dict(found["metadata"])
        metadata.setdefault("deletionTimestamp", world.now())
        if finalizers:
            metadata["finalizers"] = finalizers
        if resource.kind == "Namespace" and not resource.group:
            found["status"] = {**found.get("status", {}), "phase": "Terminating"}
        else:
            metadata.setdefault("deletionGracePeriodSeconds", 0)
        if "generation" in metadata and "deletionTimestamp" not in before.object["metadata"]:
            metadata["generation"] += 1
        managed = metadata.pop("managedFields", [])
        stored = world.stored(found, before.managers, managed)
        if not dry_run:
            world.store.put(resource.stored, before, stored)
        return stored


def _check(target: Target, before: Stored, asked: DeleteOptions) -> None:
    resource = target.resource
    if asked.uid and asked.uid != before.uid:
        why = (
            f"the UID in the precondition ({asked.uid}) does not match the UID in record"
            f" ({before.uid}). The object might have been deleted and then recreated"
        )
        raise conflict(resource.group, resource.kind, target.name, why)
    if asked.version and asked.version != str(before.version):
        why = (
            f"the ResourceVersion in the precondition ({asked.version}) does not match the"
            f" ResourceVersion in record ({before.version}). The object might have been modified"
        )
        raise conflict(resource.group, resource.kind, target.name, why)
