"""What is not in the recordings: watches in time, forms, refusals, the same seed twice."""

from __future__ import annotations

import orjson
import pytest
from sandbox import cases
from sandbox.cases import CONFIG, DEPLOYMENT, GIFTS, OF_KIND, changed
from sandbox.refused import REFUSED, Refused
from sandbox.stories import Cluster, events

from agent.edges.kube.seam import Request, Response

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@pytest.fixture
def cluster() -> Cluster:
    """Give a fresh one."""
    return Cluster()


def accepted(cluster: Cluster, found: cases.Object, accept: str) -> cases.Object:
    """List a kind in another form."""
    path = cases.path(found).replace("{space}", cases.SPACE)
    answer = cluster.sandbox.handle(Request("GET", path, accept=accept))
    assert isinstance(answer, Response)
    body: cases.Object = orjson.loads(answer.body)
    return body


# --- watches -------------------------------------------------------------------------------------


def test_an_old_version_is_gone(cluster: Cluster) -> None:
    """410, for a new watch at once and for one that fell behind as its last event."""
    first = cluster.apply(CONFIG)
    behind = cluster.watch(CONFIG, resourceVersion=first["metadata"]["resourceVersion"])
    cluster.apply(changed(CONFIG, data={"a": "2"}))
    cluster.sandbox.compact()
    version = first["metadata"]["resourceVersion"]
    code, body = cluster.ask("GET", cases.path(CONFIG), watch="1", resourceVersion=version)
    assert (code, body["reason"]) == (410, "Expired")
    assert [(kind, found["code"]) for kind, found in events(behind)] == [("ERROR", 410)]
    assert behind.is_over


def test_a_version_from_the_future_is_too_large(cluster: Cluster) -> None:
    """As after a restored backup: only a new list helps."""
    code, body = cluster.ask("GET", cases.path(CONFIG), watch="1", resourceVersion="999999")
    assert (code, body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")


def test_bookmarks_come_each_minute_to_those_who_ask(cluster: Cluster) -> None:
    """With the newest version, whatever it was about."""
    asked = cluster.watch(CONFIG, allowWatchBookmarks="true")
    silent = cluster.watch(CONFIG)
    cluster.apply(OF_KIND["Lease"])
    cluster.later(59)
    assert events(asked) == []
    cluster.later(1)
    ((kind, found),) = events(asked)
    newest = str(cluster.sandbox.world.store.version)
    assert (kind, found["metadata"]["resourceVersion"]) == ("BOOKMARK", newest)
    assert events(silent) == []


def test_a_watch_ends_when_its_time_is_over(cluster: Cluster) -> None:
    """`timeoutSeconds` of the sandbox's own clock."""
    watch = cluster.watch(CONFIG, timeoutSeconds="5")
    cluster.later(5)
    assert list(watch) == []


def test_initial_events_end_with_their_bookmark(cluster: Cluster) -> None:
    """WatchList: what is there, then a bookmark that says so."""
    cluster.apply(CONFIG)
    watch = cluster.watch(
        CONFIG,
        sendInitialEvents="true",
        allowWatchBookmarks="true",
        resourceVersionMatch="NotOlderThan",
    )
    (first, _), (last, mark) = events(watch)
    assert (first, last) == ("ADDED", "BOOKMARK")
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_what_leaves_a_selector_is_deleted_for_it(cluster: Cluster) -> None:
    """And what comes in is added."""
    watch = cluster.watch(CONFIG, labelSelector="a in (b, c),!gone")
    for labels in ({}, {"a": "b"}, {"a": "c"}, {"a": "c", "gone": ""}):
        cluster.apply(changed(CONFIG, metadata__labels=labels))
    assert [kind for kind, _ in events(watch)] == ["ADDED", "MODIFIED", "DELETED"]


# --- forms ---------------------------------------------------------------------------------------


def test_a_table_has_the_columns_of_kubectl(cluster: Cluster) -> None:
    """Of a Deployment, and of a custom resource by its definition."""
    cluster.apply(DEPLOYMENT)
    cluster.step()
    cluster.later(90)
    table = accepted(cluster, DEPLOYMENT, TABLE)
    titles = [each["name"] for each in table["columnDefinitions"] if not each["priority"]]
    assert titles == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    assert table["rows"][0]["cells"][:5] == ["web", "1/1", 1, 1, "90s"]
    cluster.apply(GIFTS)
    cluster.step()
    gift = changed(cases.PRESENT, spec={"size": 3})
    cluster.apply(gift)
    status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    cluster.ask("PATCH", cases.path(gift, "web") + "/status", status, cases.MERGE)
    assert accepted(cluster, gift, TABLE)["rows"][0]["cells"] == ["web", 3, "True"]


def test_metadata_can_be_had_alone(cluster: Cluster) -> None:
    """As the agent watches Namespaces."""
    cluster.apply(CONFIG)
    (item,) = accepted(cluster, CONFIG, PARTIAL)["items"]
    assert (item["kind"], "data" in item) == ("PartialObjectMetadata", False)


def test_an_event_is_seen_in_both_groups(cluster: Cluster) -> None:
    """Under the names that each of them has."""
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "web.1"},
        "eventTime": "2026-01-02T03:04:05.000000Z",
        "note": "done",
        "regarding": {"kind": "ConfigMap", "name": "web"},
    }
    cluster.ask("POST", cases.path(event), event)
    (old,) = cluster.list({**event, "apiVersion": "v1"})
    assert (old["message"], old["involvedObject"]["name"]) == ("done", "web")


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", REFUSED, ids=lambda each: each.what)
def test_what_it_can_not_do_it_refuses(cluster: Cluster, refused: Refused) -> None:
    """By name and with the way that works instead, before it does anything."""
    code, message = refused.asked(cluster)
    assert code == refused.code
    assert refused.says in message


def test_a_table_alone_in_protobuf_is_not_acceptable(cluster: Cluster) -> None:
    """406."""
    accept = "application/vnd.kubernetes.protobuf"
    assert accepted(cluster, CONFIG, accept)["code"] == 406


# --- the same again ------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_cluster() -> None:
    """Byte for byte; another seed gives other uids."""

    def history(seed: int) -> list[bytes]:
        cluster = Cluster(seed=seed)
        cluster.apply(DEPLOYMENT)
        cluster.apply(OF_KIND["Service"])
        cluster.later(5)
        return [each.last.data for each in cluster.sandbox.world.store.log]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_a_collection_is_deleted_whole(cluster: Cluster) -> None:
    """By selector."""
    for name in ("a", "b", "c"):
        cluster.apply(changed(CONFIG, metadata={"name": name, "labels": {"odd": str(name != "b")}}))
    cluster.ask("DELETE", cases.path(CONFIG), labelSelector="odd=True")
    assert [each["metadata"]["name"] for each in cluster.list(CONFIG)] == ["b"]
