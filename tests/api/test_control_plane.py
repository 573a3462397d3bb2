"""The test control plane is a real one, and answers as the design relies on."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from control_plane.client import Answer, Object
    from control_plane.server import ControlPlane

pytestmark = pytest.mark.real


def test_version_1_creates_an_absent_object_only(
    control_plane: ControlPlane, namespace: str
) -> None:
    """An apply with resourceVersion "1" can create, and can never overwrite."""
    answers = [_apply(control_plane, namespace, resourceVersion="1") for _ in range(2)]
    assert [answer.code for answer in answers] == [201, 409]


def test_apply_with_a_uid_never_creates(control_plane: ControlPlane, namespace: str) -> None:
    """An apply that names a uid answers 409 when that object is gone."""
    answer = _apply(control_plane, namespace, uid="00000000-0000-0000-0000-000000000000")
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert "uid mismatch" in answer.body["message"]


def test_apply_that_changes_nothing_keeps_the_version(
    control_plane: ControlPlane, namespace: str
) -> None:
    """The same apply twice is one version of the object."""
    first, second = (_apply(control_plane, namespace) for _ in range(2))
    assert (first.code, second.code) == (201, 200)
    assert _version(first) == _version(second)


def test_emoji_as_surrogate_pair_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    """Apply bodies are read as YAML, which knows no surrogate pairs: 😀 must not be escaped."""
    body = '{"apiVersion": "v1", "kind": "ConfigMap", "data": {"face": "\\ud83d\\ude00"}}'
    answer = control_plane.client().apply(_path(namespace), body)
    assert answer.code == 400
    assert "error decoding YAML" in answer.body["message"]


def test_job_template_is_immutable(control_plane: ControlPlane, namespace: str) -> None:
    """A Job with another image is 422 with one cause that names the field."""
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/once"
    client = control_plane.client()
    assert client.apply(path, _job("once", image="one")).code == 201
    answer = client.apply(path, _job("once", image="two"), query="dryRun=All")
    causes = [(each["reason"], each["field"]) for each in answer.body["details"]["causes"]]
    assert (answer.code, causes) == (422, [("FieldValueInvalid", "spec.template")])


def test_audit_tells_each_request(control_plane: ControlPlane, namespace: str) -> None:
    """The audit log holds who asked what, and whether it was a dry run."""
    marker = control_plane.marker()
    token = control_plane.user("alice", "team-a")
    client = control_plane.client(token=token, user_agent="tidegate/test")
    client.get(_path(namespace))
    client.apply(_path(namespace), _config_map(), query="dryRun=All")
    seen = control_plane.audit(marker, namespace=namespace)
    assert [
        (each.verb, each.resource, each.name, each.code, each.user, each.dry_run) for each in seen
    ] == [
        ("get", "configmaps", "a", 403, "alice", False),
        ("patch", "configmaps", "a", 403, "alice", True),
    ]


def test_audit_tells_a_watch_when_it_starts(control_plane: ControlPlane, namespace: str) -> None:
    """A watch that still runs is in the log."""
    marker = control_plane.marker()
    client = control_plane.client(user_agent="tidegate/test")
    with client.watch(f"/api/v1/namespaces/{namespace}/configmaps?watch=true") as watch:
        _apply(control_plane, namespace)
        assert next(watch.events())["object"]["metadata"]["name"] == "a"
        seen = control_plane.audit(marker, namespace=namespace)
    assert [(each.verb, each.code) for each in seen] == [("watch", 200)]


def test_groups_of_minted_users_reach_rbac(
    control_plane: ControlPlane, namespace: str, kubectl: Callable[..., str]
) -> None:
    """A role bound to a group lets its members in, and nobody else."""
    kubectl("create", "role", "r", "--verb=list", "--resource=configmaps", "-n", namespace)
    kubectl("create", "rolebinding", "b", "--role=r", "--group=team-b", "-n", namespace)
    path = _path(namespace).rpartition("/")[0]
    readers = control_plane.client("bob", "team-b"), control_plane.client("carl", "team-c")
    assert [reader.get(path).code for reader in readers] == [200, 403]


def test_service_account_tokens(
    control_plane: ControlPlane, namespace: str, kubectl: Callable[..., str]
) -> None:
    """TokenRequest gives tokens that the server accepts."""
    kubectl("create", "serviceaccount", "robot", "-n", namespace)
    token = kubectl("create", "token", "robot", "-n", namespace).strip()
    config = control_plane.kubeconfig(token=token)
    who = kubectl("auth", "whoami", "-o=jsonpath={.status.userInfo.username}", kubeconfig=config)
    assert who == f"system:serviceaccount:{namespace}:robot"


def test_version_is_stamped(kubectl: Callable[..., str]) -> None:
    """Charts ask for capabilities by version; a build without the stamp would say 0.0.0."""
    assert '"gitVersion": "v0.0.0' not in kubectl("get", "--raw=/version")


@pytest.mark.usefixtures("controllers")
def test_workloads_become_ready(
    control_plane: ControlPlane, namespace: str, kubectl: Callable[..., str]
) -> None:
    """Controllers make pods, the stand-in for nodes makes them ready."""
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        path = f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s/web"
        assert control_plane.client().apply(path, _workload(kind)).code == 201
        kubectl("rollout", "status", f"{kind}/web", "--timeout=60s", "-n", namespace)


@pytest.mark.usefixtures("controllers")
def test_job_outcomes(control_plane: ControlPlane, namespace: str) -> None:
    """A Job completes, fails or runs on as its pods' `test/outcome` says."""
    client = control_plane.client()
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    for name, outcome in (("good", ""), ("bad", "fail"), ("held", "hold")):
        assert client.apply(f"{jobs}/{name}", _job(name, outcome=outcome)).code == 201
    client.wait_for(f"{jobs}/good", lambda job: _has(job, "Complete"))
    client.wait_for(f"{jobs}/bad", lambda job: _has(job, "Failed"))
    client.wait_for(f"{jobs}/held", lambda job: _status(job).get("active") == 1)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    held = client.get(f"{pods}?labelSelector=batch.kubernetes.io/job-name%3Dheld").body["items"]
    path = f"{pods}/{held[0]['metadata']['name']}"
    client.merge(path, {"metadata": {"annotations": {"test/outcome": None}}})
    client.wait_for(f"{jobs}/held", lambda job: _has(job, "Complete"))


def test_controllers_wait_for_tests_that_play_them(control_plane: ControlPlane) -> None:
    """No controller manager starts while a test does the controllers' part; others may do so."""
    with (
        (control_plane.folder / "controller-manager.lock").open("w") as lock,
        control_plane.without_controllers(),
        control_plane.without_controllers(),
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.usefixtures("controllers")
def test_namespace_goes_away(
    control_plane: ControlPlane, namespace: str, kubectl: Callable[..., str]
) -> None:
    """With controllers a deleted namespace ends, its pods with it."""
    kubectl("create", "deployment", "web", "--image=web", "-n", namespace)
    kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=60s", "-n", namespace)
    kubectl("delete", "namespace", namespace, "--wait=false")
    gone = control_plane.client().wait_for(
        f"/api/v1/namespaces/{namespace}", lambda found: found is None
    )
    assert gone is None


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps/a"


def _config_map(**metadata: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}}


def _apply(control_plane: ControlPlane, namespace: str, **metadata: str) -> Answer:
    return control_plane.client().apply(_path(namespace), _config_map(**metadata))


def _version(answer: Answer) -> str:
    return str(answer.body["metadata"]["resourceVersion"])


def _job(name: str, image: str = "one", outcome: str = "") -> Object:
    template = {
        "metadata": {"annotations": {"test/outcome": outcome}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]},
    }
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _workload(kind: str) -> Object:
    labels = {"app": kind}
    pod = {"containers": [{"name": "main", "image": "web"}]}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
        **({"serviceName": "web"} if kind == "StatefulSet" else {}),
    }
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def _status(found: Object | None) -> dict[str, Any]:
    status: dict[str, Any] = (found or {}).get("status", {})
    return status


def _has(found: Object | None, condition: str) -> bool:
    return (condition, "True") in [
        (each["type"], each["status"]) for each in _status(found).get("conditions", ())
    ]
