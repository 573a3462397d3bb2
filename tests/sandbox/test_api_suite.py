"""What the agent relies on, asked of the sandbox in process, over HTTP, and of a real server.

Where they differ the sandbox is wrong.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from real_writer import Desk, at_desk
from sandbox import cases

from agent.core.live import unpack
from agent.core.values import (
    Accepted,
    Adopt,
    Apply,
    Ask,
    Delete,
    FieldCause,
    GroupKind,
    Inventory,
    Key,
    NotThere,
    PackageName,
    Question,
    Rejected,
    Remember,
    WasApplied,
    WasDeleted,
    WasRefused,
)
from agent.edges.kube.discovery import Discovery, server_version
from agent.edges.kube.failures import RefusedError
from agent.edges.kube.openapi import Schemas
from agent.edges.kube.read import Reader
from agent.edges.kube.seam import Request
from agent.edges.kube.watch import Watches
from agent.runtime.live import LiveState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.conftest import Api

    from agent.core.values import Outcome, Says

OTHER_UID = "00000000-0000-0000-0000-000000000000"
MAPS = GroupKind("", "ConfigMap")


def key(api: Api, name: str = "web", kind: str = "ConfigMap", group: str = "") -> Key:
    """Name an object of the test's namespace."""
    return Key(group, kind, api.namespace, name)


# --- discovery -----------------------------------------------------------------------------------


def test_the_same_kinds_are_found_in_both_forms(api: Api) -> None:
    """Aggregated discovery says what the plain form says, of all that the sandbox serves."""
    kinds = Discovery(api.transport).kinds()
    for each in cases.MINIMAL:
        group, _, version = each["apiVersion"].rpartition("/")
        info = kinds[GroupKind(group, each["kind"])]
        assert version in info.versions
        assert info.namespaced is (each["kind"] not in cases.CLUSTER_SCOPED)
        assert GroupKind(group, each["kind"]) in kinds.watchable
        code, listed = api.ask("GET", f"{cases.PREFIXES[each['apiVersion']]}")
        assert code == 200
        assert each["kind"] in {one["kind"] for one in listed["resources"]}


def test_schemas_tell_lists_apart(api: Api, tmp_path: Path) -> None:
    """Ports of a Service are keyed by port and protocol, wherever one asks."""
    node = Schemas(api.transport, tmp_path).node("v1", "Service")
    assert node is not None
    rule = node.at("spec").at("ports").list
    assert rule is not None
    assert rule.keys == ("port", "protocol")


def test_the_sandbox_never_passes_for_a_real_server(api: Api) -> None:
    """Its version says what it is."""
    said = server_version(api.transport)
    assert said == ("v1.36.3" if api.kind == "real" else "v1.36.3+sandbox")


# --- the writer ----------------------------------------------------------------------------------


@pytest.fixture
def desk(api: Api) -> Iterator[Desk]:
    """Give a writer whose memory is in the test's namespace."""
    with at_desk(api.transport, api.namespace) as found:
        yield found


def write(api: Api, desk: Desk, *effects: Any) -> tuple[Outcome, ...]:
    """Perform effects of a package in the namespace."""
    return desk.perform(PackageName(api.namespace, "payments"), *effects)


def config(api: Api, value: str, uid: str = "", version: str = "") -> Apply:
    """Apply a ConfigMap."""
    return Apply(key(api), api.config(data={"a": value}), "d", uid, version)


def refusal(outcomes: tuple[Outcome, ...]) -> tuple[int, str]:
    """Give code and reason of the one refusal."""
    (found,) = outcomes
    assert isinstance(found, WasRefused), found
    return found.says.code, found.says.reason


def test_creating_never_takes_what_exists(api: Api, desk: Desk) -> None:
    """The second creation is refused, and so are other uids and older versions."""
    (first,) = write(api, desk, config(api, "1"))
    assert isinstance(first, WasApplied)
    assert refusal(write(api, desk, config(api, "2"))) == (409, "AlreadyExists")
    assert refusal(write(api, desk, config(api, "2", OTHER_UID))) == (409, "Conflict")
    (second,) = write(api, desk, config(api, "2", first.live.uid, first.live.version))
    assert isinstance(second, WasApplied)
    assert unpack(second.live)["data"] == {"a": "2"}
    stale = config(api, "3", first.live.uid, first.live.version)
    assert refusal(write(api, desk, stale)) == (409, "Conflict")


def test_applying_the_same_changes_nothing(api: Api, desk: Desk) -> None:
    """Not even the version."""
    (first,) = write(api, desk, config(api, "1"))
    assert isinstance(first, WasApplied)
    (again,) = write(api, desk, config(api, "1", first.live.uid))
    assert isinstance(again, WasApplied)
    assert again.live.version == first.live.version


def test_a_deletion_needs_what_was_seen(api: Api, desk: Desk) -> None:
    """Wrong preconditions are conflicts; twice is as good as once."""
    (made,) = write(api, desk, config(api, "1"))
    assert isinstance(made, WasApplied)
    live = made.live
    assert refusal(write(api, desk, Delete(live.key, OTHER_UID, live.version)))[0] == 409
    assert refusal(write(api, desk, Delete(live.key, live.uid, "1")))[0] == 409
    right = Delete(live.key, live.uid, live.version)
    for _ in range(2):
        assert write(api, desk, right) == (WasDeleted(live.key, live.uid),)


def test_adoption_folds_in_what_others_set(api: Api, desk: Desk) -> None:
    """A JSON patch of managedFields gives their fields to us, and the next apply removes them."""
    body = api.config(data={"a": "1", "old": "2"})
    code, made = api.ask("POST", api.path("configmaps"), body, fieldManager="kubectl-create")
    assert code == 201
    uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    _, applied = write(
        api,
        desk,
        Adopt(key(api), uid, version, ("kubectl-create",)),
        config(api, "1", uid, version),
    )
    assert isinstance(applied, WasApplied)
    assert (unpack(applied.live)["data"], applied.live.managers) == ({"a": "1"}, ("tidegate",))


def test_what_is_remembered_is_read_again(api: Api, desk: Desk) -> None:
    """Inventories survive, are replaced by version, and are forgotten whole."""
    package = PackageName(api.namespace, "payments")
    assert write(api, desk, Remember(Inventory(package)), config(api, "1"))
    assert desk.notebook.load_all()[package] == Inventory(package)
    assert desk.notebook.forget(package) is not None
    assert desk.notebook.load(package) is None


# --- questions -----------------------------------------------------------------------------------


def ask(api: Api, question: Ask, body: dict[str, Any], uid: str = "") -> Says:
    """Ask one question."""
    group = body["apiVersion"].rpartition("/")[0]
    about = Key(group, body["kind"], api.namespace, body["metadata"]["name"])
    reader = Reader(api.transport, Discovery(api.transport))
    (answer,) = reader.ask([Question(about, question, "sha256:d", body, uid)])
    return answer.says


def test_a_dry_run_makes_nothing(api: Api) -> None:
    """It is accepted, and there is still nothing."""
    assert ask(api, Ask.APPLY, api.config(data={"a": "😀\x85"})) == Accepted()
    assert ask(api, Ask.READ, api.config()) == NotThere()


def test_an_immutable_job_says_why_and_how_else(api: Api) -> None:
    """The cause without the template; another Job of that content would be valid on its own."""
    code, made = api.ask("POST", api.path("batch/v1/jobs"), cases.JOB)
    assert code == 201
    other = cases.changed(
        cases.JOB, spec__template__spec__containers=[{"name": "web", "image": "web:2"}]
    )
    reason = "field is immutable"
    assert ask(api, Ask.APPLY, other, made["metadata"]["uid"]) == Rejected(
        422,
        "Invalid",
        f'Job "web": spec.template: {reason}',
        (FieldCause("FieldValueInvalid", "spec.template", reason),),
    )
    assert ask(api, Ask.CREATE, other) == Accepted()


@pytest.mark.parametrize("parts", [{"dats": {"a": "b"}}, {"data": "text"}])
def test_what_does_not_fit_the_schema_is_rejected(api: Api, parts: dict[str, Any]) -> None:
    """An unknown field, a value of another type."""
    assert isinstance(ask(api, Ask.APPLY, api.config(**parts)), Rejected)


def test_a_live_service_can_be_tried_under_another_name(api: Api) -> None:
    """Its address and ports are left out."""
    body = cases.changed(cases.SERVICE, spec__type="NodePort")
    code, live = api.ask("POST", api.path("services"), body)
    assert code == 201
    assert ask(api, Ask.CREATE, live) == Accepted()


# --- lists and watches ---------------------------------------------------------------------------


@contextmanager
def watched(api: Api) -> Iterator[LiveState]:
    """Watch the ConfigMaps of an instance named like the namespace."""
    watches = Watches(api.transport, Discovery(api.transport), api.namespace)
    state = LiveState(watches.ours, lambda _: None)
    try:
        state.ensure([MAPS])
        assert state.wait_for(lambda: state.synced([MAPS]), 30)
        yield state
    finally:
        assert state.stop()


def labelled(api: Api, name: str = "web", value: str = "1") -> dict[str, Any]:
    """Write a ConfigMap of that instance."""
    labels = {"tidegate.io/instance": api.namespace, "tidegate.io/package": "p"}
    return api.config(name, metadata={"labels": labels}, data={"value": value})


def test_changes_arrive_in_a_watch(api: Api) -> None:
    """What was there, what is changed, what loses its label, what is deleted."""
    api.apply("configmaps", labelled(api))
    with watched(api) as state:
        first = state.get(key(api))
        assert first is not None
        api.apply("configmaps", labelled(api, value="2"))
        assert state.wait_for(lambda: state.get(key(api)) not in (None, first), 30)
        api.merge("configmaps", "web", {"metadata": {"labels": {"tidegate.io/instance": None}}})
        assert state.wait_for(lambda: state.get(key(api)) is None, 30)
        api.apply("configmaps", labelled(api), force="true")
        assert state.wait_for(lambda: state.get(key(api)) is not None, 30)
        api.ask("DELETE", api.path("configmaps", "web"))
        assert state.wait_for(lambda: state.get(key(api)) is None, 30)


def test_a_list_comes_in_pages_of_one_version(api: Api) -> None:
    """What is made meanwhile is not in it."""
    for number in range(5):
        api.apply("configmaps", labelled(api, f"web-{number}"))
    selector = f"tidegate.io/instance={api.namespace}"
    code, page = api.ask("GET", api.path("configmaps"), limit="2", labelSelector=selector)
    names = [each["metadata"]["name"] for each in page["items"]]
    api.apply("configmaps", labelled(api, "web-9"))
    versions = {page["metadata"]["resourceVersion"]}
    while token := page["metadata"].get("continue"):
        query = {"limit": "2", "labelSelector": selector, "continue": token}
        code, page = api.ask("GET", api.path("configmaps"), **query)
        names += [each["metadata"]["name"] for each in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
    assert (code, len(versions)) == (200, 1)
    assert names == [f"web-{number}" for number in range(5)]


def test_a_watch_of_a_version_begins_after_it(api: Api) -> None:
    """And tells deletions with the object as it last was."""
    _, first = api.apply("configmaps", labelled(api))
    api.apply("configmaps", labelled(api, value="2"))
    api.ask("DELETE", api.path("configmaps", "web"))
    query = (
        ("watch", "1"),
        ("resourceVersion", first["metadata"]["resourceVersion"]),
        ("labelSelector", f"tidegate.io/instance={api.namespace}"),
    )
    stream = api.transport.stream(Request("GET", api.path("configmaps"), query))
    events = []
    for line in stream:
        events.append(orjson.loads(line))
        if len(events) == 2:
            stream.close()
    assert [(each["type"], each["object"]["data"]["value"]) for each in events] == [
        ("MODIFIED", "2"),
        ("DELETED", "2"),
    ]


def test_a_watch_of_what_nobody_serves_is_refused(api: Api) -> None:
    """404, at once."""
    with pytest.raises(RefusedError) as caught:
        api.transport.stream(Request("GET", api.path("shops"), (("watch", "1"),)))
    assert caught.value.status == 404


def test_a_closed_watch_ends(api: Api) -> None:
    """A blocked read wakes, from another thread."""
    query = (("watch", "1"), ("resourceVersion", "0"))
    stream = api.transport.stream(Request("GET", api.path("secrets"), query))
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    stream.close()
    reader.join(10)
    assert not reader.is_alive()


# --- definitions ---------------------------------------------------------------------------------


def test_a_definition_is_served_after_a_while(api: Api) -> None:
    """Its kind is found, its objects are pruned, filled and validated."""
    group = f"g{api.namespace.removeprefix('test-')}.example.com"
    text = orjson.dumps(cases.GIFTS).decode().replace("example.com", group)
    definition = orjson.loads(text)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gifts.{group}"
    code, _ = api.ask("PATCH", path, definition, APPLY, fieldManager="one")
    assert code == 201
    found = served_kind(api, GroupKind(group, "Gift"))
    assert (found.plural, found.namespaced) == ("gifts", True)
    where = api.path(f"{group}/v1/gifts")
    gift = {**cases.PRESENT, "apiVersion": f"{group}/v1"}
    code, made = api.ask("POST", where, gift)
    assert (code, made["spec"]["color"], "junk" in made["spec"]) == (201, "red", False)
    code, refused = api.ask("POST", where, cases.changed(gift, spec__size=0))
    assert (code, refused["details"]["causes"][0]["field"]) == (422, "spec.size")


APPLY = "application/apply-patch+yaml"


def served_kind(api: Api, kind: GroupKind) -> Any:
    """Wait until a kind can be listed; Established comes before served."""
    pause = threading.Event()
    for _ in range(200):
        found = Discovery(api.transport).kinds().get(kind)
        if found is not None:
            code, _ = api.ask("GET", f"/apis/{kind.group}/v1/{found.plural}")
            if code == 200:
                return found
        pause.wait(0.05)
    raise AssertionError(f"{kind} is not served")
