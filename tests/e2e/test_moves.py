"""An object has one package at a time, and changes it without being deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, objects_of, package

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def test_an_object_moves_without_being_deleted(site: Site) -> None:
    """An object declared by another package in the next commit keeps its uid, in one `--once`."""
    site.commit(
        package(site.namespace, "giver", {"a": config_map("a"), "x": config_map("x")}),
        package(site.namespace, "taker", {"b": config_map("b")}),
    )
    site.sync()
    uid = site.uid("configmaps", "x")
    mark = site.plane.marker()
    site.commit(
        objects_of("giver", {"x": None}), objects_of("taker", {"x": config_map("x", "moved")})
    )
    site.sync()
    assert site.workload_writes(mark) == ["patch configmaps/x"]
    assert (site.uid("configmaps", "x"), site.value("x")) == (uid, "moved")
    assert (site.status("giver")["objects"], site.status("taker")["objects"]) == (1, 2)
    assert site.told("giver") == site.told("taker") == ("Synced", "Synced")
    mark = site.plane.marker()
    site.sync()
    assert site.mutations(mark) == []


def test_two_new_claimants_both_wait(site: Site) -> None:
    """An object that two packages declare in one commit goes to neither; the rest is applied."""
    site.commit(
        package(site.namespace, "one", {"a": config_map("a"), "x": config_map("x", "one")}),
        package(site.namespace, "two", {"b": config_map("b"), "x": config_map("x", "two")}),
    )
    site.sync(expect=6)
    assert site.values() == {"a": "1", "b": "1"}
    assert site.told("one") == site.told("two") == ("Waiting", "DeclaredTwice")
    site.commit(objects_of("two", {"x": None}))
    site.sync()
    assert site.values() == {"a": "1", "b": "1", "x": "one"}


def test_who_has_an_object_keeps_it(site: Site) -> None:
    """A package that declares what another has is held; the owner goes on."""
    site.commit(package(site.namespace, "owner", {"x": config_map("x", "owner 1")}))
    site.sync()
    site.commit(
        package(site.namespace, "other", {"b": config_map("b"), "x": config_map("x", "other")}),
        objects_of("owner", {"x": config_map("x", "owner 2")}),
    )
    site.sync(expect=6)
    assert site.values() == {"b": "1", "x": "owner 2"}
    assert site.told("owner") == ("Synced", "Synced")
    assert site.told("other") == ("Waiting", "OwnedByOther")
