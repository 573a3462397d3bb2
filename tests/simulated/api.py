"""An API server in memory: server-side apply, preconditions, dry runs, Jobs that can't change.

It refuses what a real server refuses (Kubernetes 1.36), and pretends nothing else: no admission, no
defaults but a Deployment's replicas, no controllers beyond `settle`, `finish` and `expire`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.core import fields
from agent.core.live import key_of, record
from agent.core.schema import ANY_OBJECT, OBJECT_META, PLAIN, ListRule, MapRule, Node, Relation
from agent.core.values import ABSENT, FieldCause, Key, Live, Rejected
from agent.core.words import FIELD_MANAGER, OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from agent.core.fields import FieldSet, Path
    from agent.core.values import Manifest

Object = dict[str, Any]

_CONTAINER = Node(map=MapRule(fields=dict.fromkeys(("name", "image"), PLAIN), other=PLAIN))
_CONTAINERS = Node(list=ListRule(Relation.KEYED, _CONTAINER, ("name",)))
_STRINGS = Node(map=MapRule(other=PLAIN))
_POD = Node(
    map=MapRule(
        fields={
            "metadata": OBJECT_META,
            "spec": Node(map=MapRule(fields={"containers": _CONTAINERS, "restartPolicy": PLAIN})),
        }
    )
)
_WORKLOAD = Node(
    map=MapRule(
        fields={
            "apiVersion": PLAIN,
            "kind": PLAIN,
            "metadata": OBJECT_META,
            "spec": Node(
                map=MapRule(
                    fields={
                        "replicas": PLAIN,
                        "serviceName": PLAIN,
                        "selector": Node(map=MapRule(atomic=True, other=PLAIN)),
                        "template": _POD,
                    }
                )
            ),
        }
    )
)
_MAP_OF_TEXT = Node(
    map=MapRule(
        fields={
            "apiVersion": PLAIN,
            "kind": PLAIN,
            "metadata": OBJECT_META,
            "data": _STRINGS,
            "immutable": PLAIN,
        }
    )
)
SCHEMAS: dict[tuple[str, str], Node] = {
    ("apps/v1", "Deployment"): _WORKLOAD,
    ("apps/v1", "StatefulSet"): _WORKLOAD,
    ("v1", "ConfigMap"): _MAP_OF_TEXT,
}
"""What the server publishes; other kinds are deduced."""

_IMMUTABLE = "field is immutable"
_IMMUTABLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Job": (("spec.template", _IMMUTABLE), ("spec.selector", _IMMUTABLE)),
    "Deployment": (("spec.selector", _IMMUTABLE),),
    "StatefulSet": (
        ("spec.serviceName", "updates to statefulset spec for fields other than … are forbidden"),
    ),
    "Service": (("spec.clusterIP", "may not change once set"),),
    "RoleBinding": (("roleRef", "cannot change roleRef"),),
    "PersistentVolumeClaim": (
        ("spec.storageClassName", "spec is immutable after creation except resources.requests"),
    ),
}


def node_of(manifest: Manifest) -> Node:
    """Topology of an object's kind."""
    return SCHEMAS.get((manifest["apiVersion"], manifest["kind"]), ANY_OBJECT)


@dataclass(frozen=True, slots=True)
class Write:
    """One write that changed something, as an audit log has it."""

    verb: str
    key: Key
    uid: str
    by: str
    owner: str
    """What the object said before (a deletion) or says now: `tidegate.io/owner`."""


@dataclass(slots=True)
class Api:
    """The store, and everything that may be asked of it."""

    now: Callable[[], datetime]
    objects: dict[Key, Object] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    runs: list[tuple[Key, str]] = field(default_factory=list)
    """Every Job that was ever started: its key and what it was to do (`spec.template`)."""
    _records: dict[str, Live] = field(default_factory=dict)
    """By resourceVersion, which no two objects share."""
    _version: int = 100
    _made: int = 0

    # --- reading ---------------------------------------------------------------------------------

    def get(self, key: Key) -> Live | None:
        """Return an object as the agent sees it."""
        found = self.objects.get(key)
        return self._record(found) if found else None

    def labelled(self, name: str, value: str) -> dict[Key, Live]:
        """Return the objects with a label."""
        return {
            key: self._record(found)
            for key, found in self.objects.items()
            if (found["metadata"].get("labels") or {}).get(name) == value
        }

    def _record(self, found: Object) -> Live:
        version = found["metadata"]["resourceVersion"]
        if version not in self._records:
            self._records[version] = record(found)
        return self._records[version]

    # --- writing ---------------------------------------------------------------------------------

    def apply(
        self,
        body: Manifest,
        *,
        uid: str = "",
        version: str = "",
        by: str = FIELD_MANAGER,
        dry: bool = False,
    ) -> Live | Rejected:
        """Server-side apply with force; resourceVersion "1" means: create, or refuse with 409."""
        key = key_of(body)
        before = self.objects.get(key)
        refused = _precondition(key, before, uid, version)
        if refused is not None:
            return refused
        after = _applied(before, body, node_of(body), by, self._time())
        return self._commit("apply", before, after, by, dry=dry)

    def edit(self, key: Key, change: Mapping[str, Any], by: str) -> None:
        """Merge-patch an object as somebody else: null removes."""
        before = self.objects[key]
        after = _patched(before, change)
        managed = _edited_owners(before, after, node_of(before), by, self._time())
        after["metadata"]["managedFields"] = managed
        answer = self._commit("update", before, after, by, dry=False)
        assert isinstance(answer, Live), answer

    def create(self, manifest: Manifest, by: str) -> None:
        """Create an object as somebody else, by an Update."""
        key = key_of(manifest)
        empty = {name: manifest[name] for name in ("apiVersion", "kind")} | {"metadata": {}}
        after = copy.deepcopy(dict(manifest))
        managed = _edited_owners(empty, after, node_of(after), by, self._time())
        after["metadata"]["managedFields"] = managed
        assert key not in self.objects
        answer = self._commit("create", None, after, by, dry=False)
        assert isinstance(answer, Live), answer

    def delete(
        self,
        key: Key,
        uid: str = "",
        version: str = "",
        propagation: str = "Background",
        by: str = FIELD_MANAGER,
    ) -> Rejected | None:
        """Delete; in the foreground, or with finalizers, the object leaves at `settle`."""
        found = self.objects.get(key)
        if found is None:
            return Rejected(404, "NotFound", "not found")
        metadata = found["metadata"]
        if (uid and uid != metadata["uid"]) or (version and version != metadata["resourceVersion"]):
            return Rejected(409, "Conflict", "the object has been modified")
        self._log("delete", key, metadata["uid"], by)
        if propagation == "Foreground" or metadata.get("finalizers"):
            self._version += 1
            left = {"deletionTimestamp": self._time(), "resourceVersion": str(self._version)}
            self.objects[key] = {**found, "metadata": {**metadata, **left}}
        else:
            del self.objects[key]
        return None

    def fold(self, key: Key, uid: str, version: str, managers: Iterable[str]) -> Live | Rejected:
        """Give the fields of client-side managers to ours, tested on the resourceVersion."""
        found = self.objects.get(key)
        refused = _precondition(key, found, uid, version)
        if refused is not None or found is None:
            return refused or Rejected(404, "NotFound", "not found")
        managed = found["metadata"]["managedFields"]
        taken = [each for each in managed if each["manager"] in set(managers)]
        owned = fields.own(managed)
        for each in taken:
            owned = owned | fields.parse(each["fieldsV1"])
        entry = _entry(FIELD_MANAGER, "Apply", found["apiVersion"], self._time(), owned)
        others = [e for e in managed if e not in taken and not _is(e, FIELD_MANAGER, "Apply")]
        after = {**found, "metadata": {**found["metadata"], "managedFields": [*others, entry]}}
        return self._commit("fold", found, after, FIELD_MANAGER, dry=False)

    def dry_create(self, body: Manifest) -> Rejected | None:
        """Tell whether an object would be valid on its own: `spec.invalidAlone` is not."""
        return _invalid(body, "invalid") or _invalid(body, "invalidAlone")

    # --- what controllers do ---------------------------------------------------------------------

    def settle(self) -> None:
        """Let objects that are leaving go, and workloads become available."""
        for key, found in list(self.objects.items()):
            if "deletionTimestamp" in found["metadata"] and not found["metadata"].get("finalizers"):
                del self.objects[key]
            elif key.kind == "Deployment":
                self._status(key, _available(found))

    def finish(self, key: Key, how: str = "Complete") -> None:
        """End a Job."""
        self._status(key, {"conditions": [{"type": how, "status": "True"}]})

    def expire(self, key: Key) -> None:
        """Take away a Job whose time to live is over."""
        del self.objects[key]

    def _status(self, key: Key, status: Object) -> None:
        found = self.objects[key]
        if found.get("status") != status:
            self._version += 1
            metadata = {**found["metadata"], "resourceVersion": str(self._version)}
            self.objects[key] = {**found, "metadata": metadata, "status": status}

    # --- the store -------------------------------------------------------------------------------

    def _commit(
        self, verb: str, before: Object | None, after: Object, by: str, *, dry: bool
    ) -> Live | Rejected:
        key = key_of(after)
        refused = _invalid(after) or _immutable(before, after)
        if refused is not None:
            return refused
        if key.kind == "Deployment":
            after["spec"] = {"replicas": 1, **after.get("spec", {})}
        if before is not None and _without_times(before) == _without_times(after):
            return record(before)
        metadata = {**after["metadata"], **self._served(before, after)}
        after = {**after, "metadata": metadata}
        if dry:
            return record(after)
        if before is None and key.kind == "Job":
            self.runs.append((key, str(after["spec"].get("template"))))
        self._version += 1
        self._made += before is None
        self.objects[key] = after
        self._log(verb, key, metadata["uid"], by)
        return record(after)

    def _served(self, before: Object | None, after: Object) -> Object:
        old = before["metadata"] if before else {}
        same = before is not None and before.get("spec") == after.get("spec")
        return {
            "uid": old.get("uid") or f"uid-{self._made + 1}",
            "resourceVersion": str(self._version + 1),
            "generation": old.get("generation", 0) + (not same),
            "creationTimestamp": old.get("creationTimestamp") or self._time(),
        }

    def _log(self, verb: str, key: Key, uid: str, by: str) -> None:
        annotations = self.objects[key]["metadata"].get("annotations") or {}
        self.writes.append(Write(verb, key, uid, by, annotations.get(OWNER, "")))

    def _time(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- refusals ------------------------------------------------------------------------------------


def _precondition(key: Key, before: Object | None, uid: str, version: str) -> Rejected | None:
    exists = before is not None
    metadata = before["metadata"] if before else {}
    if version == "1" and exists:
        return Rejected(409, "AlreadyExists", f"{key.name} already exists")
    if uid and metadata.get("uid") != uid:
        return Rejected(409, "Conflict", "another object now than the one that was seen")
    if version and version != "1" and metadata.get("resourceVersion") != version:
        return Rejected(409, "Conflict", "the object has been modified")
    return None


def _invalid(body: Manifest, name: str = "invalid") -> Rejected | None:
    """A manifest whose `spec.invalid` is set stands for all that validation refuses."""
    if (body.get("spec") or {}).get(name):
        cause = FieldCause("FieldValueInvalid", f"spec.{name}", "must be empty")
        return Rejected(422, "Invalid", f"spec.{name}: must be empty", (cause,))
    return None


def _immutable(before: Object | None, after: Object) -> Rejected | None:
    if before is None:
        return None
    causes = [
        FieldCause("FieldValueInvalid", path, message)
        for path, message in _IMMUTABLES.get(after["kind"], ())
        if _at(before, path) != _at(after, path)
    ]
    if before.get("immutable") is True and before.get("data") != after.get("data"):
        message = "field is immutable when `immutable` is set"
        causes.append(FieldCause("FieldValueForbidden", "data", message))
    if not causes:
        return None
    text = "; ".join(f"{cause.field}: {cause.message}" for cause in causes)
    return Rejected(422, "Invalid", text, tuple(causes))


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


# --- server-side apply ---------------------------------------------------------------------------


def _applied(before: Object | None, body: Manifest, node: Node, by: str, time: str) -> Object:
    body = _clean(body)
    claimed = fields.of(body, node)
    managed = list((before or {}).get("metadata", {}).get("managedFields", []))
    mine = fields.own(managed, by)
    others = [each for each in managed if not _is(each, by, "Apply")]
    merged = _merged(before, body, node) if before else copy.deepcopy(body)
    for path in sorted(mine.paths(), key=len, reverse=True):
        if not claimed.touches(path) and not _shared(others, path):
            merged = _removed(merged, path, node)
    changed = _changed(before, merged, claimed, node) if before else fields.FieldSet()
    kept = [_less(each, changed) for each in others]
    entry = _entry(by, "Apply", body["apiVersion"], time, claimed)
    merged["metadata"]["managedFields"] = [*(each for each in kept if each["fieldsV1"]), entry]
    return merged


def _clean(body: Manifest) -> Object:
    dropped = ("uid", "resourceVersion", "managedFields")
    metadata = {name: value for name, value in body["metadata"].items() if name not in dropped}
    return {**copy.deepcopy(dict(body)), "metadata": copy.deepcopy(metadata)}


def _is(entry: Manifest, by: str, operation: str) -> bool:
    return bool(entry["manager"] == by and entry["operation"] == operation)


def _shared(others: Iterable[Manifest], path: Path) -> bool:
    return any(fields.parse(each["fieldsV1"]).touches(path) for each in others)


def _less(entry: Manifest, gone: FieldSet) -> Object:
    left = fields.parse(entry["fieldsV1"]) - gone
    return {**entry, "fieldsV1": fields.render(left)}


def _entry(by: str, operation: str, version: str, time: str, owned: FieldSet) -> Object:
    return {
        "manager": by,
        "operation": operation,
        "apiVersion": version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields.render(owned),
    }


def _is_granular(node: Node) -> bool:
    return node.map is not None and not node.map.atomic


def _rule(node: Node) -> ListRule | None:
    return node.list if node.list and node.list.relation is not Relation.ATOMIC else None


def _merged(live: Any, body: Any, node: Node) -> Any:
    if isinstance(live, dict) and isinstance(body, dict) and _is_granular(node):
        both = dict(live)
        for name, value in body.items():
            below = _merged(live[name], value, node.at(name)) if name in live else value
            both[name] = copy.deepcopy(below)
        return both
    rule = _rule(node)
    if isinstance(live, list) and isinstance(body, list) and rule is not None:
        items = {fields.element_of(item, rule): item for item in live}
        for item in body:
            element = fields.element_of(item, rule)
            there = items.get(element)
            items[element] = _merged(there, item, rule.item) if there is not None else item
        return list(items.values())
    return body


def _removed(value: Any, path: Path, node: Node) -> Any:
    """Return a copy without what is at a path, and without parents that this leaves empty."""
    element, rest = path[0], path[1:]
    if isinstance(value, dict) and element.startswith("f:"):
        name = element[2:]
        if name not in value:
            return value
        kept = {each: below for each, below in value.items() if each != name}
        if not rest:
            return kept
        below = _removed(value[name], rest, node.at(name))
        return kept if below in ({}, []) else {**value, name: below}
    rule = _rule(node)
    if isinstance(value, list) and rule is not None:
        return [
            _removed(item, rest, rule.item) if rest else item
            for item in value
            if rest or fields.element_of(item, rule) != element
        ]
    return value


def _value(value: Any, path: Path, node: Node) -> Any:
    for element in path:
        rule = _rule(node)
        if isinstance(value, dict) and element.startswith("f:"):
            value, node = value.get(element[2:], ABSENT), node.at(element[2:])
        elif isinstance(value, list) and rule is not None:
            found = (item for item in value if fields.element_of(item, rule) == element)
            value, node = next(found, ABSENT), rule.item
        else:
            return ABSENT
    return value


def _leaves(owned: FieldSet) -> Iterator[Path]:
    yield from (path for path in owned.paths() if not owned.below(path))


def _tree(paths: Iterable[Path]) -> FieldSet:
    tree: Object = {}
    for path in paths:
        at = tree
        for element in path:
            at = at.setdefault(element, {})
    return fields.FieldSet(tree)


def _changed(before: Object, after: Object, among: FieldSet, node: Node) -> FieldSet:
    return _tree(
        path for path in _leaves(among) if _value(before, path, node) != _value(after, path, node)
    )


# --- updates by others ---------------------------------------------------------------------------


def _patched(value: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    found = dict(value) if isinstance(value, dict) else {}
    for name, each in change.items():
        if each is None:
            found.pop(name, None)
        else:
            found[name] = _patched(found.get(name), each)
    return found


def _edited_owners(before: Object, after: Object, node: Node, by: str, time: str) -> list[Object]:
    managed = before["metadata"].get("managedFields", [])
    changed = _changed(before, after, fields.of(after, node), node)
    gone = _tree(
        path
        for each in managed
        for path in fields.parse(each["fieldsV1"]).paths()
        if _value(after, path, node) is ABSENT
    )
    left = [_less(each, changed | gone) for each in managed]
    mine = next((each for each in left if _is(each, by, "Update")), None)
    owned = changed | fields.parse(mine["fieldsV1"]) if mine else changed
    others = [each for each in left if each is not mine and each["fieldsV1"]]
    entry = _entry(by, "Update", after["apiVersion"], time, owned)
    return [*others, entry] if owned else others


def _without_times(value: Object) -> Object:
    metadata = value["metadata"]
    managed = [
        {name: each for name, each in entry.items() if name != "time"}
        for entry in metadata.get("managedFields", [])
    ]
    return {**value, "metadata": {**metadata, "managedFields": managed}}


def _available(found: Object) -> Object:
    replicas = found.get("spec", {}).get("replicas", 1)
    counted = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    progress = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    return {
        "observedGeneration": found["metadata"]["generation"],
        **dict.fromkeys(counted, replicas),
        "conditions": [{"type": "Available", "status": "True"}, progress],
    }
