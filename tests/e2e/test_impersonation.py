"""With `deploy/impersonate` a package can do what the ServiceAccount it names can, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, package
from e2e.other_sites import TenantSite

if TYPE_CHECKING:
    from e2e.conftest import MakeSite

pytestmark = [pytest.mark.e2e, pytest.mark.real]

ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "more"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
}


@pytest.fixture
def site(make_site: MakeSite) -> TenantSite:
    """Give a tenant's site: whose rights count is what these stories are about."""
    return make_site(TenantSite)


def writes_of_tenant(site: TenantSite, since: int) -> list[tuple[str, int]]:
    """Give object and status code of the writes that the tenant's account made."""
    made = site.plane.audit(since, user=site.deployer)
    return [(one.name, one.code) for one in made if one.verb in {"create", "patch", "delete"}]


def test_every_write_of_a_package_is_made_by_its_account(site: TenantSite) -> None:
    """Creating, updating and deleting, all is done as the account; the agent only keeps books."""
    account = {"serviceAccountName": "deployer"}
    objects = {"a": config_map("a"), "b": config_map("b")}
    site.commit(package(site.namespace, objects=objects, **account))
    mark = site.plane.marker()
    site.sync()
    site.commit(package(site.namespace, objects={"a": config_map("a", "2"), "b": None}, **account))
    site.sync()
    assert site.values() == {"a": "2"}
    assert sorted(writes_of_tenant(site, mark)) == [("a", 200), ("a", 201), ("b", 200), ("b", 201)]
    assert site.workload_writes(mark) == []


@pytest.mark.refused("its account may not write Roles")
def test_what_its_account_may_not_is_forbidden(site: TenantSite) -> None:
    """A kind that the account may not write fails, whatever the agent itself may do."""
    objects = {"a": config_map("a"), "more": ROLE}
    site.commit(package(site.namespace, objects=objects, serviceAccountName="deployer"))
    mark = site.plane.marker()
    site.sync(expect=3, timeout="4s")
    assert site.told() == ("Failed", "Forbidden")
    assert site.deployer in site.status()["message"]
    assert site.values() == {"a": "1"}
    assert {name for name, code in writes_of_tenant(site, mark) if code == 403} == {"more"}
    assert site.workload_writes(mark) == []


@pytest.mark.refused("nobody let the agent act as this account, and it may write nothing itself")
def test_an_account_that_did_not_agree_cannot_be_named(site: TenantSite) -> None:
    """Naming an account that grants the agent nothing is Forbidden; there is no other way in."""
    site.commit(
        package(site.namespace, "web", {"a": config_map("a")}, serviceAccountName="default"),
        package(site.namespace, "api", {"b": config_map("b")}),
    )
    site.sync(expect=3, timeout="4s")
    assert site.told("web") == site.told("api") == ("Failed", "Forbidden")
    assert site.values() == {}
