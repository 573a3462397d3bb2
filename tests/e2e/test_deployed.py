"""The stories again, by an agent that has the rights of `deploy/cluster` and no others."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from e2e import (
    test_adoption,
    test_drift,
    test_moves,
    test_one_change,
    test_order,
    test_prune,
    test_replacement,
    test_secrets,
    test_suspension,
)
from e2e.command import tidegate
from e2e.deployed import DEPLOY, DeployedSite, kubeconfig
from e2e.manifests import config_map, package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from control_plane.server import ControlPlane
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]

STORIES = (
    test_adoption.test_an_unowned_object_is_adopted_with_what_kubectl_applied,
    test_drift.test_drift_is_repaired_by_event,
    test_moves.test_an_object_moves_without_being_deleted,
    test_one_change.test_a_second_once_writes_nothing,
    test_order.test_a_kind_and_its_object_come_in_one_package,
    test_prune.test_too_many_deletions_wait_for_that_very_plan,
    test_prune.test_an_orphaned_package_leaves_its_objects,
    test_replacement.test_an_immutable_field_is_held_until_people_say_recreate,
    test_secrets.test_a_canary_in_an_edited_secret_appears_nowhere,
    test_suspension.test_a_suspended_package_that_left_git_waits_and_then_goes,
)


@pytest.fixture
def site(ground: ControlPlane, tmp_path: Path) -> Iterator[Site]:
    """Give a site whose agent is a ServiceAccount, and insist that it never lacked a right."""
    name = f"e2e-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    assert ground.client().request("POST", "/api/v1/namespaces", body).code == 201
    with DeployedSite(ground, tmp_path / name, name, name) as site:
        yield site
        assert site.refusals() == []


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_a_story_by_the_deployed_agent(site: Site, story: Callable[[Site], None]) -> None:
    """The rights of `deploy/cluster` are enough: nothing is refused, and all comes true."""
    story(site)


def test_the_folder_as_it_is(ground: ControlPlane, sites: Callable[[], Site]) -> None:
    """`kubectl apply -k deploy/cluster` unchanged is enough for an agent with default names."""
    ground.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(DEPLOY / "cluster"))
    site = sites()
    config = kubeconfig(ground, "tidegate-system", "tidegate")
    names = ("--instance=default", "--agent-namespace=tidegate-system", f"--kubeconfig={config}")
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    site.sync(*names)
    assert site.value("a") == "1"
    who = "system:serviceaccount:tidegate-system:tidegate"
    asked = ground.audit(user=who)
    assert [one.uri for one in asked if one.code == 403] == []
    checked = tidegate(site, "check", "--as", who, *names[:2])
    assert checked.code == 0, checked
