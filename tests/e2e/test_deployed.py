"""What `deploy/cluster` installs is what every story runs with: no right more, and unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from e2e.command import tidegate
from e2e.deployed import DEPLOY, Account, rules, rules_held
from e2e.manifests import config_map, package

if TYPE_CHECKING:
    from collections.abc import Callable

    from control_plane.client import Client, Object
    from control_plane.server import ControlPlane
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def written(name: str) -> list[Object]:
    """Give the manifests of a file of `deploy/`, as they are written."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def agent_and_stranger(site: Site) -> tuple[Client, Client]:
    """Give a client that is the site's agent, and one that is any other ServiceAccount."""
    _, _, home, name = site.user.split(":")
    token = Account(site.plane, home, name).token()
    stranger = site.plane.client(f"stranger-{site.name}", "system:serviceaccounts")
    return site.plane.client(token=token), stranger


def test_the_agent_of_a_story_has_the_rights_of_the_folder(site: Site) -> None:
    """The server goes by the rules that `deploy/` has in its files, and by no others.

    The Role holds in the agent's namespace alone; the name of the key is the instance's.
    """
    (role, _, base, _), (manage, _) = written("base/rights.yaml"), written("cluster/manage.yaml")
    (own_key,) = (one for one in role["rules"] if "resourceNames" in one)
    assert own_key["resourceNames"] == ["tidegate-key-default"]
    own_key["resourceNames"] = [f"tidegate-key-{site.name}"]
    agent, stranger = agent_and_stranger(site)
    here = rules_held(agent, site.home) - rules_held(stranger, site.home)
    elsewhere = rules_held(agent, site.namespace) - rules_held(stranger, site.namespace)
    assert here == rules([role, base, manage])
    assert elsewhere == rules([base, manage])


def test_the_folder_as_it_is(ground: ControlPlane, sites: Callable[[], Site]) -> None:
    """`kubectl apply -k deploy/cluster` unchanged is enough for an agent with default names."""
    ground.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(DEPLOY / "cluster"))
    site = sites()
    account = Account(ground, "tidegate-system", "tidegate")
    names = ("--instance=default", f"--agent-namespace={account.namespace}")
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    site.sync(*names, f"--kubeconfig={account.kubeconfig()}")
    assert site.value("a") == "1"
    asked = ground.audit(user=account.user)
    assert [one.uri for one in asked if one.code == 403] == []
    checked = tidegate(site, "check", "--as", account.user, *names)
    assert checked.code == 0, checked
