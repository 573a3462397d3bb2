"""What is live around our objects."""

from __future__ import annotations

from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from fed_source import FedSources

from agent.core.live import Gone, Listed, Listing, Seen, Unserved
from agent.core.values import Key, NamespaceFacts, Origin, PackageName, Root
from agent.runtime.surroundings import AUTOSCALER, DEFINITION, NAMESPACE, PACKAGE, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.values import GroupKind, Manifest

ALL = (NAMESPACE, PACKAGE, AUTOSCALER, DEFINITION)


@contextmanager
def surrounded(*served: GroupKind) -> Iterator[tuple[Surroundings, FedSources, list[Key]]]:
    """Watch the served kinds, and stop."""
    changed: list[Key] = []
    sources = FedSources(*served)
    surroundings = Surroundings(sources, changed.append)
    surroundings.ensure()
    try:
        yield surroundings, sources, changed
    finally:
        assert surroundings.stop()


def manifest(kind: GroupKind, name: str, version: int, **fields: Any) -> Manifest:
    """Make an object; a Namespace and a definition have no namespace."""
    metadata = {"name": name, "resourceVersion": str(version), "namespace": "shop"}
    if kind in (NAMESPACE, DEFINITION):
        del metadata["namespace"]
    metadata |= fields.pop("metadata", {})
    group = f"{kind.group}/v1" if kind.group else "v1"
    return {"apiVersion": group, "kind": kind.kind, "metadata": metadata, **fields}


def test_namespaces_packages_and_autoscalers_are_known():
    """Each as planning asks for it."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    scaler = manifest(AUTOSCALER, "web", 1, spec={"scaleTargetRef": target})
    with surrounded(*ALL) as (around, sources, _):
        for kind, each in (
            (AUTOSCALER, scaler),
            (NAMESPACE, manifest(NAMESPACE, "shop", 1, metadata={"labels": {"team": "a"}})),
            (PACKAGE, manifest(PACKAGE, "web", 7, spec={"path": "web"})),
        ):
            sources.opened[kind].feed(Listing(), Seen(each), Listed("9"))
        assert around.wait_for(lambda: around.synced() and bool(around.scaled()), 10)

        assert around.namespace("shop") == NamespaceFacts(
            "shop", exists=True, labels={"team": "a"}, origin=Origin(object="Namespace shop")
        )
        assert around.namespace("other") == NamespaceFacts("other")
        assert around.root(PackageName("shop", "web")) == Root("", "7", 0, spec={"path": "web"})
        assert around.scaled() == {Key("apps", "Deployment", "shop", "web")}


def test_nothing_is_synced_before_namespaces_and_packages_are():
    """A suspension may be on any of them."""
    with surrounded(*ALL) as (around, sources, _):
        sources.opened[NAMESPACE].feed(Listing(), Listed("1"))
        sources.opened[DEFINITION].feed(Listing(), Listed("1"))
        assert not around.synced()

        sources.opened[PACKAGE].feed(Listing(), Listed("1"))
        assert around.wait_for(around.synced, 10)


def test_who_waits_for_what_is_needed_is_told_once():
    """Passes that found Namespaces or Packages missing run when both are known."""
    told: list[str] = []
    sources = FedSources(NAMESPACE, PACKAGE)
    surroundings = Surroundings(sources, on_synced=lambda: told.append("synced"))
    surroundings.ensure()
    sources.opened[NAMESPACE].feed(Listing(), Listed("1"))
    sources.opened[PACKAGE].feed(Listing(), Listed("1"), Listing(), Listed("2"))
    assert surroundings.wait_for(surroundings.synced, 10)
    assert surroundings.stop()
    assert told == ["synced"]


def test_the_first_list_is_no_change_but_what_follows_is():
    """Whoever starts looks at everything anyway."""
    key = Key("", "Namespace", "", "shop")
    with surrounded(*ALL) as (around, sources, changed):
        source = sources.opened[NAMESPACE]
        source.feed(Listing(), Seen(manifest(NAMESPACE, "shop", 1)), Listed("1"))
        suspended = {"annotations": {"tidegate.io/suspend": "true"}}
        source.feed(Seen(manifest(NAMESPACE, "shop", 2, metadata=suspended)))
        source.feed(Gone(manifest(NAMESPACE, "shop", 3)))

        assert around.wait_for(lambda: not around.namespaces() and len(changed) > 0, 10)
    assert changed == [key, key]


def test_our_own_status_is_no_change_of_a_package():
    """Or telling would wake the package that was told of."""
    key = Key("tidegate.io", "Package", "shop", "web")
    with surrounded(*ALL) as (around, sources, changed):
        source = sources.opened[PACKAGE]
        source.feed(Listing(), Seen(manifest(PACKAGE, "web", 1)), Listed("1"))
        source.feed(Seen(manifest(PACKAGE, "web", 2, status={"state": "Synced"})))
        assert around.wait_for(lambda: bool(around.roots()), 10)
        source.feed(Seen(manifest(PACKAGE, "web", 3, metadata={"labels": {"a": "b"}})))
        name = PackageName("shop", "web")
        assert around.wait_for(lambda: around.roots()[name].version == "3", 10)
    assert changed == [key]


def test_a_definition_that_changes_is_told():
    """So that discovery and schemas are asked again."""
    told: SimpleQueue[Key] = SimpleQueue()
    sources = FedSources(*ALL)
    surroundings = Surroundings(sources, told.put)
    surroundings.ensure()
    source = sources.opened[DEFINITION]
    source.feed(Listing(), Listed("1"), Seen(manifest(DEFINITION, "shops.example.com", 2)))
    assert told.get(timeout=10) == Key(*DEFINITION, "", "shops.example.com")
    assert surroundings.stop()


def test_a_kind_that_comes_later_is_watched_then():
    """The agent may have to create the definition of Packages itself."""
    with surrounded(NAMESPACE) as (around, sources, _):
        sources.opened[NAMESPACE].feed(Listing(), Listed("1"))
        assert around.wait_for(around.synced, 10)

        sources.served.add(PACKAGE)
        around.ensure()
        assert not around.synced()
        sources.opened[PACKAGE].feed(Listing(), Listed("1"))
        assert around.wait_for(around.synced, 10)


def test_a_kind_that_goes_takes_its_rows_along():
    """And is watched again when it is back."""
    with surrounded(*ALL) as (around, sources, _):
        source = sources.opened[PACKAGE]
        source.feed(Listing(), Seen(manifest(PACKAGE, "web", 1)), Listed("1"))
        assert around.wait_for(lambda: bool(around.roots()), 10)
        source.feed(Unserved())
        assert around.wait_for(lambda: not around.roots(), 10)

        around.ensure()
        assert sources.opened[PACKAGE] is not source
