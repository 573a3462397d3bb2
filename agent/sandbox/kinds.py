"""What the server itself writes into objects of built-in kinds as they are created and changed.

Never validates: that comes after. Rules: the strategies' `PrepareForCreate` and `PrepareForUpdate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agent.core.reading import items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.sandbox.catalog import Resource

Object = dict[str, Any]

_GENERATED: Final = frozenset(
    {
        "CronJob",
        "CustomResourceDefinition",
        "DaemonSet",
        "EndpointSlice",
        "Deployment",
        "Ingress",
        "IngressClass",
        "Job",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "PriorityClass",
        "ReplicaSet",
        "StatefulSet",
    }
)
"""Built-in kinds whose objects count changes of their spec."""
_COUNTED_TOO: Final = {"Deployment": "annotations", "EndpointSlice": "labels"}
"""Whose generation counts changes of some metadata as well."""
_TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
_NODE_PORTS: Final = range(30000, 32768)


class Allocator(NamedTuple):
    """Where what must be unique comes from."""

    now: Callable[[], str]
    """The time, RFC 3339."""
    address: Callable[[], str]
    """A cluster IP that no Service has."""
    port: Callable[[], int]
    """A node port that no Service has."""


def node_ports() -> range:
    """Give the default range of node ports."""
    return _NODE_PORTS


def counts(resource: Resource) -> bool:
    """Whether objects of a kind have `metadata.generation`."""
    return resource.is_custom or resource.kind in _GENERATED


def created(resource: Resource, found: Object, allocator: Allocator) -> None:
    """Change an object that is about to be created, in place."""
    if counts(resource):
        found["metadata"]["generation"] = 1
    change = None if resource.is_custom else _CREATED.get((resource.group, resource.kind))
    if change is not None:
        change(found, allocator)


def changed(resource: Resource, before: Object, found: Object, allocator: Allocator) -> None:
    """Change an object that is about to replace another, in place."""
    change = None if resource.is_custom else _CHANGED.get((resource.group, resource.kind))
    if change is not None:
        change(before, found, allocator)
    if counts(resource) and _content(resource, before) != _content(resource, found):
        found["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1


def _content(resource: Resource, found: Object) -> Object:
    kept = {name: each for name, each in found.items() if name not in ("metadata", "status")}
    if resource.kind in _COUNTED_TOO and not resource.is_custom:
        name = _COUNTED_TOO[resource.kind]
        kept[name] = found["metadata"].get(name) or {}
    return kept


# --- creation ------------------------------------------------------------------------------------


def _job_created(found: Object, _: Allocator) -> None:
    spec, metadata = found["spec"], found["metadata"]
    if spec.get("manualSelector") is True:
        return
    uid, name = metadata["uid"], metadata["name"]
    marks = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template = spec["template"].setdefault("metadata", {})
    template["labels"] = {**(template.get("labels") or {}), **marks}
    metadata["labels"] = {**(metadata.get("labels") or {}), **template["labels"]}
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def _service_created(found: Object, allocator: Allocator) -> None:
    spec = found["spec"]
    if spec["type"] == "ExternalName":
        return
    address = spec.get("clusterIP") or allocator.address()
    spec["clusterIP"] = address
    spec["clusterIPs"] = spec.get("clusterIPs") or [address]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    _allocate_ports(spec, allocator)


def _allocate_ports(spec: Object, allocator: Allocator) -> None:
    if spec["type"] not in ("NodePort", "LoadBalancer"):
        return
    for port in items(spec.get("ports")):
        if not port.get("nodePort"):
            port["nodePort"] = allocator.port()  # type: ignore[index]


def _namespace_created(found: Object, _: Allocator) -> None:
    found["spec"]["finalizers"] = [*(found["spec"].get("finalizers") or ()), "kubernetes"]
    found["status"] = {"phase": "Active"}


def _protected(name: str) -> Callable[[Object, Allocator], None]:
    def change(found: Object, allocator: Allocator) -> None:
        metadata = found["metadata"]
        metadata["finalizers"] = [*(metadata.get("finalizers") or ()), name]
        found["status"] = {"phase": "Pending"}
        if name.startswith("kubernetes.io/pv-"):
            found["status"]["lastPhaseTransitionTime"] = allocator.now()

    return change


def _daemon_set_created(found: Object, _: Allocator) -> None:
    found["metadata"]["annotations"][_TEMPLATE_GENERATION] = "1"


def _pod_created(found: Object, _: Allocator) -> None:
    found["spec"].setdefault("priority", 0)
    found["spec"].setdefault("preemptionPolicy", "PreemptLowerPriority")
    found["spec"].setdefault("tolerations", list(_tolerations()))
    found["status"] = {"phase": "Pending", "qosClass": _quality(found["spec"])}


def _tolerations() -> Iterator[Object]:
    for name in ("not-ready", "unreachable"):
        yield {
            "key": f"node.kubernetes.io/{name}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        }


def _quality(spec: Object) -> str:
    resources = [each.get("resources") or {} for each in spec.get("containers") or ()]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    whole = all(
        {"cpu", "memory"} <= (each.get("limits") or {}).keys()
        and each.get("limits") == each.get("requests")
        for each in resources
    )
    return "Guaranteed" if whole else "Burstable"


def _definition_created(found: Object, _: Allocator) -> None:
    stored = [each["name"] for each in items(found["spec"].get("versions")) if each.get("storage")]
    found["status"] = {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": stored,
    }


# --- changes -------------------------------------------------------------------------------------


def _service_changed(before: Object, found: Object, allocator: Allocator) -> None:
    old, new = before["spec"], found["spec"]
    if "ExternalName" in (old["type"], new["type"]):
        return
    for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"):
        if not new.get(name) and old.get(name):
            new[name] = old[name]
    if new.get("clusterIP") != old.get("clusterIP") and new["clusterIPs"] == old["clusterIPs"]:
        new["clusterIPs"] = [new["clusterIP"]]
    if new["type"] not in _OUTSIDE and old["type"] in _OUTSIDE:
        _without_outside(old, new)
    known = {(each["port"], each["protocol"]): each for each in items(old.get("ports"))}
    for port in items(new.get("ports")):
        there = known.get((port.get("port"), port.get("protocol"))) or {}
        if new["type"] != "ClusterIP" and not port.get("nodePort") and there.get("nodePort"):
            port["nodePort"] = there["nodePort"]  # type: ignore[index]
    _allocate_ports(new, allocator)


_OUTSIDE: Final = ("NodePort", "LoadBalancer")


def _without_outside(old: Object, new: Object) -> None:
    """Take away what only made sense for the type a Service had."""
    for name in ("externalTrafficPolicy", "allocateLoadBalancerNodePorts"):
        if new.get(name) == old.get(name):
            new.pop(name, None)
    ports = {port.get("nodePort") for port in items(old.get("ports"))}
    for port in new.get("ports") or ():
        if port.get("nodePort") in ports:
            port.pop("nodePort", None)


def _namespace_changed(before: Object, found: Object, _: Allocator) -> None:
    found["spec"]["finalizers"] = before["spec"].get("finalizers")
    if found["spec"]["finalizers"] is None:
        del found["spec"]["finalizers"]


def _daemon_set_changed(before: Object, found: Object, _: Allocator) -> None:
    number = int((before["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "1"))
    if before["spec"]["template"] != found["spec"]["template"]:
        number += 1
    found["metadata"].setdefault("annotations", {})[_TEMPLATE_GENERATION] = str(number)


def _definition_changed(before: Object, found: Object, _: Allocator) -> None:
    stored = list(before["status"].get("storedVersions") or ())
    for each in items(found["spec"].get("versions")):
        if each.get("storage") and each["name"] not in stored:
            stored.append(each["name"])
    found["status"] = {**found["status"], "storedVersions": stored}


_CREATED: Final[Mapping[tuple[str, str], Callable[[Object, Allocator], None]]] = {
    ("", "Namespace"): _namespace_created,
    ("", "PersistentVolume"): _protected("kubernetes.io/pv-protection"),
    ("", "PersistentVolumeClaim"): _protected("kubernetes.io/pvc-protection"),
    ("", "Pod"): _pod_created,
    ("", "Service"): _service_created,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition_created,
    ("apps", "DaemonSet"): _daemon_set_created,
    ("batch", "Job"): _job_created,
}
_CHANGED: Final[Mapping[tuple[str, str], Callable[[Object, Object, Allocator], None]]] = {
    ("", "Namespace"): _namespace_changed,
    ("", "Service"): _service_changed,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition_changed,
    ("apps", "DaemonSet"): _daemon_set_changed,
}
