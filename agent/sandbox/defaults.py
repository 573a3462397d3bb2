"""What the server fills in when an author says nothing, kind by kind; never overwrites a value.

Rules: `SetDefaults_…` of Kubernetes 1.36, each proved by a recording.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Object = dict[str, Any]


def fill(api_version: str, kind: str, found: Object) -> None:
    """Set the defaults of a built-in kind in an object that nobody else holds."""
    change = _BY_KIND.get((api_version.rpartition("/")[0], kind))
    if change is not None:
        change(found)


def _set(value: Object, **defaults: Any) -> None:
    for name, each in defaults.items():
        if value.get(name) in (None, ""):
            value[name] = each


# --- pods ----------------------------------------------------------------------------------------


def pod_spec(spec: Object) -> None:
    """Set the defaults of the part that Pods and all templates share."""
    _set(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
    )
    spec.setdefault("securityContext", {})
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    elif "serviceAccount" in spec:
        spec["serviceAccountName"] = spec["serviceAccount"]
    on_host = spec.get("hostNetwork") is True
    for container in containers_of(spec):
        _container(container, on_host=on_host)
    for volume in spec.get("volumes") or ():
        _volume(volume)
    for each in spec.get("topologySpreadConstraints") or ():
        _set(each)


def containers_of(spec: Mapping[str, Any]) -> Iterator[Object]:
    """Yield containers and init containers."""
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()


def _container(container: Object, *, on_host: bool) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    latest = "@" not in image and tag in ("", "latest")
    _set(
        container,
        imagePullPolicy="Always" if latest else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    for port in container.get("ports") or ():
        _set(port, protocol="TCP")
        if on_host:
            _set(port, hostPort=port.get("containerPort"))
    for each in container.get("env") or ():
        reference = (each.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            _set(reference, apiVersion="v1")
        _divisor(each.get("valueFrom") or {})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            _probe(container[name])
    for handler in (container.get("lifecycle") or {}).values():
        if isinstance(handler, dict):
            _http_get(handler)


def _requests(resources: Object) -> None:
    """Request what is the limit where nothing is requested."""
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}


def _divisor(source: Object) -> None:
    reference = source.get("resourceFieldRef")
    if reference is not None:
        reference.setdefault("divisor", "0")


def _probe(probe: Object) -> None:
    _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    _http_get(probe)
    if probe.get("grpc") is not None:
        probe["grpc"].setdefault("service", "")


def _http_get(handler: Object) -> None:
    if handler.get("httpGet") is not None:
        _set(handler["httpGet"], path="/", scheme="HTTP")


def _volume(volume: Object) -> None:
    if all(name == "name" for name in volume):
        volume["emptyDir"] = {}
    for name in ("configMap", "secret", "downwardAPI", "projected"):
        if volume.get(name) is not None:
            _set(volume[name], defaultMode=420)
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _field_ref(item)
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("serviceAccountToken") is not None:
            _set(source["serviceAccountToken"], expirationSeconds=3600)
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _field_ref(item)
    if volume.get("hostPath") is not None:
        volume["hostPath"].setdefault("type", "")
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if claim:
        _set(claim["spec"], volumeMode="Filesystem")


def _field_ref(item: Object) -> None:
    if item.get("fieldRef") is not None:
        _set(item["fieldRef"], apiVersion="v1")
    _divisor(item)


def _template(found: Object) -> None:
    pod_spec(found["spec"]["template"]["spec"])


# --- workloads -----------------------------------------------------------------------------------


def _pod(found: Object) -> None:
    spec = found["spec"]
    pod_spec(spec)
    _set(spec, enableServiceLinks=True)
    for container in containers_of(spec):
        _requests(container.get("resources") or {})


def _deployment(found: Object) -> None:
    spec = found["spec"]
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec["strategy"]
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy, rollingUpdate={})
        _set(strategy["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template(found)


def _replica_set(found: Object) -> None:
    _set(found["spec"], replicas=1)
    _template(found)


def _stateful_set(found: Object) -> None:
    spec = found["spec"]
    _set(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    _set(spec, persistentVolumeClaimRetentionPolicy={})
    policy = spec["persistentVolumeClaimRetentionPolicy"]
    _set(policy, whenDeleted="Retain", whenScaled="Retain")
    strategy = spec["updateStrategy"]
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy, rollingUpdate={})
        _set(strategy["rollingUpdate"], partition=0)
    for claim in spec.get("volumeClaimTemplates") or ():
        # As internal types hold it: with kind and phase.
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        _claim(claim)
    _template(found)


def _daemon_set(found: Object) -> None:
    spec = found["spec"]
    _set(spec, revisionHistoryLimit=10)
    strategy = spec["updateStrategy"]
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy, rollingUpdate={})
        _set(strategy["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    annotations = found["metadata"].setdefault("annotations", {})
    annotations.setdefault("deprecated.daemonset.template.generation", "0")
    _template(found)


def _job(found: Object) -> None:
    spec = found["spec"]
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    _set(
        spec,
        parallelism=1,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy=(
            "Failed" if spec.get("podFailurePolicy") is not None else "TerminatingOrFailed"
        ),
    )
    _set(spec, backoffLimit=6 if spec.get("backoffLimitPerIndex") is None else 2147483647)
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            _set(pattern, status="True")
    _template(found)


def _cron_job(found: Object) -> None:
    spec = found["spec"]
    _set(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    pod_spec(spec["jobTemplate"]["spec"]["template"]["spec"])


def _autoscaler(found: Object) -> None:
    spec = found["spec"]
    _set(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behaviour = spec.get("behavior")
    if behaviour is not None:
        behaviour["scaleUp"] = _rules(
            behaviour.get("scaleUp") or {},
            [_policy("Pods", 4), _policy("Percent", 100)],
            stabilizationWindowSeconds=0,
        )
        behaviour["scaleDown"] = _rules(behaviour.get("scaleDown") or {}, [_policy("Percent", 100)])


def _policy(kind: str, value: int) -> Object:
    return {"type": kind, "value": value, "periodSeconds": 15}


def _rules(rules: Object, policies: list[Object], **others: Any) -> Object:
    _set(rules, selectPolicy="Max", policies=policies, **others)
    return rules


# --- the rest ------------------------------------------------------------------------------------


def _service(found: Object) -> None:
    spec = found["spec"]
    _set(spec, sessionAffinity="None", type="ClusterIP")
    kind = spec["type"]
    if kind != "ExternalName":
        _set(spec, internalTrafficPolicy="Cluster")
    if kind in ("NodePort", "LoadBalancer"):
        _set(spec, externalTrafficPolicy="Cluster")
    if kind == "LoadBalancer":
        _set(spec, allocateLoadBalancerNodePorts=True)
    if spec["sessionAffinity"] == "ClientIP":
        _set(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})
    else:
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports") or ():
        _set(port, protocol="TCP")
        if port.get("targetPort") in (None, "", 0):
            port["targetPort"] = port.get("port")


def _claim(found: Object) -> None:
    _set(found["spec"], volumeMode="Filesystem")
    _set(found["status"], phase="Pending")


def _volume_itself(found: Object) -> None:
    _set(found["spec"], persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    _set(found["status"], phase="Pending")
    reference = found["spec"].get("hostPath")
    if reference is not None:
        reference.setdefault("type", "")


def _secret(found: Object) -> None:
    plain = found.pop("stringData", None) or {}
    if plain:
        data = found["data"] = dict(found.get("data") or {})
        for name, text in plain.items():
            data[name] = base64.b64encode(text.encode()).decode()
    _set(found, type="Opaque")


def _namespace(found: Object) -> None:
    metadata = found["metadata"]
    if metadata.get("name"):
        metadata["labels"] = {
            **(metadata.get("labels") or {}),
            "kubernetes.io/metadata.name": metadata["name"],
        }


def _network_policy(found: Object) -> None:
    spec = found["spec"]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for name in ("ingress", "egress"):
        for rule in spec.get(name) or ():
            for port in rule.get("ports") or ():
                _set(port, protocol="TCP")


def _role_binding(found: Object) -> None:
    group = "rbac.authorization.k8s.io"
    _set(found["roleRef"], apiGroup=group)
    for subject in found.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            _set(subject, apiGroup=group)


def _storage_class(found: Object) -> None:
    _set(found, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _priority_class(found: Object) -> None:
    _set(found, preemptionPolicy="PreemptLowerPriority")


def _endpoints(found: Object) -> None:
    for subset in found.get("subsets") or ():
        for port in subset.get("ports") or ():
            _set(port, protocol="TCP")


def _endpoint_slice(found: Object) -> None:
    for port in found.get("ports") or ():
        _set(port, protocol="TCP")
        port.setdefault("name", "")


def _definition(found: Object) -> None:
    spec, names = found["spec"], found["spec"]["names"]
    kind = names.get("kind") or ""
    _set(names, singular=kind.lower(), listKind=f"{kind}List" if kind else "")
    _set(spec, conversion={})
    _set(spec["conversion"], strategy="None")
    stored = [each["name"] for each in spec.get("versions") or () if each.get("storage")]
    _set(found["status"], storedVersions=stored)
    for name in ("conditions", "storedVersions"):
        found["status"].setdefault(name, None)


def _csi_driver(found: Object) -> None:
    spec = found["spec"]
    _set(
        spec,
        attachRequired=True,
        podInfoOnMount=False,
        storageCapacity=False,
        volumeLifecycleModes=["Persistent"],
        fsGroupPolicy="ReadWriteOnceWithFSType",
        requiresRepublish=False,
        seLinuxMount=False,
    )


def _limit_range(found: Object) -> None:
    for item in found["spec"].get("limits") or ():
        if item.get("type") != "Container":
            continue
        for name, source in (("default", "max"), ("defaultRequest", "default")):
            values = {**(item.get(source) or {}), **(item.get(name) or {})}
            if values:
                item[name] = values


_BY_KIND: Final[Mapping[tuple[str, str], Callable[[Object], None]]] = {
    ("", "Endpoints"): _endpoints,
    ("", "LimitRange"): _limit_range,
    ("", "Namespace"): _namespace,
    ("", "PersistentVolume"): _volume_itself,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("batch", "CronJob"): _cron_job,
    ("batch", "Job"): _job,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _role_binding,
    ("rbac.authorization.k8s.io", "RoleBinding"): _role_binding,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    ("storage.k8s.io", "CSIDriver"): _csi_driver,
    ("storage.k8s.io", "StorageClass"): _storage_class,
}
