"""What controllers may do: look at all objects, create, change, delete. Never answer a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from agent.sandbox.refusals import RefusalError
from agent.sandbox.route import Target
from agent.sandbox.writes import STATUS, Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.sandbox.catalog import Resource
    from agent.sandbox.deletion import Deletion
    from agent.sandbox.store import Stored
    from agent.sandbox.world import World
    from agent.sandbox.writes import Writes

Object = dict[str, Any]
MANAGER: Final = "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class Site:
    """The cluster as controllers see it."""

    world: World
    writes: Writes
    deletion: Deletion
    pods_ready_after: timedelta = timedelta(seconds=1)
    jobs_done_after: timedelta = timedelta(seconds=2)

    def all(self, resource: str) -> list[Stored]:
        """List objects of a resource: `deployments.apps`."""
        return self.world.store.all(resource)

    def owned(self, owner: Stored, resource: str) -> list[Stored]:
        """List what an object controls."""
        return [
            each
            for each in self.world.store.owned(resource, owner.uid)
            if any(
                reference["uid"] == owner.uid and reference.get("controller")
                for reference in each.object["metadata"]["ownerReferences"]
            )
        ]

    def everything(self) -> Iterator[tuple[str, Stored]]:
        """Yield every object with its resource."""
        return self.world.store.everything()

    def create(self, resource: str, namespace: str, found: Object) -> Stored | None:
        """Create an object; None where that is refused, as in a Namespace that goes away.

        Whoever wants it tries again at the next step, as controllers do.
        """
        known = self._resource(resource, found["apiVersion"])
        target = Target(known, namespace, found["metadata"].get("name", ""), "")
        try:
            return self.writes.create(target, found, Options(MANAGER)).stored
        except RefusalError:
            return None

    def change(self, resource: str, before: Stored, found: Object) -> Stored:
        """Replace an object, but not its status."""
        known = self._resource(resource, before.api_version)
        return self.writes.change(known, before, found, MANAGER)

    def tell(
        self, resource: str, before: Stored, status: Mapping[str, Any], manager: str = MANAGER
    ) -> Stored:
        """Replace the status of an object."""
        if before.object.get(STATUS) == status:
            return before
        known = self._resource(resource, before.api_version)
        found = {**before.object, STATUS: dict(status)}
        return self.writes.change(known, before, found, manager, STATUS)

    def delete(self, resource: str, stored: Stored, policy: str = "Background") -> None:
        """Delete an object."""
        self.deletion.leave(self._resource(resource, stored.api_version), stored, policy)

    def age(self, stored: Stored) -> timedelta:
        """Tell how long ago an object was created."""
        return self.world.clock() - created(stored)

    def since(self, then: str) -> timedelta:
        """Tell how long ago an instant was."""
        return self.world.clock() - datetime.fromisoformat(then)

    def _resource(self, stored: str, api_version: str) -> Resource:
        plural, _, group = stored.partition(".")
        version = api_version.rpartition("/")[2]
        found = self.world.catalog.at(group, version, plural)
        if found is None:  # kept under the name of the core group
            found = self.world.catalog.at(api_version.rpartition("/")[0], version, plural)
        if found is None:
            raise LookupError(f"{stored} is not served in {api_version}")
        return found


def reference(stored: Stored) -> Object:
    """Write the controller reference to an object."""
    return {
        "apiVersion": stored.object["apiVersion"],
        "kind": stored.object["kind"],
        "name": stored.object["metadata"]["name"],
        "uid": stored.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def without_finalizer(site: Site, resource: str, stored: Stored, name: str) -> None:
    """Take a finalizer away; with the last one a leaving object is gone."""
    metadata = dict(stored.object["metadata"])
    left = [each for each in metadata.get("finalizers") or () if each != name]
    metadata["finalizers"] = left
    if not left:
        del metadata["finalizers"]
    site.change(resource, stored, {**stored.object, "metadata": metadata})


def created(stored: Stored) -> datetime:
    """Tell when an object was created."""
    return datetime.fromisoformat(stored.object["metadata"]["creationTimestamp"])


def is_leaving(stored: Stored) -> bool:
    """Whether an object is being deleted."""
    return "deletionTimestamp" in stored.object["metadata"]


def conditions(
    site: Site, before: Iterable[Mapping[str, Any]], *wanted: tuple[str, bool, str, str]
) -> list[Object]:
    """Write conditions (type, status, reason, message); times stay where nothing changed."""
    known = {each["type"]: each for each in before}
    now = site.world.now()
    found = []
    for kind, holds, reason, message in wanted:
        old = known.get(kind, {})
        status = str(holds)
        same = old.get("status") == status
        told = {"type": kind, "status": status, "reason": reason, "message": message}
        updated = same and old.get("reason") == reason and old.get("message") == message
        found.append(
            {
                **told,
                "lastTransitionTime": old["lastTransitionTime"] if same else now,
                "lastUpdateTime": old.get("lastUpdateTime", now) if updated else now,
            }
        )
    return found
