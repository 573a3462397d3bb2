"""The API server takes what the writer sends, and refuses as the writer expects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from real_writer import NOW, Desk, at_desk
from sandbox.conftest import only_real

from agent.core.identity import package_label
from agent.core.kinds.crd import crd
from agent.core.live import unpack
from agent.core.values import (
    Adopt,
    Apply,
    Delete,
    FieldCause,
    Inventory,
    Key,
    PackageName,
    Remember,
    Root,
    Transition,
    WasApplied,
    WasDeleted,
    WasRefused,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from control_plane.server import ControlPlane
    from sandbox.conftest import Api

    from agent.core.values import Live


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
PACKAGES = "tidegate.io/v1alpha1/packages"


@pytest.fixture
def namespace(api: Api) -> str:
    """Give the test's own namespace."""
    return api.namespace


@pytest.fixture
def agent(api: Api) -> Iterator[Desk]:
    """Give a writer whose memory is in the test's own namespace."""
    with at_desk(api.open("tidegate/0 (test)"), api.namespace) as found:
        yield found


def _key(namespace: str, name: str = "web", kind: str = "ConfigMap", group: str = "") -> Key:
    return Key(group, kind, namespace, name)


def _apply(key: Key, data: dict[str, str], uid: str = "", version: str = "") -> Apply:
    metadata = {"name": key.name, "namespace": key.namespace}
    body = {"apiVersion": "v1", "kind": key.kind, "metadata": metadata, "data": data}
    return Apply(key, body, "d", uid, version)


def _package(namespace: str) -> PackageName:
    return PackageName(namespace, "payments")


def _create(agent: Desk, key: Key, **data: str) -> Live:
    (outcome,) = agent.perform(_package(key.namespace), _apply(key, data or {"a": "1"}))
    assert isinstance(outcome, WasApplied)
    return outcome.live


def _refused(agent: Desk, key: Key, effect: Apply | Delete | Adopt) -> tuple[int, str]:
    (outcome,) = agent.perform(_package(key.namespace), effect)
    assert isinstance(outcome, WasRefused)
    return outcome.says.code, outcome.says.reason


def test_an_object_is_created_once(agent: Desk, namespace: str) -> None:
    """What exists is refused, whoever made it."""
    key = _key(namespace)
    live = _create(agent, key)
    assert unpack(live)["data"] == {"a": "1"}
    assert _refused(agent, key, _apply(key, {"a": "2"})) == (409, "AlreadyExists")


def test_an_update_of_another_object_is_refused(agent: Desk, namespace: str) -> None:
    """The uid is not the one that was seen."""
    key = _key(namespace)
    live = _create(agent, key)
    other = _apply(key, {"a": "2"}, uid="00000000-0000-0000-0000-000000000000")
    assert _refused(agent, key, other) == (409, "Conflict")
    (outcome,) = agent.perform(_package(namespace), _apply(key, {"a": "2"}, uid=live.uid))
    assert isinstance(outcome, WasApplied)
    assert unpack(outcome.live)["data"] == {"a": "2"}


def test_an_update_of_another_version_is_refused(agent: Desk, namespace: str) -> None:
    """A decision that rests on content is void when the content changed."""
    key = _key(namespace)
    live = _create(agent, key)
    agent.perform(_package(namespace), _apply(key, {"a": "2"}, uid=live.uid))
    stale = _apply(key, {"a": "3"}, live.uid, live.version)
    assert _refused(agent, key, stale) == (409, "Conflict")


def test_text_that_yaml_parsers_mangle_arrives_unchanged(agent: Desk, namespace: str) -> None:
    """Apply bodies are read as YAML: emoji, controls and separators survive it."""
    text = "😀 \x7f \x85 \u2028 \ufeff tab\t"
    assert unpack(_create(agent, _key(namespace), a=text))["data"] == {"a": text}


def _job(namespace: str, image: str, uid: str = "") -> Apply:
    container = {"name": "c", "image": image, "env": [{"name": "PASSWORD", "value": "hunter2"}]}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate", "namespace": namespace},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    return Apply(_key(namespace, "migrate", "Job", "batch"), body, "d", uid)


def test_an_immutable_job_is_refused_with_its_causes_and_no_secret(
    agent: Desk, namespace: str
) -> None:
    """The server's message prints the pod template, passwords included; ours does not."""
    (created,) = agent.perform(_package(namespace), _job(namespace, "one"))
    assert isinstance(created, WasApplied)
    (outcome,) = agent.perform(_package(namespace), _job(namespace, "two", created.live.uid))
    assert isinstance(outcome, WasRefused)
    assert outcome.says.code == 422
    assert outcome.says.causes == (
        FieldCause("FieldValueInvalid", "spec.template", "field is immutable"),
    )
    assert "hunter2" not in repr(outcome)


def test_a_field_that_the_schema_lacks_is_refused(agent: Desk, namespace: str) -> None:
    """A typing error is told, not ignored and not retried for ever."""
    key = _key(namespace)
    effect = _apply(key, {})
    typo = Apply(key, {**effect.body, "dataa": {"a": "1"}}, "d")
    (outcome,) = agent.perform(_package(namespace), typo)
    assert isinstance(outcome, WasRefused)
    assert ".dataa: field not declared in schema" in outcome.says.message


def test_a_deletion_needs_the_object_that_was_seen(agent: Desk, namespace: str) -> None:
    """Another uid or version is a conflict; the right ones delete, and twice is as good as once."""
    key = _key(namespace)
    live = _create(agent, key)
    wrong = "00000000-0000-0000-0000-000000000000"
    assert _refused(agent, key, Delete(key, wrong, live.version)) == (409, "Conflict")
    assert _refused(agent, key, Delete(key, live.uid, "1")) == (409, "Conflict")
    right = Delete(key, live.uid, live.version)
    for _ in range(2):
        assert agent.perform(_package(namespace), right) == (WasDeleted(key, live.uid),)


def test_adoption_takes_over_what_kubectl_applied(agent: Desk, api: Api) -> None:
    """A field that Git does not have is gone after it, and kubectl owns nothing any more."""
    key = _key(api.namespace)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1", "old": "2"}}
    metadata = {"name": "web", "annotations": {LAST_APPLIED: json.dumps(body)}}
    manager = "kubectl-client-side-apply"  # the request that `kubectl apply` sends
    found = api.create("configmaps", {**body, "metadata": metadata}, manager)
    uid, version = found["metadata"]["uid"], found["metadata"]["resourceVersion"]
    adopted, applied = agent.perform(
        _package(api.namespace),
        Adopt(key, uid, version, (manager,)),
        _apply(key, {"a": "1"}, uid, version),
    )
    assert isinstance(adopted, WasApplied)
    assert isinstance(applied, WasApplied)
    live = unpack(applied.live)
    assert (live["data"], applied.live.managers) == ({"a": "1"}, ("tidegate",))
    assert "annotations" not in live["metadata"]


def test_an_adoption_loses_against_a_change_in_between(agent: Desk, api: Api) -> None:
    """The patch itself carries the version that was read."""
    live = api.create("configmaps", api.config(data={"a": "1"}), "kubectl-create")
    key = _key(api.namespace)
    original = agent.transport.send

    def change_first(request: Any) -> Any:
        if request.method == "PATCH":
            api.merge("configmaps", "web", {"metadata": {"labels": {"changed": "now"}}})
        return original(request)

    agent.sender._transport = type("Racing", (), {"send": staticmethod(change_first)})()
    effect = Adopt(
        key, live["metadata"]["uid"], live["metadata"]["resourceVersion"], ("kubectl-create",)
    )
    assert _refused(agent, key, effect) == (409, "Conflict")


@only_real
def test_writes_act_as_the_service_account(
    agent: Desk, control_plane: ControlPlane, namespace: str
) -> None:
    """Without rights of its own the package writes nothing, whatever the agent may do."""
    user = f"system:serviceaccount:{namespace}:deployer"
    since = control_plane.marker()
    (outcome,) = agent.perform(
        _package(namespace), _apply(_key(namespace), {"a": "1"}), impersonate=user
    )
    assert isinstance(outcome, WasRefused)
    assert (outcome.says.code, outcome.says.reason) == (403, "Forbidden")
    (request,) = control_plane.audit(since, namespace=namespace)
    assert (request.verb, request.user, request.code) == ("patch", user, 403)


@only_real
def test_the_audit_log_shows_exactly_the_planned_writes(
    agent: Desk, control_plane: ControlPlane, namespace: str
) -> None:
    """One request per effect, the inventory first; nothing is read, nothing is sent twice."""
    package = _package(namespace)
    agent.writer._paths(_key(namespace), "v1")  # discovery is asked once per run
    since = control_plane.marker()
    keys = [_key(namespace, name) for name in ("a", "b", "c")]
    effects = [Remember(Inventory(package)), *(_apply(key, {"a": "1"}) for key in keys)]
    outcomes = agent.perform(package, *effects)
    assert all(isinstance(outcome, WasApplied) for outcome in outcomes)
    first, *rest = [
        (request.verb, request.resource, request.name, request.code)
        for request in control_plane.audit(since, namespace=namespace)
    ]
    label = package_label("default", "prod-1", package)
    assert first == ("create", "configmaps", f"tidegate-inventory-{label}-0", 201)
    assert sorted(rest) == [("patch", "configmaps", name, 201) for name in ("a", "b", "c")]


# --- telling -----------------------------------------------------------------------------------


def _declared(package: PackageName, path: str) -> dict[str, Any]:
    return {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "Package",
        "metadata": {"name": package.name, "namespace": package.namespace, "labels": {"t": "b"}},
        "spec": {"source": {"path": path}},
    }


def _tell_first(agent: Desk, package: PackageName) -> Root:
    assert agent.groundwork.ensure_crd(crd(), _pause) == ""
    root, problem = agent.teller.declare(package, _declared(package, "a"), None)
    assert problem == ""
    assert root is not None
    return root


def _pause(seconds: float) -> None:
    import threading  # noqa: PLC0415

    threading.Event().wait(seconds)


def test_a_package_is_declared_once(agent: Desk, namespace: str) -> None:
    """At rest nothing is sent; a changed declaration is one request."""
    package = _package(namespace)
    root = _tell_first(agent, package)
    agent.transport.sent.clear()
    assert agent.teller.declare(package, _declared(package, "a"), root) == (root, "")
    assert agent.transport.sent == []
    changed, _ = agent.teller.declare(package, _declared(package, "b"), root)
    assert changed is not None
    assert changed.spec == {"source": {"path": "b"}}


def test_status_and_events_tell_each_thing_once(agent: Desk, api: Api) -> None:
    """Also after a restart: an event's name is made of its transition."""
    package = _package(api.namespace)
    root = _tell_first(agent, package)
    failed = Transition(3, NOW, "Progressing", "Failed", "ApplyFailed", "0123456789abcdef")
    for _ in range(2):
        assert agent.teller.tell(package, root, {"state": "Failed"}, [failed]) == ()
        agent.teller._status.clear()
    live = api.get(PACKAGES, "payments")
    assert live["status"] == {"state": "Failed"}
    events = [api.get("events", name) for name in api.names("events")]
    assert [(event["reason"], event["type"], event["message"]) for event in events] == [
        ("ApplyFailed", "Warning", "Progressing → Failed, at 0123456789ab")
    ]


def test_a_retired_package_is_deleted(agent: Desk, api: Api) -> None:
    """No finalizer holds it."""
    package = _package(api.namespace)
    root = _tell_first(agent, package)
    assert agent.teller.retire(package, root) == ""
    assert api.names(PACKAGES) == []
    assert agent.teller.retire(package, root) == ""


def test_the_namespace_of_the_agent_is_made_where_it_is_missing(api: Api) -> None:
    """Twice is as good as once."""
    missing = f"{api.namespace}-agent"
    with at_desk(api.transport, missing) as agent:
        for _ in range(2):
            assert agent.groundwork.ensure_namespace() == ""
    assert api.ask("GET", f"/api/v1/namespaces/{missing}")[0] == 200
