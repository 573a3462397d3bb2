"""Watches and the live state on a real API server."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agent.core.live import unpack
from agent.core.values import GroupKind, HealthStatus, Key, NamespaceFacts, Origin
from agent.edges.kube.discovery import Discovery
from agent.edges.kube.read import Reader
from agent.edges.kube.transport import HttpTransport, connect
from agent.edges.kube.watch import Watches
from agent.runtime.live import LiveState
from agent.runtime.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from control_plane.server import ControlPlane

    from agent.runtime.records import Changed

MAPS = GroupKind("", "ConfigMap")


@pytest.fixture
def transport(control_plane: ControlPlane) -> Iterator[HttpTransport]:
    """Give a transport as admin."""
    with closing(connect(str(control_plane.kubeconfig()), None, "tidegate/0.1 (watch)")) as opened:
        yield opened


def watches(transport: HttpTransport, instance: str) -> Watches:
    """Open watches of an instance."""
    return Watches(transport, Discovery(transport), instance)


@contextmanager
def live_state(
    transport: HttpTransport, instance: str, on_change: Callable[[Changed], Any] = lambda _: None
) -> Iterator[LiveState]:
    """Watch ConfigMaps of an instance, known whole, and stop."""
    state = LiveState(watches(transport, instance).ours, on_change)
    try:
        state.ensure([MAPS])
        assert state.wait_for(lambda: state.synced([MAPS]), 30)
        yield state
    finally:
        assert state.stop()


def config(name: str, namespace: str, value: str = "1") -> str:
    """Write a ConfigMap; a test's namespace is its instance too."""
    return f"""
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {namespace}
  labels: {{tidegate.io/instance: {namespace}, tidegate.io/package: p}}
data: {{value: "{value}"}}
"""


def test_changes_by_others_arrive(
    transport: HttpTransport, namespace: str, kubectl: Callable[..., str]
):
    """What was there before, what is made, changed and deleted."""
    key = Key("", "ConfigMap", namespace, "a")
    kubectl("apply", "-f", "-", stdin=config("a", namespace))
    with live_state(transport, namespace) as state:
        live = state.get(key)
        assert live is not None
        assert unpack(live)["data"] == {"value": "1"}
        assert (unpack(live)["apiVersion"], unpack(live)["kind"]) == ("v1", "ConfigMap")
        assert live.managers == ("kubectl-client-side-apply",)
        assert live.health.status is HealthStatus.CURRENT

        kubectl("apply", "-f", "-", stdin=config("a", namespace, "2"))
        assert state.wait_for(lambda: state.get(key) != live, 30)

        kubectl("delete", "configmap", "a", "-n", namespace)
        assert state.wait_for(lambda: not state.objects("p"), 30)


def test_a_removed_label_looks_like_a_deletion(
    transport: HttpTransport, namespace: str, kubectl: Callable[..., str]
):
    """And the label that comes back like a creation."""
    key = Key("", "ConfigMap", namespace, "a")
    kubectl("apply", "-f", "-", stdin=config("a", namespace))
    label = ("label", "configmap", "a", "-n", namespace)
    with live_state(transport, namespace) as state:
        kubectl(*label, "tidegate.io/instance-")
        assert state.wait_for(lambda: state.get(key) is None, 30)

        kubectl(*label, f"tidegate.io/instance={namespace}")
        assert state.wait_for(lambda: state.get(key) is not None, 30)


def test_a_list_of_many_pages_is_known_whole(
    transport: HttpTransport, namespace: str, kubectl: Callable[..., str]
):
    """More objects than one page holds."""
    many = "---".join(config(f"a{number}", namespace) for number in range(501))
    kubectl("create", "-f", "-", stdin=many)

    with live_state(transport, namespace) as state:
        assert len(state.objects("p")) == 501


def test_our_own_write_is_not_told_again(
    transport: HttpTransport, namespace: str, kubectl: Callable[..., str]
):
    """The event of a version that the writer put in is no change."""
    changes: list[str] = []
    note = lambda change: changes.append(change.new.key.name if change.new else "")  # noqa: E731
    with live_state(transport, namespace, note) as state:
        kubectl("apply", "-f", "-", stdin=config("later", namespace))
        assert state.wait_for(lambda: bool(changes), 30)

        ours = Key("", "ConfigMap", namespace, "later")
        live = state.get(ours)
        assert live is not None
        state.put(live)
        kubectl("apply", "-f", "-", stdin=config("last", namespace))
        assert state.wait_for(lambda: "last" in changes, 30)

    assert changes == ["later", "last"]


def test_what_is_forbidden_is_a_problem(control_plane: ControlPlane, namespace: str):
    """And is not synced, so nothing is decided on it."""
    config = str(control_plane.kubeconfig("nobody"))
    admin = connect(str(control_plane.kubeconfig()), None, "tidegate/0.1 (watch)")
    with closing(connect(config, None, "tidegate/0.1 (watch)")) as transport, closing(admin):
        state = LiveState(Watches(transport, Discovery(admin), namespace).ours)
        state.ensure([MAPS])
        try:
            assert state.wait_for(lambda: bool(state.problems()), 30)
            assert "403 Forbidden" in state.problems()["configmaps"]
            assert not state.synced([MAPS])
        finally:
            assert state.stop()


def test_a_watch_of_some_namespaces_sees_no_others(
    control_plane: ControlPlane, transport: HttpTransport, namespace: str
):
    """Where the agent may not see the whole cluster."""
    other = "default"
    control_plane.kubectl("apply", "-f", "-", stdin=config("a", namespace))
    state = LiveState(Watches(transport, Discovery(transport), namespace, (namespace, other)).ours)
    try:
        state.ensure([MAPS])
        assert state.wait_for(lambda: state.synced([MAPS]), 30)
        names = {each.name for each in threading.enumerate()}
        assert {f"watch configmaps in {namespace}", "watch configmaps in default"} <= names
        assert list(state.objects("p")) == [Key("", "ConfigMap", namespace, "a")]
    finally:
        assert state.stop()


def test_namespaces_are_seen_with_the_time_of_their_annotations(
    transport: HttpTransport, namespace: str, kubectl: Callable[..., str]
):
    """From metadata alone."""
    around = Surroundings(watches(transport, namespace).all)
    try:
        around.ensure()
        assert around.wait_for(lambda: around.namespace(namespace).exists, 30)
        kubectl("annotate", "namespace", namespace, "tidegate.io/suspend=true")
        assert around.wait_for(lambda: bool(around.namespace(namespace).annotations), 30)
        found = around.namespace(namespace)
        assert found == NamespaceFacts(
            namespace,
            exists=True,
            labels={"kubernetes.io/metadata.name": namespace},
            annotations={"tidegate.io/suspend": "true"},
            since=found.since,
            origin=Origin(object=f"Namespace {namespace}"),
        )
        assert list(found.since) == ["tidegate.io/suspend"]
    finally:
        assert around.stop()


def test_a_reader_lists_what_a_watch_would_see(
    transport: HttpTransport, namespace: str, kubectl: Callable[..., str]
):
    """For verbs that only look."""
    kubectl("apply", "-f", "-", stdin=config("a", namespace))
    reader = Reader(transport, Discovery(transport))
    with live_state(transport, namespace) as state:
        listed = list(reader.list(MAPS, selector=f"tidegate.io/instance={namespace}"))

        assert {live.key: live for live in listed} == state.objects("p")
