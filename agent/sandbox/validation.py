"""What the server demands of every object, and of the built-in kinds; never of changes.

The usual mistakes only: a body that passes here may still be refused by a real server.

Rules: `Validate…` of Kubernetes 1.36, each proved by a recording.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from agent.core.reading import at, items, mapping
from agent.core.values import ABSENT
from agent.sandbox.refusals import Cause, duplicate, forbidden, invalid, required, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Object = dict[str, Any]

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME_PART: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63
_MOST_ANNOTATIONS: Final = 256 * 1024

_SUBDOMAIN_SAYS: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    r" for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_SAYS: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
    " start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_NAME_PART_SAYS: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_SAYS: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    " '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_DATA_KEY_SAYS: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',"
    "  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_MISMATCH: Final = "`selector` does not match template `labels`"
_LABEL_NAMES: Final = frozenset({"Namespace", "Service"})
_FREE_NAMES: Final = frozenset({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})


def causes(group: str, kind: str, found: Object) -> Iterator[Cause]:
    """Yield what is wrong with an object, whatever was there before."""
    yield from _metadata(group, kind, found["metadata"])
    judge = _BY_KIND.get((group, kind))
    if judge is not None:
        yield from judge(found)


# --- metadata ------------------------------------------------------------------------------------


def _metadata(group: str, kind: str, metadata: Object) -> Iterator[Cause]:
    name = metadata.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif why := _bad_name(group, kind, name):
        yield invalid("metadata.name", name, why)
    for field in ("labels", "annotations"):
        for key, value in mapping(metadata.get(field)).items():
            checked = key if field == "labels" else key.lower()
            if why := _bad_key(checked):
                yield invalid(f"metadata.{field}", key, why)
            if field == "labels" and not (len(value) <= _LONGEST_LABEL and _VALUE.fullmatch(value)):
                yield invalid("metadata.labels", value, _VALUE_SAYS)
    total = sum(len(k) + len(v) for k, v in mapping(metadata.get("annotations")).items())
    if total > _MOST_ANNOTATIONS:
        says = f"Too long: may not be more than {_MOST_ANNOTATIONS} bytes"
        yield Cause("FieldValueTooLong", "metadata.annotations", says)


def _bad_name(group: str, kind: str, name: str) -> str:
    if kind in _FREE_NAMES and group == "rbac.authorization.k8s.io":
        return "may not contain '/'" if "/" in name else ""
    if kind in _LABEL_NAMES and not group:
        return "" if _LABEL.fullmatch(name) and len(name) <= _LONGEST_LABEL else _LABEL_SAYS
    if len(name) > _LONGEST_NAME:
        return f"must be no more than {_LONGEST_NAME} bytes"
    return "" if _SUBDOMAIN.fullmatch(name) else _SUBDOMAIN_SAYS


def _bad_key(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        return f"prefix part {_SUBDOMAIN_SAYS}"
    if not name:
        return "name part must be non-empty"
    if len(name) > _LONGEST_LABEL:
        return f"name part must be no more than {_LONGEST_LABEL} bytes"
    return "" if _NAME_PART.fullmatch(name) else _NAME_PART_SAYS


# --- pods ----------------------------------------------------------------------------------------


def _pod_spec(spec: Object, path: str) -> Iterator[Cause]:
    containers = spec.get("containers") or []
    if not containers:
        yield required(f"{path}.containers")
    volumes = {each.get("name") for each in items(spec.get("volumes"))}
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(field) or ()):
            yield from _container(container, f"{path}.{field}[{number}]", volumes, seen)


def _container(container: Object, path: str, volumes: set[Any], seen: set[str]) -> Iterator[Cause]:
    name = container.get("name", "")
    if not name:
        yield required(f"{path}.name")
    elif not (_LABEL.fullmatch(name) and len(name) <= _LONGEST_LABEL):
        yield invalid(f"{path}.name", name, _LABEL_SAYS)
    if not container.get("image"):
        yield required(f"{path}.image")
    yield from _ports(container, path)
    for number, mount in enumerate(items(container.get("volumeMounts"))):
        if mount.get("name") not in volumes:
            says = f"Not found: {_quoted(mount.get('name', ''))}"
            yield Cause("FieldValueNotFound", f"{path}.volumeMounts[{number}].name", says)
        if not mount.get("mountPath"):
            yield required(f"{path}.volumeMounts[{number}].mountPath")
    for number, variable in enumerate(items(container.get("env"))):
        if not variable.get("name"):
            yield required(f"{path}.env[{number}].name")
    if name and name in seen:
        yield duplicate(f"{path}.name", name)
    seen.add(name)


def _ports(container: Object, path: str) -> Iterator[Cause]:
    for number, port in enumerate(items(container.get("ports"))):
        value = port.get("containerPort")
        if not value:
            yield required(f"{path}.ports[{number}].containerPort")
        elif not _is_port(value):
            yield invalid(f"{path}.ports[{number}].containerPort", value, _PORT_SAYS)


_PORT_SAYS: Final = "must be between 1 and 65535, inclusive"


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and 1 <= value <= 65535  # noqa: PLR2004 - as _PORT_SAYS


def _quoted(text: str) -> str:
    return f'"{text}"'


def _pod(found: Object) -> Iterator[Cause]:
    yield from _pod_spec(found["spec"], "spec")


# --- workloads -----------------------------------------------------------------------------------


def matches(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether labels satisfy a LabelSelector object."""
    wanted = mapping(at(selector, "matchLabels"))
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_meets(each, labels) for each in items(at(selector, "matchExpressions")))


def _meets(requirement: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, values = requirement.get("key"), requirement.get("values") or ()
    match requirement.get("operator"):
        case "In":
            return labels.get(str(key)) in values
        case "NotIn":
            return labels.get(str(key)) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _workload(name: str) -> Callable[[Object], Iterator[Cause]]:
    def judge(found: Object) -> Iterator[Cause]:
        spec = found["spec"]
        selector = spec.get("selector")
        labels = mapping(at(spec, "template", "metadata", "labels"))
        if selector is None:
            yield required("spec.selector")
        elif not selector:
            yield invalid("spec.selector", selector, f"empty selector is invalid for {name}")
        if selector is None or (selector and not matches(selector, labels)):
            shown = dict(labels) or None
            yield invalid("spec.template.metadata.labels", shown, _MISMATCH)
        replicas = spec.get("replicas", 0)
        if isinstance(replicas, int) and replicas < 0:
            yield invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        strategy = spec.get("strategy") or {}
        if strategy.get("type") == "Recreate" and "rollingUpdate" in strategy:
            says = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden("spec.strategy.rollingUpdate", says)
        pod = spec["template"]["spec"]
        yield from _pod_spec(pod, "spec.template.spec")
        if pod.get("restartPolicy") not in (None, "Always"):
            path = "spec.template.spec.restartPolicy"
            yield unsupported(path, pod["restartPolicy"], ("Always",))

    return judge


def _job_spec(spec: Object, path: str) -> Iterator[Cause]:
    pod = at(spec, "template", "spec")
    pod = {} if pod is ABSENT else pod
    for name in ("parallelism", "completions", "backoffLimit", "ttlSecondsAfterFinished"):
        value = spec.get(name)
        if isinstance(value, int) and value < 0:
            yield invalid(f"{path}.{name}", value, "must be greater than or equal to 0")
    if spec.get("completionMode") != "Indexed" and spec.get("backoffLimitPerIndex") is not None:
        limit = spec["backoffLimitPerIndex"]
        yield invalid(f"{path}.backoffLimitPerIndex", limit, "requires indexed completion mode")
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    yield from _pod_spec(pod, f"{path}.template.spec")
    policy = pod.get("restartPolicy")
    if policy == "Always":
        says = 'valid values: "OnFailure", "Never"'
        yield required(f"{path}.template.spec.restartPolicy", says)


def _job(found: Object) -> Iterator[Cause]:
    yield from _job_selector(found)
    yield from _job_spec(found["spec"], "spec")


def _job_selector(found: Object) -> Iterator[Cause]:
    """A Job's selector is made by the server, unless it is said to be chosen by hand."""
    spec = found["spec"]
    selector, labels = spec.get("selector"), mapping(at(spec, "template", "metadata", "labels"))
    made = {"matchLabels": {"batch.kubernetes.io/controller-uid": found["metadata"].get("uid")}}
    if spec.get("manualSelector") is not True and selector != made:
        yield invalid("spec.selector", selector, "`selector` not auto-generated")
    if selector and not matches(selector, labels):
        yield invalid("spec.template.metadata.labels", dict(labels), _MISMATCH)


def _cron_job(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    schedule = spec.get("schedule", "")
    if not schedule:
        yield required("spec.schedule")
    elif len(schedule.split()) != 5 and not schedule.startswith("@"):  # noqa: PLR2004
        fields = len(schedule.split())
        says = f"expected exactly 5 fields, found {fields}: [{schedule}]"
        yield invalid("spec.schedule", schedule, says)
    yield from _job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")


def _autoscaler(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    for name in ("kind", "name"):
        if not at(spec, "scaleTargetRef", name):
            yield required(f"spec.scaleTargetRef.{name}")
    lowest, highest = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if lowest < 1:
        yield invalid("spec.minReplicas", lowest, "must be greater than or equal to 1")
    if highest < 1:
        yield required("spec.maxReplicas", "must be set and greater than 0")
    if highest < lowest:
        says = "must be greater than or equal to `minReplicas`"
        yield invalid("spec.maxReplicas", highest, says)


# --- the rest ------------------------------------------------------------------------------------


def _service(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    ports = spec.get("ports") or []
    headless = spec.get("clusterIP") == "None" or spec.get("type") == "ExternalName"
    if not ports and not headless:
        yield required("spec.ports")
    if spec.get("type") == "ExternalName" and not spec.get("externalName"):
        yield required("spec.externalName")
    names: set[str] = set()
    for number, port in enumerate(ports):
        path = f"spec.ports[{number}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            yield required(f"{path}.name")
        elif name and name in names:
            yield duplicate(f"{path}.name", name)
        names.add(name)
        if not _is_port(port.get("port")):
            yield invalid(f"{path}.port", port.get("port"), _PORT_SAYS)
        inside = port.get("targetPort")
        if isinstance(inside, int) and not _is_port(inside):
            yield invalid(f"{path}.targetPort", inside, _PORT_SAYS)


def _claim(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    if at(spec, "resources", "requests", "storage") is ABSENT:
        yield required("spec.resources[storage]")


def _volume(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not spec.get("capacity"):
        yield required("spec.capacity")


def _config_map(found: Object) -> Iterator[Cause]:
    for field in ("data", "binaryData"):
        for key in mapping(found.get(field)):
            if not _DATA_KEY.fullmatch(key):
                yield invalid(f"{field}[{key}]", key, _DATA_KEY_SAYS)


def _ingress(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        says = "either `defaultBackend` or `rules` must be specified"
        yield invalid("spec", None, says)
    for number, rule in enumerate(spec.get("rules") or ()):
        for place, each in enumerate(items(at(rule, "http", "paths"))):
            if not each.get("pathType"):
                path = f"spec.rules[{number}].http.paths[{place}].pathType"
                yield required(path, "pathType must be specified")


def _binding(found: Object) -> Iterator[Cause]:
    reference = found["roleRef"]
    if reference.get("kind") not in ("Role", "ClusterRole"):
        yield unsupported("roleRef.kind", reference.get("kind", ""), ("Role", "ClusterRole"))
    if not reference.get("name"):
        yield required("roleRef.name")


def _storage_class(found: Object) -> Iterator[Cause]:
    if not found.get("provisioner"):
        yield required("provisioner")


def _budget(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")


def _definition(found: Object) -> Iterator[Cause]:
    spec = found["spec"]
    expected = f"{at(spec, 'names', 'plural')}.{spec.get('group')}"
    if found["metadata"].get("name") != expected:
        says = 'must be spec.names.plural+"."+spec.group'
        yield invalid("metadata.name", found["metadata"].get("name"), says)
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        yield unsupported("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
    stored = [each for each in items(spec.get("versions")) if each.get("storage") is True]
    if len(stored) != 1:
        says = "must have exactly one version marked as storage version"
        yield invalid("spec.versions", spec.get("versions"), says)
    if at(spec, "conversion", "strategy") == "Webhook":
        yield forbidden("spec.conversion.strategy", "the sandbox calls no conversion webhooks")
    for number, version in enumerate(items(spec.get("versions"))):
        yield from _schema(version, f"spec.versions[{number}].schema.openAPIV3Schema")


def _schema(version: Mapping[str, Any], path: str) -> Iterator[Cause]:
    schema = at(version, "schema", "openAPIV3Schema")
    if schema is ABSENT:
        yield required(path, "schemas are required")
    else:
        for where in _rules_in(schema, path):
            yield forbidden(where, "the sandbox evaluates no CEL rules")


def _rules_in(schema: Any, path: str) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    if schema.get("x-kubernetes-validations"):
        yield f"{path}.x-kubernetes-validations"
    for name in ("properties",):
        for key, each in mapping(schema.get(name)).items():
            yield from _rules_in(each, f"{path}.{name}[{key}]")
    for name in ("items", "additionalProperties", "not"):
        yield from _rules_in(schema.get(name), f"{path}.{name}")
    for name in ("allOf", "anyOf", "oneOf"):
        for number, each in enumerate(schema.get(name) or ()):
            yield from _rules_in(each, f"{path}.{name}[{number}]")


def _nobody_calls(what: str) -> Callable[[Object], Iterator[Cause]]:
    def judge(_: Object) -> Iterator[Cause]:
        yield forbidden("kind", f"the sandbox {what}")

    return judge


_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
_BY_KIND: Final[Mapping[tuple[str, str], Callable[[Object], Iterator[Cause]]]] = {
    ("", "ConfigMap"): _config_map,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Secret"): _config_map,
    ("", "Service"): _service,
    (_ADMISSION, "MutatingWebhookConfiguration"): _nobody_calls("calls no webhooks"),
    (_ADMISSION, "ValidatingWebhookConfiguration"): _nobody_calls("calls no webhooks"),
    (_ADMISSION, "ValidatingAdmissionPolicy"): _nobody_calls("evaluates no policies"),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): _nobody_calls("evaluates no policies"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): _workload("daemonset"),
    ("apps", "Deployment"): _workload("deployment"),
    ("apps", "ReplicaSet"): _workload("replicaset"),
    ("apps", "StatefulSet"): _workload("statefulset"),
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("batch", "CronJob"): _cron_job,
    ("batch", "Job"): _job,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("policy", "PodDisruptionBudget"): _budget,
    (_RBAC, "ClusterRoleBinding"): _binding,
    (_RBAC, "RoleBinding"): _binding,
    ("storage.k8s.io", "StorageClass"): _storage_class,
}
