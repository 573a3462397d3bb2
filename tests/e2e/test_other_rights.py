"""Agents that do not have the rights of `deploy/cluster`: an admin, and one who only looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, package
from e2e.other_sites import BareSite, ObserverSite

if TYPE_CHECKING:
    from e2e.conftest import MakeSite

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def test_an_agent_makes_its_namespace_and_remembers_there(make_site: MakeSite) -> None:
    """Started by an admin with nothing but a kubeconfig, it needs nothing from `deploy/`.

    Its own namespace is what this story is about, so none is installed here.
    """
    site = make_site(BareSite)
    home = f"/api/v1/namespaces/{site.home}"
    assert site.client.get(home).code == 404
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    mark = site.plane.marker()
    site.sync()
    assert site.values() == {"a": "1"}
    assert site.mutations(mark)[0] == f"create namespaces/{site.home}"
    kept = site.client.get(f"{home}/configmaps").body["items"]
    assert len(kept) == 2, kept  # the inventory and the state


def test_observing_takes_no_right_to_write(make_site: MakeSite) -> None:
    """With `deploy/observe` and `--observe` the plan is told to Git, and nothing is refused.

    The rights of this mode are what the story is about.
    """
    site = make_site(ObserverSite)
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    mark = site.plane.marker()
    ended = site.once("--observe")
    assert site.values() == {}
    assert site.mutations(mark) == []
    assert ended.code == 0, ended
    assert f"packages/{site.namespace}/web.yaml" in site.repository.files(site.status_branch)
