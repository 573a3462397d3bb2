"""Where the sandbox does less than a cluster and does not refuse: each difference is shown.

`simplified` says what a cluster does instead; docs/reference/sandbox.md is made of these tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest
from sandbox.cases import DEPLOYMENT, OF_KIND, changed, thing
from sandbox.stories import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable

Test = TypeVar("Test", bound="Callable[..., None]")
DAY = 86_400.0
INSTEAD: dict[str, str] = {}
"""Name of a test → what a cluster does."""


def simplified(cluster: str) -> Callable[[Test], Test]:
    """Note what a cluster does instead."""

    def note(test: Test) -> Test:
        INSTEAD[test.__name__] = cluster
        return test

    return note


@pytest.fixture
def cluster() -> Cluster:
    """Give a fresh one."""
    return Cluster()


@simplified("RBAC decides.")
def test_rights(cluster: Cluster) -> None:
    """Everybody who is let in may do everything, whatever Roles say."""
    review = thing("authorization.k8s.io/v1", "SelfSubjectAccessReview", spec={})
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    code, answer = cluster.ask("POST", path, review)
    assert (code, answer["status"]["allowed"]) == (201, True)


@simplified("A quota refuses what exceeds it, and counts what is used.")
def test_quotas(cluster: Cluster) -> None:
    """A ResourceQuota is kept and not enforced."""
    quota = thing("v1", "ResourceQuota", spec={"hard": {"pods": "0"}})
    cluster.apply(quota)
    cluster.apply(OF_KIND["Pod"])
    cluster.later(60)
    assert cluster.get(OF_KIND["Pod"]) is not None
    assert "used" not in (cluster.get(quota) or {}).get("status", {})


@simplified("A limit range fills in and refuses requests and limits.")
def test_limit_ranges(cluster: Cluster) -> None:
    """A LimitRange is kept and not enforced."""
    limits = [{"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}]
    cluster.apply(thing("v1", "LimitRange", spec={"limits": limits}))
    made = cluster.apply(OF_KIND["Pod"])
    assert made["spec"]["containers"][0]["resources"] == {}


@simplified("It starts a Job at each of its times.")
def test_cron_jobs(cluster: Cluster) -> None:
    """A CronJob never runs."""
    cluster.apply(OF_KIND["CronJob"])
    cluster.later(2 * DAY)
    assert cluster.list(OF_KIND["Job"]) == []


@simplified("`maxSurge` and `maxUnavailable` bound how many Pods change at a time.")
def test_rolling_updates(cluster: Cluster) -> None:
    """A new template replaces all Pods of a Deployment in one step."""
    three = changed(DEPLOYMENT, spec__replicas=3)
    cluster.apply(three)
    cluster.later(5)
    container = {"name": "web", "image": "web:2"}
    cluster.apply(changed(three, spec__template__spec__containers=[container]))
    cluster.step()
    images = [each["spec"]["containers"][0]["image"] for each in cluster.list(OF_KIND["Pod"])]
    assert images == ["web:2"] * 3


@simplified("Images are pulled, containers run, probes decide.")
def test_containers(cluster: Cluster) -> None:
    """A Pod is ready after a second, whatever its image; with `crash` or `hang` in it, never."""
    for name, image in (("a", "no.such.registry/web:1"), ("b", "hang:1")):
        containers = [{"name": "web", "image": image}]
        cluster.apply(changed(OF_KIND["Pod"], metadata__name=name, spec__containers=containers))
    cluster.later(1)
    cluster.later(DAY)
    ready = {
        each["metadata"]["name"]: each["status"]["containerStatuses"][0]["ready"]
        for each in cluster.list(OF_KIND["Pod"])
    }
    assert ready == {"a": True, "b": False}


@simplified("The scheduler finds a node with room, by selectors, taints and affinity.")
def test_scheduling(cluster: Cluster) -> None:
    """Every Pod runs on the one node `sandbox`, whatever it selects or asks for."""
    resources = {"requests": {"cpu": "1000000"}}
    container = {"name": "web", "image": "web:1", "resources": resources}
    spec = {"nodeSelector": {"no": "such"}, "containers": [container]}
    cluster.apply(changed(DEPLOYMENT, spec__template__spec=spec))
    cluster.later(5)
    (pod,) = cluster.list(OF_KIND["Pod"])
    assert (pod["spec"]["nodeName"], pod["status"]["phase"]) == ("sandbox", "Running")


@simplified("A provisioner makes a volume, and binds the claim.")
def test_claims(cluster: Cluster) -> None:
    """A PersistentVolumeClaim stays Pending, also where a volume would fit, and Pods run anyway."""
    claim = OF_KIND["PersistentVolumeClaim"]
    cluster.apply(OF_KIND["PersistentVolume"])
    cluster.apply(claim)
    cluster.later(DAY)
    assert (cluster.get(claim) or {})["status"]["phase"] == "Pending"


@simplified("Endpoints and EndpointSlices follow the Pods; the cloud gives an address.")
def test_services(cluster: Cluster) -> None:
    """A Service has its cluster IP and ports, and neither endpoints nor a load balancer."""
    balanced = changed(OF_KIND["Service"], spec__type="LoadBalancer")
    cluster.apply(balanced)
    cluster.apply(DEPLOYMENT)
    cluster.later(60)
    assert cluster.list(OF_KIND["EndpointSlice"]) == []
    assert (cluster.get(balanced) or {})["status"] == {"loadBalancer": {}}


@simplified("It scales by metrics.")
def test_autoscalers(cluster: Cluster) -> None:
    """A HorizontalPodAutoscaler never scales."""
    autoscaler = changed(
        OF_KIND["HorizontalPodAutoscaler"], spec__minReplicas=2, spec__maxReplicas=3
    )
    cluster.apply(DEPLOYMENT)
    cluster.apply(autoscaler)
    cluster.later(DAY)
    assert (cluster.get(DEPLOYMENT) or {})["spec"]["replicas"] == 1


@simplified("Each has the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`.")
def test_namespaces(cluster: Cluster) -> None:
    """A new Namespace is empty."""
    cluster.later(60)
    assert cluster.list(OF_KIND["ServiceAccount"]) == []
    assert cluster.list(OF_KIND["ConfigMap"]) == []


@simplified("Controllers tell what they do: `ScalingReplicaSet`, `SuccessfulCreate` …")
def test_events(cluster: Cluster) -> None:
    """Only what clients write is an Event."""
    cluster.apply(DEPLOYMENT)
    cluster.later(5)
    _, listed = cluster.ask("GET", "/api/v1/events")
    assert listed["items"] == []
