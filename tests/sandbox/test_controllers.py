"""Workloads become ready, Jobs end and expire, namespaces go: by the clock, in order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sandbox import cases
from sandbox.cases import CONFIG, DEPLOYMENT, GIFTS, JOB, OF_KIND, changed
from sandbox.stories import BEGIN, Cluster

from agent.core.live import record
from agent.core.values import HealthStatus


@pytest.fixture
def cluster() -> Cluster:
    """Give a fresh one."""
    return Cluster()


def health(cluster: Cluster, found: cases.Object) -> HealthStatus:
    """Judge an object as the agent does."""
    live = cluster.get(found)
    assert live is not None
    return record(live).health.status


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"])
def test_a_workload_becomes_ready(cluster: Cluster, kind: str) -> None:
    """Its Pods need a second; the agent calls it healthy only then."""
    cluster.apply(OF_KIND[kind])
    cluster.step()
    assert health(cluster, OF_KIND[kind]) is HealthStatus.IN_PROGRESS
    cluster.later(1)
    assert health(cluster, OF_KIND[kind]) is HealthStatus.CURRENT


def test_a_new_template_replaces_the_pods(cluster: Cluster) -> None:
    """The old ReplicaSet is scaled down and stays."""
    cluster.apply(DEPLOYMENT)
    cluster.later(1)
    container = {"name": "web", "image": "web:2"}
    cluster.apply(changed(DEPLOYMENT, spec__template__spec__containers=[container]))
    cluster.step()
    assert health(cluster, DEPLOYMENT) is HealthStatus.IN_PROGRESS
    cluster.later(1)
    assert health(cluster, DEPLOYMENT) is HealthStatus.CURRENT
    assert sorted(each["spec"]["replicas"] for each in cluster.list(OF_KIND["ReplicaSet"])) == [
        0,
        1,
    ]
    (pod,) = cluster.list(OF_KIND["Pod"])
    assert pod["spec"]["containers"][0]["image"] == "web:2"


def test_a_deployment_that_comes_back_at_once_becomes_ready(cluster: Cluster) -> None:
    """The ReplicaSet of the one before it has the name that the new one's needs, until it goes."""
    cluster.apply(DEPLOYMENT)
    cluster.later(1)
    cluster.delete(DEPLOYMENT)
    cluster.apply(DEPLOYMENT)
    cluster.step()
    cluster.later(1)
    assert health(cluster, DEPLOYMENT) is HealthStatus.CURRENT
    (replica_set,) = cluster.list(OF_KIND["ReplicaSet"])
    live = cluster.get(DEPLOYMENT)
    assert live is not None
    assert replica_set["metadata"]["ownerReferences"][0]["uid"] == live["metadata"]["uid"]


def test_a_rollout_that_hangs_fails_in_the_end(cluster: Cluster) -> None:
    """After its progress deadline."""
    container = {"name": "web", "image": "hang:1"}
    stuck = changed(DEPLOYMENT, spec__template__spec__containers=[container])
    cluster.apply(changed(stuck, spec__progressDeadlineSeconds=30))
    cluster.step()
    cluster.later(29)
    assert health(cluster, DEPLOYMENT) is HealthStatus.IN_PROGRESS
    cluster.later(1)
    assert health(cluster, DEPLOYMENT) is HealthStatus.FAILED


def test_pods_of_a_stateful_set_come_one_by_one(cluster: Cluster) -> None:
    """The second waits for the first to be ready."""
    cluster.apply(changed(OF_KIND["StatefulSet"], spec__replicas=2))
    counts = []
    for _ in range(3):
        cluster.step()
        counts.append(len(cluster.list(OF_KIND["Pod"])))
        cluster.now += timedelta(seconds=1)
    assert counts == [1, 2, 2]


def test_a_job_completes_and_expires(cluster: Cluster) -> None:
    """Two seconds of work, ten to live."""
    cluster.apply(changed(JOB, spec__ttlSecondsAfterFinished=10))
    cluster.step()
    cluster.later(2)
    found = cluster.get(JOB)
    assert found is not None
    assert [each["type"] for each in found["status"]["conditions"]] == [
        "SuccessCriteriaMet",
        "Complete",
    ]
    assert cluster.sandbox.due() == BEGIN + timedelta(seconds=12)
    cluster.later(9)
    assert cluster.get(JOB) is not None
    cluster.later(1)
    assert cluster.get(JOB) is None
    assert cluster.list(OF_KIND["Pod"]) == []


def test_a_job_that_crashes_too_often_fails(cluster: Cluster) -> None:
    """Its Pods are tried again up to the backoff limit."""
    container = {"name": "web", "image": "crash:1"}
    cluster.apply(changed(JOB, spec__template__spec__containers=[container], spec__backoffLimit=1))
    for _ in range(3):
        cluster.step()
        cluster.later(2)
    found = cluster.get(JOB)
    assert found is not None
    assert (found["status"]["failed"], found["status"]["conditions"][-1]["reason"]) == (
        2,
        "BackoffLimitExceeded",
    )


def test_a_suspended_job_waits(cluster: Cluster) -> None:
    """It runs when it is resumed."""
    cluster.apply(changed(JOB, spec__suspend=True))
    cluster.later(5)
    assert cluster.list(OF_KIND["Pod"]) == []
    cluster.apply(JOB)
    cluster.step()
    cluster.later(2)
    found = cluster.get(JOB)
    assert found is not None
    assert found["status"]["succeeded"] == 1


def test_owned_objects_go_with_their_owner(cluster: Cluster) -> None:
    """In the background after it, in the foreground before it, not at all as orphans."""
    for policy, left in (("Background", 0), ("Foreground", 0), ("Orphan", 1)):
        cluster.apply(DEPLOYMENT)
        cluster.step()
        cluster.delete(DEPLOYMENT, policy)
        assert (cluster.get(DEPLOYMENT) is None) is (policy == "Background")
        cluster.step()
        assert cluster.get(DEPLOYMENT) is None
        assert len(cluster.list(OF_KIND["ReplicaSet"])) == left


def test_a_claim_goes_when_no_pod_uses_it(cluster: Cluster) -> None:
    """Its protection holds it until then, and a volume's is taken at once: nothing is bound."""
    claim, volume = (cases.OF_KIND[f"PersistentVolume{end}"] for end in ("Claim", ""))
    mounted = {"name": "data", "persistentVolumeClaim": {"claimName": "web"}}
    pod = cases.changed(cases.OF_KIND["Pod"], spec__volumes=[mounted])
    for each in (claim, volume, pod):
        cluster.apply(each)
    for each in (claim, volume):
        cluster.delete(each)
    cluster.later(5)
    assert (cluster.get(claim) is None, cluster.get(volume)) == (False, None)
    cluster.delete(pod)
    cluster.later(60)
    assert cluster.get(claim) is None


def test_a_namespace_takes_everything_with_it(cluster: Cluster) -> None:
    """But waits for finalizers of others, and takes nothing new meanwhile."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cases.SPACE}}
    cluster.apply(DEPLOYMENT)
    cluster.apply(changed(CONFIG, metadata__finalizers=["example.com/hold"]))
    cluster.step()
    cluster.delete(space)
    code, refused = cluster.ask("POST", cases.path(CONFIG), changed(CONFIG, metadata__name="new"))
    assert (code, refused["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    cluster.step()
    assert cluster.list(OF_KIND["Pod"]) == []
    assert cluster.get(space) is not None
    cluster.ask("PATCH", cases.path(CONFIG, "web"), {"metadata": {"finalizers": None}}, cases.MERGE)
    cluster.step()
    assert cluster.get(space) is None


def test_a_definition_takes_its_objects_with_it(cluster: Cluster) -> None:
    """And its kind is served no more."""
    cluster.apply(GIFTS)
    assert cluster.get(cases.PRESENT) is None
    cluster.step()
    cluster.apply(changed(cases.PRESENT, spec={"size": 1}))
    cluster.delete(GIFTS)
    cluster.step()
    code, _ = cluster.ask("GET", cases.path(cases.PRESENT))
    assert (code, cluster.get(GIFTS)) == (404, None)


def test_at_rest_nothing_is_written(cluster: Cluster) -> None:
    """Steps without a reason change no version."""
    for each in cases.MINIMAL:
        cluster.apply(each)
    cluster.step()
    cluster.later(600)
    version = cluster.sandbox.world.store.version
    cluster.later(600)
    assert cluster.sandbox.world.store.version == version
