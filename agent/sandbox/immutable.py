"""Which fields of which kinds may not change, and the causes the server gives; never applies them.

Rules: `Validate…Update` of Kubernetes 1.36, each proved by a recording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agent.core.reading import at, is_true
from agent.core.values import ABSENT
from agent.sandbox.refusals import Cause, forbidden, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Object = dict[str, Any]
_IMMUTABLE: Final = "field is immutable"
_SET: Final = "field is immutable when `immutable` is set"
_STATEFUL: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_STATEFUL_SAYS: Final = (
    "updates to statefulset spec for fields other than "
    + ", ".join(f"'{name}'" for name in _STATEFUL[:-1])
    + f" and '{_STATEFUL[-1]}' are forbidden"
)
_CLAIM_SAYS: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for"
    " bound claims"
)
_VOLUME_SAYS: Final = "spec.persistentvolumesource is immutable after creation"
_OF_A_VOLUME: Final = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)
_WHILE_SUSPENDED: Final = ("nodeSelector", "tolerations", "schedulingGates", "affinity")


def causes(api_version: str, kind: str, before: Object, after: Object) -> Iterator[Cause]:
    """Yield why an object may not become another."""
    judge = _BY_KIND.get((api_version.rpartition("/")[0], kind))
    if judge is not None:
        yield from judge(before, after)


def _value(found: Object, path: str) -> Any:
    value = at(found, *path.split("."))
    return None if value is ABSENT else value


def _fixed(*paths: str) -> Callable[[Object, Object], Iterator[Cause]]:
    """Make a judge of fields that never change."""

    def judge(before: Object, after: Object) -> Iterator[Cause]:
        for path in paths:
            now = _value(after, path)
            if _value(before, path) != now:
                yield invalid(path, now, _IMMUTABLE)

    return judge


def _job(before: Object, after: Object) -> Iterator[Cause]:
    old, new = before["spec"], after["spec"]
    indexed = new.get("completionMode") == "Indexed"
    if old.get("completions") != new.get("completions") and not (
        indexed and new.get("completions") == new.get("parallelism")
    ):
        why = _COMPLETIONS if indexed else _IMMUTABLE
        yield invalid("spec.completions", new.get("completions"), why)
    yield from _fixed("spec.selector")(before, after)
    if _judged_template(before, old) != _judged_template(before, new):
        yield invalid("spec.template", new["template"], _IMMUTABLE)
    yield from _fixed(
        "spec.completionMode",
        "spec.podFailurePolicy",
        "spec.backoffLimitPerIndex",
        "spec.managedBy",
        "spec.successPolicy",
    )(before, after)


_COMPLETIONS: Final = "can only be modified in tandem with spec.parallelism"


def _judged_template(job: Object, spec: Object) -> Object:
    """Give what counts of a template: a Job that never started may be scheduled elsewhere."""
    template: Object = spec["template"]
    suspended = job["spec"].get("suspend") is True and "startTime" not in job.get("status", {})
    if not suspended:
        return template
    pod = {name: each for name, each in template["spec"].items() if name not in _WHILE_SUSPENDED}
    metadata = {
        name: each
        for name, each in template.get("metadata", {}).items()
        if name not in ("labels", "annotations")
    }
    return {**template, "metadata": metadata, "spec": pod}


def _stateful_set(before: Object, after: Object) -> Iterator[Cause]:
    old, new = (
        {name: each for name, each in found["spec"].items() if name not in _STATEFUL}
        for found in (before, after)
    )
    if old != new:
        yield forbidden("spec", _STATEFUL_SAYS)


def _service(before: Object, after: Object) -> Iterator[Cause]:
    old, new = before["spec"], after["spec"]
    if "ExternalName" in (old.get("type"), new.get("type")):
        return
    first = (old.get("clusterIPs") or [None])[0]
    if first is not None and (new.get("clusterIPs") or [None])[0] != first:
        yield invalid("spec.clusterIPs[0]", new.get("clusterIPs"), "may not change once set")


def _claim(before: Object, after: Object) -> Iterator[Cause]:
    free = ("resources", "volumeAttributesClassName")
    old, new = (
        {name: each for name, each in found["spec"].items() if name not in free}
        for found in (before, after)
    )
    bound = at(before, "status", "phase") == "Bound"
    if not bound:
        old["resources"], new["resources"] = before["spec"]["resources"], after["spec"]["resources"]
    if old.get("volumeName") is None:
        new.pop("volumeName", None)  # binding sets it, once
    if old != new:
        yield forbidden("spec", _CLAIM_SAYS)


def _volume(before: Object, after: Object) -> Iterator[Cause]:
    old, new = (
        {name: each for name, each in found["spec"].items() if name not in _OF_A_VOLUME}
        for found in (before, after)
    )
    if old != new:
        yield forbidden("spec.persistentvolumesource", _VOLUME_SAYS)
    mode = after["spec"].get("volumeMode")
    if mode != before["spec"].get("volumeMode"):
        yield invalid("volumeMode", mode, _IMMUTABLE)


def _binding(before: Object, after: Object) -> Iterator[Cause]:
    if before["roleRef"] != after["roleRef"]:
        printed = {f"{name[0].upper()}{name[1:]}": each for name, each in after["roleRef"].items()}
        printed["APIGroup"] = printed.pop("ApiGroup", "")
        yield invalid("roleRef", dict(sorted(printed.items())), "cannot change roleRef")


def _sealed(*names: str) -> Callable[[Object, Object], Iterator[Cause]]:
    def judge(before: Object, after: Object) -> Iterator[Cause]:
        if before.get("immutable") is not True:
            return
        if after.get("immutable") is not True:
            yield forbidden("immutable", _SET)
        for name in names:
            if (before.get(name) or {}) != (after.get(name) or {}):
                yield forbidden(name, _SET)

    return judge


def _secret(before: Object, after: Object) -> Iterator[Cause]:
    yield from _fixed("type")(before, after)
    yield from _sealed("data")(before, after)


def _storage_class(before: Object, after: Object) -> Iterator[Cause]:
    yield from _fixed("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")(
        before, after
    )


def _priority_class(before: Object, after: Object) -> Iterator[Cause]:
    if before.get("value") != after.get("value"):
        yield forbidden("value", "may not be changed in an update.")
    yield from _fixed("preemptionPolicy")(before, after)


def _definition(before: Object, after: Object) -> Iterator[Cause]:
    old, new = before["spec"], after["spec"]
    if is_true(before, "Established"):
        yield from _fixed("spec.scope", "spec.names.kind")(before, after)
    yield from _fixed("spec.group", "spec.names.plural")(before, after)
    names = {each["name"] for each in new["versions"]}
    for number, stored in enumerate(at(before, "status", "storedVersions") or ()):
        if stored not in names and stored in {each["name"] for each in old["versions"]}:
            why = (
                f"missing from spec.versions; {stored} was previously a storage version, and must"
                " remain in spec.versions until a storage migration ensures no data remains"
                f" persisted in {stored} and removes {stored} from status.storedVersions"
            )
            yield invalid(f"status.storedVersions[{number}]", stored, why)


def _pod(before: Object, after: Object) -> Iterator[Cause]:
    free = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    old, new = (_without_images(found["spec"], free) for found in (before, after))
    if old != new:
        yield forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only"
            " additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to"
            " be set to 1 if it was previously negative)",
        )


def _without_images(spec: Object, free: tuple[str, ...]) -> Object:
    kept = {name: each for name, each in spec.items() if name not in free}
    for name in ("containers", "initContainers"):
        kept[name] = [{**each, "image": ""} for each in kept.get(name) or ()]
    return kept


_RBAC: Final = "rbac.authorization.k8s.io"
_BY_KIND: Final[Mapping[tuple[str, str], Callable[[Object, Object], Iterator[Cause]]]] = {
    ("", "ConfigMap"): _sealed("data", "binaryData"),
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): _fixed("spec.selector"),
    ("apps", "Deployment"): _fixed("spec.selector"),
    ("apps", "ReplicaSet"): _fixed("spec.selector"),
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("networking.k8s.io", "IngressClass"): _fixed("spec.controller"),
    ("node.k8s.io", "RuntimeClass"): _fixed("handler"),
    (_RBAC, "ClusterRoleBinding"): _binding,
    (_RBAC, "RoleBinding"): _binding,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    ("storage.k8s.io", "StorageClass"): _storage_class,
}
