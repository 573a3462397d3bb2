"""Requests worth recording: every kind as it is created, applied, changed and refused.

Never an answer: those come from a real server (`record.py`) and stand in tests/testdata/recordings.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

TESTDATA: Final = Path(__file__).resolve().parents[1] / "testdata"
JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
SPACE: Final = "recorded"
"""The namespace of all recordings; on a real server it is made anew for each story."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    """`{space}` stands for the namespace."""
    body: Any = None
    content_type: str = JSON
    query: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """Requests that follow one another."""

    name: str
    asks: tuple[Ask, ...] = field(default_factory=tuple)


PREFIXES: Final = {
    "v1": "/api/v1",
    **{
        version: f"/apis/{version}"
        for version in (
            "apiextensions.k8s.io/v1",
            "apps/v1",
            "autoscaling/v2",
            "batch/v1",
            "coordination.k8s.io/v1",
            "discovery.k8s.io/v1",
            "events.k8s.io/v1",
            "example.com/v1",
            "networking.k8s.io/v1",
            "node.k8s.io/v1",
            "policy/v1",
            "rbac.authorization.k8s.io/v1",
            "scheduling.k8s.io/v1",
            "storage.k8s.io/v1",
        )
    },
}
CLUSTER_SCOPED: Final = frozenset(
    {
        "CSIDriver",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "IngressClass",
        "Namespace",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
    }
)
_PLURALS: Final = {
    "Endpoints": "endpoints",
    "Ingress": "ingresses",
    "IngressClass": "ingressclasses",
    "NetworkPolicy": "networkpolicies",
    "PriorityClass": "priorityclasses",
    "RuntimeClass": "runtimeclasses",
    "StorageClass": "storageclasses",
}


def path(found: Object, name: str = "") -> str:
    """Name the place of an object, or of its collection."""
    kind = found["kind"]
    space = "" if kind in CLUSTER_SCOPED else "/namespaces/{space}"
    plural = _PLURALS.get(kind, f"{kind.lower()}s")
    return f"{PREFIXES[found['apiVersion']]}{space}/{plural}{'/' if name else ''}{name}"


def create(found: Object, query: str = "") -> Ask:
    """Create an object."""
    return Ask("POST", path(found), found, query=query)


def apply(found: Object, query: str = "fieldManager=one", subresource: str = "") -> Ask:
    """Apply an object."""
    where = path(found, found["metadata"]["name"]) + subresource
    return Ask("PATCH", where, found, APPLY, query)


def forced(found: Object) -> Ask:
    """Apply an object whatever others own."""
    return apply(found, "fieldManager=one&force=true")


def merge(found: Object, patch: Any, subresource: str = "") -> Ask:
    """Patch an object."""
    return Ask("PATCH", path(found, found["metadata"]["name"]) + subresource, patch, MERGE)


def put(found: Object, query: str = "") -> Ask:
    """Replace an object."""
    return Ask("PUT", path(found, found["metadata"]["name"]), found, query=query)


def read(found: Object) -> Ask:
    """Read an object."""
    return Ask("GET", path(found, found["metadata"]["name"]))


def delete(found: Object, body: Any = None) -> Ask:
    """Delete an object."""
    return Ask("DELETE", path(found, found["metadata"]["name"]), body)


def changed(found: Object, **values: Any) -> Object:
    """Return an object with other values at dotted paths; `__` stands for the dot."""
    made = copy.deepcopy(found)
    for name, value in values.items():
        *parents, last = name.split("__")
        at = made
        for each in parents:
            at = at.setdefault(each, {})
        at[last] = value
    return made


def objects(name: str) -> list[Object]:
    """Read a file of testdata."""
    return list(yaml.load_all((TESTDATA / name).read_text(), yaml.CSafeLoader))


# --- objects -------------------------------------------------------------------------------------

_LABELS: Final = {"app": "web"}
_POD: Final = {"containers": [{"name": "web", "image": "web:1"}]}
_TEMPLATE: Final = {"metadata": {"labels": _LABELS}, "spec": _POD}


def thing(api_version: str, kind: str, **parts: Any) -> Object:
    """Write an object called `web`."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, **parts}


def _workload(kind: str, **spec: Any) -> Object:
    whole = {"selector": {"matchLabels": _LABELS}, "template": _TEMPLATE, **spec}
    return thing("apps/v1", kind, spec=whole)


CONFIG: Final = thing("v1", "ConfigMap", data={"a": "1"})
DEPLOYMENT: Final = _workload("Deployment")
JOB: Final = thing(
    "batch/v1", "Job", spec={"template": {"spec": {**_POD, "restartPolicy": "Never"}}}
)
SERVICE: Final = thing("v1", "Service", spec={"selector": _LABELS, "ports": [{"port": 80}]})
_ROLE: Final = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
_RBAC: Final = "rbac.authorization.k8s.io/v1"
MINIMAL: Final = (
    CONFIG,
    DEPLOYMENT,
    JOB,
    SERVICE,
    _workload("ReplicaSet"),
    _workload("StatefulSet", serviceName="web"),
    _workload("DaemonSet"),
    thing(
        "batch/v1", "CronJob", spec={"schedule": "0 3 * * *", "jobTemplate": {"spec": JOB["spec"]}}
    ),
    thing("v1", "Pod", spec=_POD),
    thing("v1", "Secret", stringData={"a": "1"}),
    thing("v1", "ServiceAccount"),
    thing(
        "v1",
        "PersistentVolumeClaim",
        spec={
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1024Mi"}},
            "storageClassName": "none",
        },
    ),
    thing(
        "v1",
        "PersistentVolume",
        spec={
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/x"},
        },
    ),
    thing("v1", "ResourceQuota", spec={"hard": {"pods": "10"}}),
    thing("v1", "LimitRange", spec={"limits": [{"type": "Container", "max": {"cpu": "1000m"}}]}),
    thing("v1", "Endpoints", subsets=[{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]),
    thing(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        addressType="IPv4",
        endpoints=[{"addresses": ["1.2.3.4"]}],
        ports=[{"port": 80}],
    ),
    thing(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        spec={
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        },
    ),
    thing(
        "networking.k8s.io/v1",
        "Ingress",
        spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    ),
    thing("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}),
    thing("networking.k8s.io/v1", "IngressClass", spec={"controller": "example.com/web"}),
    thing("node.k8s.io/v1", "RuntimeClass", handler="web"),
    thing(
        "policy/v1",
        "PodDisruptionBudget",
        spec={"minAvailable": 1, "selector": {"matchLabels": _LABELS}},
    ),
    thing(_RBAC, "Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    thing(
        _RBAC, "ClusterRole", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    ),
    thing(_RBAC, "RoleBinding", roleRef=_ROLE, subjects=[{"kind": "User", "name": "ada"}]),
    thing(
        _RBAC,
        "ClusterRoleBinding",
        roleRef={**_ROLE, "kind": "ClusterRole"},
        subjects=[{"kind": "ServiceAccount", "name": "ada", "namespace": "default"}],
    ),
    thing("scheduling.k8s.io/v1", "PriorityClass", value=7),
    thing(
        "storage.k8s.io/v1", "StorageClass", provisioner="example.com/web", parameters={"a": "b"}
    ),
    thing("storage.k8s.io/v1", "CSIDriver", spec={}),
    thing("coordination.k8s.io/v1", "Lease", spec={"holderIdentity": "me"}),
)
OF_KIND: Final = {each["kind"]: each for each in MINIMAL}
PRESENT: Final = thing(
    "example.com/v1",
    "Gift",
    spec={"size": 3, "junk": 1, "free": {"x": [1, None]}, "nothing": None, "list": ["a"]},
)
GIFTS: Final = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gifts.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"kind": "Gift", "plural": "gifts"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Ready", "type": "string",
                     "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {
                            "type": "object",
                            "required": ["size"],
                            "properties": {
                                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                                "color": {"type": "string", "enum": ["red", "blue"],
                                          "default": "red"},
                                "name": {"type": "string", "pattern": "^[a-z]+$",
                                         "maxLength": 5, "minLength": 2},
                                "list": {"type": "array", "maxItems": 2,
                                         "items": {"type": "string"},
                                         "x-kubernetes-list-type": "set"},
                                "either": {"x-kubernetes-int-or-string": True},
                                "nothing": {"type": "string", "nullable": True},
                                "numbers": {"type": "object",
                                            "additionalProperties": {"type": "integer"}},
                                "free": {"type": "object",
                                         "x-kubernetes-preserve-unknown-fields": True},
                                "ports": {
                                    "type": "array",
                                    "x-kubernetes-list-type": "map",
                                    "x-kubernetes-list-map-keys": ["port", "protocol"],
                                    "items": {
                                        "type": "object",
                                        "required": ["port"],
                                        "properties": {
                                            "port": {"type": "integer"},
                                            "protocol": {"type": "string", "default": "TCP"},
                                            "name": {"type": "string"},
                                        },
                                    },
                                },
                            },
                        },
                        "status": {
                            "type": "object",
                            "properties": {
                                "state": {"type": "string"},
                                "conditions": {
                                    "type": "array",
                                    "x-kubernetes-list-type": "map",
                                    "x-kubernetes-list-map-keys": ["type"],
                                    "items": {"type": "object", "required": ["type"],
                                              "properties": {"type": {"type": "string"},
                                                             "status": {"type": "string"}}},
                                },
                            },
                        },
                    },
                }},
            }
        ],
    },
}  # fmt: skip


# --- stories -------------------------------------------------------------------------------------


def stories() -> Iterator[Story]:
    """Yield everything that is recorded."""
    yield from _every_kind()
    yield from _rich()
    yield from _immutables()
    yield from _refusals()
    yield from _owners()
    yield from _custom()
    yield from _orders()
    yield from _others()


def _every_kind() -> Iterator[Story]:
    for each in MINIMAL:
        labelled = changed(each, metadata__labels={"tier": "front"})
        asks = (
            create(each, "fieldManager=maker"),
            forced(labelled),
            forced(labelled),
            merge(each, {"metadata": {"annotations": {"note": "x"}}}),
            apply(each, "fieldManager=two&dryRun=All"),
            read(each),
            delete(each),
        )
        yield Story(f"every-{each['kind'].lower()}", asks)


def _rich() -> Iterator[Story]:
    for each in objects("many-kinds.yaml"):
        if each["kind"] == "ValidatingWebhookConfiguration":
            continue
        name = each["metadata"]["name"]
        yield Story(f"rich-{each['kind'].lower()}-{name}", (forced(each), forced(each)))


_CHANGES: Final[dict[str, tuple[Object, ...]]] = {
    "ClusterRoleBinding": ({"roleRef__name": "other"},),
    "ConfigMap": (
        {"immutable": True},
        {"immutable": True, "data": {"a": "2"}, "binaryData": {"b": "eA=="}},
        {"immutable": False},
    ),
    "DaemonSet": ({"spec__selector": {"matchLabels": {"app": "other"}},
                   "spec__template__metadata__labels": {"app": "other"}},),
    "Deployment": ({"spec__selector": {"matchLabels": {"app": "other"}},
                    "spec__template__metadata__labels": {"app": "other"}},),
    "IngressClass": ({"spec__controller": "example.com/other"},),
    "Job": (
        {"spec__template__spec__containers": [{"name": "web", "image": "web:2"}]},
        {"spec__completions": 3},
        {"spec__completionMode": "Indexed", "spec__completions": 1},
        {"spec__managedBy": "example.com/me"},
        {"spec__backoffLimitPerIndex": 1},
        {"spec__selector": {"matchLabels": {"a": "b"}}},
        {"spec__parallelism": 3},
        {"spec__backoffLimit": 1},
        {"spec__ttlSecondsAfterFinished": 60},
    ),
    "PersistentVolume": ({"spec__hostPath__path": "/y"}, {"spec__volumeMode": "Block"}),
    "PersistentVolumeClaim": (
        {"spec__accessModes": ["ReadWriteMany"]},
        {"spec__storageClassName": "other"},
    ),
    "PriorityClass": ({"value": 8}, {"preemptionPolicy": "Never"}),
    "ReplicaSet": ({"spec__selector": {"matchLabels": {"app": "other"}},
                    "spec__template__metadata__labels": {"app": "other"}},),
    "RoleBinding": ({"roleRef__name": "other"},),
    "RuntimeClass": ({"handler": "other"},),
    "Secret": (
        {"type": "other"},
        {"immutable": True},
        {"immutable": True, "stringData": {"a": "2"}},
        {"immutable": False},
    ),
    "Service": (
        {"spec__clusterIP": "10.0.3.7"},
        {"spec__clusterIP": "None"},
        {"spec__type": "NodePort"},
        {"spec__type": "ClusterIP"},
    ),
    "StatefulSet": (
        {"spec__serviceName": "other"},
        {"spec__podManagementPolicy": "Parallel"},
        {"spec__selector": {"matchLabels": {"app": "other"}},
         "spec__template__metadata__labels": {"app": "other"}},
        {"spec__replicas": 3},
    ),
    "StorageClass": (
        {"provisioner": "example.com/other"},
        {"parameters": {"a": "c"}},
        {"reclaimPolicy": "Retain"},
        {"volumeBindingMode": "WaitForFirstConsumer"},
    ),
}  # fmt: skip


def _immutables() -> Iterator[Story]:
    for kind, changes in _CHANGES.items():
        first = OF_KIND[kind]
        asks = [forced(first)]
        for each in changes:
            asks += (
                [forced(changed(first, **each)), forced(first)]
                if kind not in _SEALED
                else [forced(changed(first, **each))]
            )
        yield Story(f"immutable-{kind.lower()}", (*asks, delete(first)))


_SEALED: Final = frozenset({"ConfigMap", "Secret"})


def _refusals() -> Iterator[Story]:
    pod = "spec__template__spec"
    strict = "fieldValidation=Strict"
    for name, asks in {
        "typo": (apply(changed(CONFIG, dataa={"a": "b"})), create(changed(CONFIG, x=1), strict)),
        "type": (apply(changed(CONFIG, data="text")), create(changed(CONFIG, data="text"))),
        "no-namespace": (
            Ask("PATCH", "/api/v1/namespaces/nowhere/configmaps/web", CONFIG, APPLY,
                "fieldManager=a"),
            Ask("POST", "/api/v1/namespaces/nowhere/configmaps", CONFIG),
        ),
        "other-name": (
            Ask("PATCH", "/api/v1/namespaces/{space}/configmaps/x", CONFIG, APPLY,
                "fieldManager=a"),
            apply(changed(CONFIG, metadata__namespace="default")),
            Ask("PATCH", "/api/v1/namespaces/{space}/secrets/web", CONFIG, APPLY,
                "fieldManager=a"),
        ),
        "no-manager": (apply(CONFIG, ""),),
        "exists": (create(CONFIG), create(CONFIG)),
        "versions": (
            apply(changed(CONFIG, metadata__resourceVersion="1")),
            apply(changed(CONFIG, metadata__resourceVersion="1")),
            apply(changed(CONFIG, metadata__resourceVersion="1"), "fieldManager=one&dryRun=All"),
            apply(changed(CONFIG, metadata__resourceVersion="0")),
            apply(changed(CONFIG, metadata__uid="other")),
            put(changed(CONFIG, metadata__resourceVersion="1")),
            put(changed(CONFIG, metadata__uid="other")),
            merge(CONFIG, {"metadata": {"resourceVersion": "1"}}),
            delete(CONFIG, {"preconditions": {"uid": "other"}}),
            delete(CONFIG, {"preconditions": {"resourceVersion": "1"}}),
            delete(CONFIG),
            delete(CONFIG),
            apply(changed(CONFIG, metadata__uid="other")),
            put(CONFIG),
            merge(CONFIG, {"data": {"a": "b"}}),
            read(CONFIG),
        ),
        "metadata": (
            create(changed(CONFIG, metadata__name="A_b")),
            create(changed(CONFIG, metadata__name="")),
            create(changed(CONFIG, metadata__labels={"a b": "c d"})),
            create(changed(CONFIG, metadata__annotations={"a b": "c d"})),
            create(changed(SERVICE, metadata__name="1a")),
            create(changed(CONFIG, data={"a b": "c"})),
        ),
        "workloads": (
            create(changed(DEPLOYMENT, spec={})),
            create(changed(DEPLOYMENT, spec__selector={})),
            create(changed(DEPLOYMENT, spec__template__metadata__labels={"app": "x"})),
            create(changed(DEPLOYMENT, spec__template__spec={"containers": [{}]})),
            create(changed(DEPLOYMENT, spec__replicas=-1)),
            create(changed(DEPLOYMENT, spec__template__spec__restartPolicy="Never")),
            create(changed(DEPLOYMENT, **{f"{pod}__containers": [
                {"name": "a", "image": "a", "volumeMounts": [{"name": "x", "mountPath": "/x"}]},
                {"name": "a", "image": "a", "ports": [{"containerPort": 0}]},
            ]})),
            create(changed(JOB, spec__template__spec__restartPolicy=None)),
            create(changed(JOB, spec__parallelism=-1)),
            create(changed(OF_KIND["CronJob"], spec__schedule="x")),
            create(changed(OF_KIND["CronJob"], spec__schedule="")),
        ),
        "others": (
            create(changed(SERVICE, spec__ports=[])),
            create(changed(SERVICE, spec__ports=[{"port": 0}, {"port": 80}])),
            create(changed(OF_KIND["PersistentVolumeClaim"], spec__accessModes=[])),
            create(changed(OF_KIND["Ingress"], spec={})),
            create(changed(OF_KIND["RoleBinding"], roleRef__kind="x")),
            create(changed(OF_KIND["HorizontalPodAutoscaler"], spec__maxReplicas=0)),
        ),
        "patches": (
            create(CONFIG),
            Ask("PATCH", path(CONFIG, "web"), [{"op": "test", "path": "/data/a", "value": "x"}],
                JSON_PATCH),
            Ask("PATCH", path(CONFIG, "web"), [{"op": "replace", "path": "/x/y", "value": "x"}],
                JSON_PATCH),
            Ask("PATCH", path(CONFIG, "web"), [{"op": "add", "path": "/data/b", "value": "x"},
                                               {"op": "remove", "path": "/data/a"}], JSON_PATCH),
            Ask("PATCH", path(CONFIG, "web"), {}, "text/plain"),
            Ask("POST", path(CONFIG, "web"), {}),
            Ask("GET", path(CONFIG).replace("configmaps", "shops")),
            Ask("GET", path(CONFIG), query="fieldSelector=data.x%3Db"),
        ),
    }.items():  # fmt: skip
        yield Story(f"refused-{name}", asks)


def _owners() -> Iterator[Story]:
    two = changed(CONFIG, data={"a": "1", "b": "2"})
    ports = changed(SERVICE, spec__ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "b"}])
    scaled = changed(DEPLOYMENT, spec__replicas=3)
    container = {"name": "extra", "image": "extra:1"}
    sidecar = changed(DEPLOYMENT, spec={"template": {"spec": {"containers": [container]}}})
    rolling = changed(
        DEPLOYMENT, spec__strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    )
    for name, asks in {
        "conflict": (
            apply(CONFIG),
            apply(changed(CONFIG, data={"a": "2"}), "fieldManager=two"),
            apply(changed(two, data={"a": "2", "b": "3"}), "fieldManager=two&force=true"),
            apply(changed(CONFIG, data={"a": "3", "b": "4"})),
            apply(changed(CONFIG, data={"a": "2"})),
            read(CONFIG),
        ),
        "removed": (apply(two), apply(CONFIG), apply(changed(CONFIG, data=None)), read(CONFIG)),
        "shared": (
            apply(two),
            apply(CONFIG, "fieldManager=two"),
            apply(changed(CONFIG, data={"b": "2"})),
            apply(changed(CONFIG, data={"b": "2"}), "fieldManager=two"),
            read(CONFIG),
        ),
        "patched": (
            apply(two),
            merge(CONFIG, {"data": {"a": "x", "c": "y"}}),
            apply(two),
            forced(two),
            merge(CONFIG, {"data": None}),
            forced(two),
        ),
        "put": (apply(two), put(changed(CONFIG, data={"b": "2", "c": "3"}), "fieldManager=putter")),
        "ports": (
            apply(ports),
            merge(SERVICE, {"metadata": {"labels": {"a": "b"}}}),
            apply(changed(SERVICE, spec__ports=[{"port": 81, "name": "b"}])),
            apply(changed(SERVICE, spec__ports=[{"port": 81, "name": "b", "targetPort": 8080}])),
            read(SERVICE),
        ),
        "replicas": (
            apply(scaled),
            merge(DEPLOYMENT, {"spec": {"replicas": 5}}),
            apply(scaled),
            apply(DEPLOYMENT),
            read(DEPLOYMENT),
            forced(scaled),
            apply(DEPLOYMENT),
        ),
        "defaults": (apply(rolling), apply(DEPLOYMENT)),
        "sidecar": (
            apply(DEPLOYMENT),
            apply(sidecar, "fieldManager=two"),
            apply(changed(DEPLOYMENT, spec__template__spec__containers=[
                {"name": "web", "image": "web:1"}, {"name": "third", "image": "third:1"}])),
            apply(changed(sidecar, spec={}), "fieldManager=two"),
            read(DEPLOYMENT),
        ),
        "labels": (
            apply(changed(CONFIG, metadata__labels={"a": "b"})),
            merge(CONFIG, {"metadata": {"labels": {"c": "d"}}}),
            apply(CONFIG),
            apply(changed(CONFIG, metadata__annotations={"a": "b"})),
            apply(CONFIG),
            read(CONFIG),
        ),
        "reset": (
            apply(CONFIG),
            merge(CONFIG, {"metadata": {"managedFields": [{}]}}),
            apply(CONFIG, "fieldManager=two"),
        ),
        "empty": (
            apply(changed(CONFIG, data={})),
            apply(changed(CONFIG, metadata__labels={}, data={"a": ""})),
            apply(changed(SERVICE, spec__ports=None, metadata__annotations={"a": ""})),
            apply(changed(DEPLOYMENT, spec__template__spec__containers=[
                {"name": "web", "image": "web:1", "args": [], "env": [], "resources": {}}])),
        ),
    }.items():  # fmt: skip
        yield Story(f"owners-{name}", asks)


def _custom() -> Iterator[Story]:
    bad = {"size": 0, "color": "x", "name": "ABCDEFG", "list": ["a", "b", "c"], "either": True,
           "numbers": {"a": "x"}}  # fmt: skip
    good = changed(PRESENT, spec={"size": 3})
    ports = [{"port": 1, "name": "a"}, {"port": 1, "protocol": "UDP"}]
    status = changed(good, status={"state": "new", "conditions": [{"type": "Ready"}]})
    for name, asks in {
        "created": (
            create(PRESENT, "fieldManager=maker"),
            create(changed(PRESENT, metadata__name="strict"), "fieldValidation=Strict"),
            create(changed(PRESENT, metadata__name="bad", spec=bad)),
            create(changed(PRESENT, metadata__name="bad", spec={})),
            create(changed(PRESENT, metadata__name="bad", spec__size="x")),
            delete(PRESENT),
        ),
        "applied": (
            apply(changed(good, status={"state": "ignored"})),
            apply(changed(good, spec__junk=1)),
            apply(changed(good, spec__size="3")),
            apply(changed(good, spec__size=33)),
            apply(changed(good, spec__ports=ports)),
            apply(changed(good, spec__ports=ports[1:], spec__list=["b", "a"])),
            apply(changed(good, spec__list=["a"])),
            apply(changed(good, spec__ports=[{"port": 1}, {"port": 1}])),
            apply(status, "fieldManager=teller", "/status"),
            apply(changed(status, spec__size=5), "fieldManager=teller", "/status"),
            merge(good, {"metadata": {"labels": {"a": "b"}}, "status": {"state": "x"}}, "/status"),
            forced(changed(good, spec__color="blue")),
            forced(good),
            delete(good, {"propagationPolicy": "Foreground"}),
        ),
        "definition": (
            forced(GIFTS),
            forced(changed(GIFTS, spec__scope="Cluster")),
            forced(changed(GIFTS, spec__group="example.org")),
            forced(changed(GIFTS, spec__names={"kind": "Other", "plural": "gifts"})),
            forced(changed(GIFTS, spec__versions=[
                {**GIFTS["spec"]["versions"][0], "name": "v2"}])),
            forced(changed(GIFTS, spec__names={"kind": "Gift", "plural": "gifts",
                                               "shortNames": ["gf"], "categories": ["all"]})),
        ),
    }.items():  # fmt: skip
        yield Story(f"custom-{name}", asks)


_ORDERS: Final = (
    "abc ac", "abc ca", "ab xa", "ab ax", "abcd db", "abcde edcba", "abcd xbya", "abc xyz",
    "abcdef fxbyd", "abcdef cxa", "ab bxa", "abcde exdya", "abcd cadb",
)  # fmt: skip
"""What one manager applied, and what another applies to it."""


def _orders() -> Iterator[Story]:
    asks: list[Ask] = []
    for number, each in enumerate(_ORDERS):
        found = changed(PRESENT, metadata__name=f"order-{number}", spec={"size": 1})
        for manager, letters in zip(("one", "two"), each.split(), strict=True):
            ports = [{"port": ord(letter)} for letter in letters]
            asks.append(apply(changed(found, spec__ports=ports), f"fieldManager={manager}"))
    yield Story("custom-order", tuple(asks))


def _others() -> Iterator[Story]:
    held = changed(CONFIG, metadata__finalizers=["example.com/hold"])
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "web.1"},
        "eventTime": "2026-01-02T03:04:05.000000Z",
        "reportingController": "example.com/agent",
        "reportingInstance": "one",
        "action": "Sync",
        "reason": "Synced",
        "type": "Normal",
        "note": "done",
        "regarding": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": "web",
            "namespace": "{space}",
        },
    }
    yield Story(
        "other-finalizer",
        (
            create(held),
            delete(held),
            read(held),
            delete(held),
            merge(held, {"metadata": {"finalizers": None}}),
            read(held),
            apply(DEPLOYMENT),
            delete(DEPLOYMENT, {"propagationPolicy": "Foreground"}),
        ),
    )
    old = {**event, "apiVersion": "v1", "kind": "Event"}
    yield Story("other-event", (create(event), create(event), read(event), read(old)))
    yield Story(
        "other-dry-run",
        (
            create(CONFIG, "dryRun=All"),
            read(CONFIG),
            apply(CONFIG, "fieldManager=one&dryRun=All"),
            read(CONFIG),
            apply(CONFIG),
            apply(changed(CONFIG, data={"a": "2"}), "fieldManager=one&dryRun=All"),
            delete(CONFIG, {"dryRun": ["All"]}),
            read(CONFIG),
        ),
    )
    yield Story(
        "other-yaml",
        (
            Ask("PATCH", path(CONFIG, "web"), _raw("\\\\ud83d\\\\ude00"), APPLY, "fieldManager=a"),
            Ask("PATCH", path(CONFIG, "web"), _raw("\x7f"), APPLY, "fieldManager=a"),
            Ask("PATCH", path(CONFIG, "web"), _raw("\\\\u0085 😀"), APPLY, "fieldManager=a"),
            Ask("PATCH", path(CONFIG, "web"), "kind: ConfigMap\napiVersion: v1\ndata: {a: yes}\n",
                APPLY, "fieldManager=a"),
            Ask("PATCH", path(CONFIG, "web"), "kind: ConfigMap\napiVersion: v1\ndata: {a: 'yes'}\n",
                APPLY, "fieldManager=a"),
        ),
    )  # fmt: skip


def _raw(text: str) -> str:
    body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web"},"data":{"a":"%s"}}'
    return body % text.replace("\\\\", "\\")
