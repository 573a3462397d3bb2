"""Creates, replaces, patches and applies objects, in the order in which the server does it.

Never deletes one. Every way ends in `_create` or `_replace`; a dry run stops before the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent.core.fields import FieldSet
from agent.sandbox import bodies, defaults, immutable, kinds, patch, structural, validation
from agent.sandbox.apply import APPLY, UPDATE, Manager, applied, decode, encode, updated
from agent.sandbox.refusals import (
    Cause,
    RefusalError,
    bad_request,
    conflict,
    exists,
    invalid,
    is_invalid,
    not_found,
    required,
)
from agent.sandbox.route import Target
from agent.sandbox.shapes import rewritten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.sandbox.apply import Managers
    from agent.sandbox.catalog import Resource
    from agent.sandbox.store import Stored
    from agent.sandbox.world import World

Object = dict[str, Any]
_KEPT: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "uid",
)
_OF_THE_SERVER: Final = (*_KEPT, "selfLink")
_NONE: Final = FieldSet()
_BEFORE: Final = "before-first-apply"
STATUS: Final = "status"


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of a write."""

    manager: str
    dry_run: bool = False
    force: bool = False
    validation: str = "Warn"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write made."""

    stored: Stored
    is_new: bool = False


class Writes:
    """All writes but deletions."""

    def __init__(self, world: World) -> None:
        self._world = world

    # --- the four ways -------------------------------------------------------------------------

    def create(self, target: Target, body: Any, options: Options) -> Written:
        """Answer a POST.

        Raises:
            RefusalError: it can't be created.
        """
        resource = target.resource
        found = self._typed(resource, body, options)
        metadata = found["metadata"]
        _check_namespace(target, metadata)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self._world.suffix()
        for name in (*_OF_THE_SERVER, "managedFields", "resourceVersion"):
            metadata.pop(name, None)
        who = self._who(target, options, UPDATE)
        managers = updated(_nothing(resource), _main(resource, found), (), who, resource.node)
        return self._create(target, found, managers, options)

    def update(self, target: Target, body: Any, options: Options) -> Written:
        """Answer a PUT.

        Raises:
            RefusalError: it can't be replaced, or is not there.
        """
        before = self._there(target)
        found = self._typed(target.resource, body, options)
        _check_namespace(target, found["metadata"])
        _check_name(target, found["metadata"])
        uid = found["metadata"].get("uid")
        if uid and uid != before.uid:
            raise _conflict(
                target,
                f"Precondition failed: UID in precondition: {uid}, UID in object meta:"
                f" {before.uid}",
            )
        return self._update(target, before, found, options)

    def patch(self, target: Target, body: Any, content_type: str, options: Options) -> Written:
        """Answer a PATCH with a JSON patch or a merge patch.

        Raises:
            RefusalError: it can't be patched, or is not there.
        """
        before = self._there(target)
        change = patch.operations if content_type == bodies.JSON_PATCH else patch.merge
        found = self._typed(target.resource, change(before.object, body), options)
        _check_name(target, found["metadata"])
        return self._update(target, before, found, options)

    def apply(self, target: Target, body: Any, options: Options) -> Written:
        """Answer a server-side apply.

        Raises:
            RefusalError: it can't be applied, or others own what it would change.
        """
        resource = target.resource
        before = self._world.named(resource, target.namespace, target.name)
        bodies.check_applied(resource, body, target.name)
        body = _part(resource, target.subresource, body)
        metadata = dict(body.get("metadata") or {})
        _check_name(target, metadata)
        _check_namespace(target, metadata)
        if metadata.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        uid, version = metadata.pop("uid", None), metadata.pop("resourceVersion", None)
        for name in _OF_THE_SERVER:
            metadata.pop(name, None)
        body = {**body, "metadata": metadata}
        if before is None:
            return self._apply_new(target, body, uid, options)
        _check_seen(target, before, uid, version)
        who = self._who(target, options, APPLY)
        live = _unversioned(before.object)
        managers = before.managers or self._before(target, live)
        made = applied(live, body, managers, who, resource.node, force=options.force)
        if made.object is live and _are_same(made.managers, before.managers):
            return Written(before)
        found = self._settled(resource, made.object)
        return self._replace(target, before, found, made.managers, options)

    def _apply_new(self, target: Target, body: Object, uid: Any, options: Options) -> Written:
        resource = target.resource
        if target.subresource:
            raise not_found(resource.group, resource.plural, target.name)
        if uid:
            raise _conflict(
                target,
                f"uid mismatch: the provided object specified uid {uid}, and no existing object was"
                " found",
            )
        who = self._who(target, options, APPLY)
        made = applied(_nothing(resource), body, (), who, resource.node, force=True)
        found = self._settled(resource, made.object)
        return self._create(target, found, made.managers, options)

    def _before(self, target: Target, live: Object) -> Managers:
        """Say who owned an object that nobody owns: all of it somebody, before the first apply."""
        resource = target.resource
        who = self._who(target, Options(_BEFORE), UPDATE)
        return updated(_nothing(resource), _part(resource, "", live), (), who, resource.node)

    # --- by controllers --------------------------------------------------------------------------

    def change(
        self, resource: Resource, before: Stored, found: Object, manager: str, subresource: str = ""
    ) -> Stored:
        """Replace an object as a controller does; what is the same is not written."""
        namespace, name = before.place
        target = Target(resource, namespace, name, subresource)
        whole = self._settled(resource, _unversioned(found))
        return self._update(target, before, whole, Options(manager)).stored

    # --- reading bodies --------------------------------------------------------------------------

    def _typed(self, resource: Resource, body: Any, options: Options) -> Object:
        found = bodies.typed(resource, body, options.validation)
        found.setdefault("metadata", {})
        if not resource.is_custom:
            defaults.fill(resource.api_version, resource.kind, found)
        return found

    def _settled(self, resource: Resource, made: Object) -> Object:
        """Read a merged object as if it had come as a body: types, defaults."""
        found = bodies.typed(resource, made, "Ignore")
        if not resource.is_custom:
            defaults.fill(resource.api_version, resource.kind, found)
        return found

    def _there(self, target: Target) -> Stored:
        found = self._world.named(target.resource, target.namespace, target.name)
        if found is None:
            raise not_found(target.resource.group, target.resource.plural, target.name)
        return found

    def _who(self, target: Target, options: Options, operation: str) -> Manager:
        if operation == APPLY and not options.manager:
            cause = required("fieldManager", "is required for apply patch")
            raise is_invalid("meta.k8s.io", "PatchOptions", "", (cause,))
        version = target.resource.api_version
        now = self._world.now()
        return Manager(options.manager, operation, version, target.subresource, now, _NONE)

    # --- the two ends ----------------------------------------------------------------------------

    def _create(
        self, target: Target, found: Object, managers: Managers, options: Options
    ) -> Written:
        resource, world = target.resource, self._world
        metadata = found["metadata"]
        if resource.namespaced:
            metadata["namespace"] = target.namespace
        self._admit(target)
        metadata["uid"] = world.uid()
        metadata["creationTimestamp"] = world.now()
        if resource.has_status:
            found.pop(STATUS, None)
            nothing = _nothing(resource)
            if STATUS in nothing:
                found[STATUS] = nothing[STATUS]
        kinds.created(resource, found, world.allocator())
        _validate(resource, found)
        if world.named(resource, target.namespace, metadata["name"]) is not None:
            raise exists(resource.group, resource.plural, metadata["name"])
        stored = world.stored(found, managers, encode(managers))
        if options.dry_run:
            del stored.object["metadata"]["resourceVersion"]
        else:
            world.store.put(resource.stored, None, stored)
        return Written(stored, is_new=True)

    def _admit(self, target: Target) -> None:
        """Ask for the namespace, as the NamespaceLifecycle admission plugin does."""
        if not target.resource.namespaced:
            return
        namespace = self._world.store.get("namespaces", ("", target.namespace))
        if namespace is None:
            raise not_found("", "namespaces", target.namespace)
        if "deletionTimestamp" in namespace.object["metadata"]:
            raise _terminating(target)

    def _update(self, target: Target, before: Stored, found: Object, options: Options) -> Written:
        """Replace an object by one that was read whole from a body."""
        resource = target.resource
        version = found["metadata"].pop("resourceVersion", "")
        if version and version != str(before.version):
            raise _conflict(target)
        managed = found["metadata"].pop("managedFields", None)
        managers = before.managers
        if managed == [{}]:
            managers = ()
        elif managed:
            managers = decode(managed) or managers
        who = self._who(target, options, UPDATE)
        live = _part(resource, target.subresource, _unversioned(before.object))
        after = _part(resource, target.subresource, found)
        if managers:  # what nobody owns stays so until somebody applies
            managers = updated(live, after, managers, who, resource.node)
        return self._replace(target, before, found, managers, options)

    def _replace(
        self, target: Target, before: Stored, found: Object, managers: Managers, options: Options
    ) -> Written:
        resource, world = target.resource, self._world
        found = _joined(resource, target.subresource, before.object, found)
        kinds.changed(resource, before.object, found, world.allocator())
        _validate(resource, found, before.object)
        managed = encode(managers)
        if _is_same(before, found, managers):
            return Written(before)
        stored = world.stored(found, managers, managed)
        if options.dry_run:
            stored.object["metadata"]["resourceVersion"] = str(before.version)
            return Written(stored)
        metadata = found["metadata"]
        leaves = "deletionTimestamp" in metadata and not metadata.get("finalizers")
        if leaves and not _is_namespace(resource):
            stored.object["metadata"]["resourceVersion"] = str(before.version)
            world.store.remove(resource.stored, before)
            return Written(stored)
        world.store.put(resource.stored, before, stored)
        return Written(stored)


def _is_namespace(resource: Resource) -> bool:
    """Whether its controller, and not its last finalizer, ends an object of this kind."""
    return resource.kind == "Namespace" and not resource.group


def _nothing(resource: Resource) -> Object:
    """Give the object of a kind in which nothing is set."""
    found: Object = rewritten({}, resource.shape, []) if not resource.is_custom else {}
    found.setdefault("metadata", {})
    return {**found, "apiVersion": resource.api_version, "kind": resource.kind}


def _main(resource: Resource, found: Object) -> Object:
    return _part(resource, "", found)


def _part(resource: Resource, subresource: str, found: Mapping[str, Any]) -> Object:
    """Leave what a write through that path may change."""
    if subresource == STATUS:
        metadata = found.get("metadata") or {}
        names = ("name", "namespace", "uid", "resourceVersion")
        kept = {name: metadata[name] for name in names if name in metadata}
        part = {"apiVersion": found.get("apiVersion"), "kind": found.get("kind"), "metadata": kept}
        return {**part, STATUS: found[STATUS]} if STATUS in found else part
    if not resource.has_status:
        return dict(found)
    return {name: each for name, each in found.items() if name != STATUS}


def _joined(resource: Resource, subresource: str, before: Object, found: Object) -> Object:
    """Return the object that is to be stored: what may change anew, the rest as it was."""
    old = before["metadata"]
    if subresource == STATUS:
        made = _unversioned(before)
        made.pop(STATUS, None)
        return {**made, STATUS: found[STATUS]} if STATUS in found else made
    metadata = {
        name: each for name, each in found["metadata"].items() if name not in _OF_THE_SERVER
    }
    metadata.pop("resourceVersion", None)
    metadata.pop("managedFields", None)
    metadata |= {name: old[name] for name in (*_KEPT, "namespace") if name in old}
    made = {**found, "metadata": metadata}
    if resource.has_status:
        made.pop(STATUS, None)
        if STATUS in before:
            made[STATUS] = before[STATUS]
    return made


def _unversioned(found: Object) -> Object:
    metadata = dict(found["metadata"])
    metadata.pop("resourceVersion", None)
    metadata.pop("managedFields", None)
    return {**found, "metadata": metadata}


def _is_same(before: Stored, found: Object, managers: Managers) -> bool:
    """Whether a write changes nothing but times in managedFields."""
    return _are_same(managers, before.managers) and _unversioned(before.object) == found


def _are_same(some: Managers, others: Managers) -> bool:
    """Whether the same managers own the same, since whenever."""
    if len(some) != len(others):
        return False
    owned = {_identity(each): each.fields.tree for each in others}
    return all(owned.get(_identity(each)) == each.fields.tree for each in some)


def _identity(manager: Manager) -> tuple[str, ...]:
    return manager.name, manager.operation, manager.api_version, manager.subresource


# --- refusals ------------------------------------------------------------------------------------


def _validate(resource: Resource, found: Object, before: Object | None = None) -> None:
    group, kind = resource.group, resource.kind
    wrong: list[Cause] = []
    if before is not None and not resource.is_custom:
        wrong += immutable.causes(resource.api_version, kind, before, found)
    if resource.is_custom:
        wrong += validation.causes("", "", found)
        wrong += structural.causes(found, resource.schema or {})
    else:
        wrong += validation.causes(group, kind, found)
    if before is not None:
        wrong = [each for each in wrong if each.field != "metadata.name"]  # it can't be another
    if wrong:
        raise is_invalid(group, kind, found["metadata"].get("name", ""), wrong)


def _conflict(target: Target, why: str = "") -> RefusalError:
    resource = target.resource
    parts = (resource.group, resource.plural, target.name)
    return conflict(*parts, why) if why else conflict(*parts)


def _check_seen(target: Target, before: Stored, uid: Any, version: Any) -> None:
    """Refuse an apply that is about another object, or an older version of this one."""
    if version not in (None, "", "0", str(before.version)):
        raise _conflict(target)
    if uid and uid != before.uid:
        cause = invalid("metadata.uid", uid, "field is immutable")
        raise is_invalid(target.resource.group, target.resource.kind, target.name, (cause, cause))


def _check_name(target: Target, metadata: Mapping[str, Any]) -> None:
    name = metadata.get("name")
    if name and name != target.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )
    if isinstance(metadata, dict):
        metadata.setdefault("name", target.name)


def _check_namespace(target: Target, metadata: Mapping[str, Any]) -> None:
    said = metadata.get("namespace")
    if said and said != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _terminating(target: Target) -> RefusalError:
    resource, space = target.resource, target.namespace
    what = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    return RefusalError(
        403,
        "Forbidden",
        f'{what} "{target.name}" is forbidden: unable to create new content in namespace {space}'
        " because it is being terminated",
        name=target.name,
        group=resource.group,
        kind=resource.plural,
        causes=(
            Cause(
                "NamespaceTerminating",
                "metadata.namespace",
                f"namespace {space} is being terminated",
            ),
        ),
    )
