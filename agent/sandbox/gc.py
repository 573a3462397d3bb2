"""Collects what depended on objects that are gone, or are leaving; never anything without an owner.

Rules: "Garbage collection" (kubernetes.io).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.sandbox.controllers.site import without_finalizer
from agent.sandbox.deletion import FOREGROUND, ORPHAN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.sandbox.controllers.site import Site
    from agent.sandbox.store import Stored


def collect(site: Site) -> None:
    """Do what is due: dependents of the gone, of those that leave in the foreground, orphans."""
    objects = {stored.uid: (resource, stored) for resource, stored in site.everything()}
    for resource, stored in list(objects.values()):
        references = stored.object["metadata"].get("ownerReferences")
        if references and not any(each["uid"] in objects for each in references):
            site.delete(resource, stored, "Background")
    for resource, stored in list(objects.values()):
        metadata = stored.object["metadata"]
        if "deletionTimestamp" not in metadata:
            continue
        finalizers = metadata.get("finalizers") or ()
        if ORPHAN in finalizers:
            _orphan(site, stored)
            without_finalizer(site, resource, stored, ORPHAN)
        elif FOREGROUND in finalizers:
            _foreground(site, resource, stored)


def _dependents(site: Site, owner: Stored) -> Iterator[tuple[str, Stored, dict[str, Any]]]:
    for resource, stored in site.everything():
        for each in stored.object["metadata"].get("ownerReferences") or ():
            if each["uid"] == owner.uid:
                yield resource, stored, each


def _foreground(site: Site, resource: str, owner: Stored) -> None:
    waits = False
    for name, stored, reference in list(_dependents(site, owner)):
        waits = waits or reference.get("blockOwnerDeletion") is True
        if "deletionTimestamp" not in stored.object["metadata"]:
            site.delete(name, stored, "Foreground")
    if not waits:
        without_finalizer(site, resource, owner, FOREGROUND)


def _orphan(site: Site, owner: Stored) -> None:
    for resource, stored, _ in list(_dependents(site, owner)):
        metadata = dict(stored.object["metadata"])
        left = [each for each in metadata["ownerReferences"] if each["uid"] != owner.uid]
        metadata["ownerReferences"] = left
        if not left:
            del metadata["ownerReferences"]
        site.change(resource, stored, {**stored.object, "metadata": metadata})
