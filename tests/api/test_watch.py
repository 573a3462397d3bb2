"""Watches and the live state on the API server."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sandbox.conftest import MERGE, only_real

from agent.core.live import unpack
from agent.core.values import GroupKind, HealthStatus, Key, NamespaceFacts, Origin
from agent.edges.kube.discovery import Discovery
from agent.edges.kube.read import Reader
from agent.edges.kube.transport import connect
from agent.edges.kube.watch import Watches
from agent.runtime.live import LiveState
from agent.runtime.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from control_plane.server import ControlPlane
    from sandbox.conftest import Api

    from agent.edges.kube.seam import Transport
    from agent.runtime.records import Changed

MAPS = GroupKind("", "ConfigMap")


@pytest.fixture
def namespace(api: Api) -> str:
    """Give the test's own namespace."""
    return api.namespace


def watches(transport: Transport, instance: str) -> Watches:
    """Open watches of an instance."""
    return Watches(transport, Discovery(transport), instance)


@contextmanager
def live_state(
    transport: Transport, instance: str, on_change: Callable[[Changed], Any] = lambda _: None
) -> Iterator[LiveState]:
    """Watch ConfigMaps of an instance, known whole, and stop."""
    state = LiveState(watches(transport, instance).ours, on_change)
    try:
        state.ensure([MAPS])
        assert state.wait_for(lambda: state.synced([MAPS]), 30)
        yield state
    finally:
        assert state.stop()


def put(api: Api, name: str, value: str = "1") -> None:
    """Apply a ConfigMap as somebody else; a test's namespace is its instance too."""
    labels = {"tidegate.io/instance": api.namespace, "tidegate.io/package": "p"}
    body = api.config(name, metadata={"labels": labels}, data={"value": value})
    code, said = api.apply("configmaps", body, "somebody")
    assert code in (200, 201), said


def relabel(api: Api, name: str, instance: str | None) -> None:
    """Change the label that the watch selects by."""
    api.merge("configmaps", name, {"metadata": {"labels": {"tidegate.io/instance": instance}}})


def test_changes_by_others_arrive(api: Api, transport: Transport, namespace: str):
    """What was there before, what is made, changed and deleted."""
    key = Key("", "ConfigMap", namespace, "a")
    put(api, "a")
    with live_state(transport, namespace) as state:
        live = state.get(key)
        assert live is not None
        assert unpack(live)["data"] == {"value": "1"}
        assert (unpack(live)["apiVersion"], unpack(live)["kind"]) == ("v1", "ConfigMap")
        assert live.managers == ("somebody",)
        assert live.health.status is HealthStatus.CURRENT

        put(api, "a", "2")
        assert state.wait_for(lambda: state.get(key) != live, 30)

        api.delete("configmaps", "a")
        assert state.wait_for(lambda: not state.objects("p"), 30)


def test_a_removed_label_looks_like_a_deletion(api: Api, transport: Transport, namespace: str):
    """And the label that comes back like a creation."""
    key = Key("", "ConfigMap", namespace, "a")
    put(api, "a")
    with live_state(transport, namespace) as state:
        relabel(api, "a", None)
        assert state.wait_for(lambda: state.get(key) is None, 30)

        relabel(api, "a", namespace)
        assert state.wait_for(lambda: state.get(key) is not None, 30)


def test_a_list_of_many_pages_is_known_whole(api: Api, transport: Transport, namespace: str):
    """More objects than one page holds."""
    for number in range(501):
        put(api, f"a{number}")

    with live_state(transport, namespace) as state:
        assert len(state.objects("p")) == 501


def test_our_own_write_is_not_told_again(api: Api, transport: Transport, namespace: str):
    """The event of a version that the writer put in is no change."""
    changes: list[str] = []
    note = lambda change: changes.append(change.new.key.name if change.new else "")  # noqa: E731
    with live_state(transport, namespace, note) as state:
        put(api, "later")
        assert state.wait_for(lambda: bool(changes), 30)

        ours = Key("", "ConfigMap", namespace, "later")
        live = state.get(ours)
        assert live is not None
        state.put(live)
        put(api, "last")
        assert state.wait_for(lambda: "last" in changes, 30)

    assert changes == ["later", "last"]


@only_real
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


def test_a_watch_of_some_namespaces_sees_no_others(api: Api, transport: Transport, namespace: str):
    """Where the agent may not see the whole cluster."""
    other = "default"
    put(api, "a")
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
    api: Api, transport: Transport, namespace: str
):
    """From metadata alone."""
    around = Surroundings(watches(transport, namespace).all)
    try:
        around.ensure()
        assert around.wait_for(lambda: around.namespace(namespace).exists, 30)
        suspended = {"metadata": {"annotations": {"tidegate.io/suspend": "true"}}}
        api.ask("PATCH", f"/api/v1/namespaces/{namespace}", suspended, MERGE)
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


def test_a_reader_lists_what_a_watch_would_see(api: Api, transport: Transport, namespace: str):
    """For verbs that only look."""
    put(api, "a")
    reader = Reader(transport, Discovery(transport))
    with live_state(transport, namespace) as state:
        listed = list(reader.list(MAPS, selector=f"tidegate.io/instance={namespace}"))

        assert {live.key: live for live in listed} == state.objects("p")
