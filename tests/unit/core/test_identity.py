"""How ownership is spelled, and whom writes act as."""

from __future__ import annotations

import pytest

from agent.core.errors import DeclarationError
from agent.core.identity import Owner, acts_as, is_user, owner, package_label, parse_owner
from agent.core.values import Package, PackageName, PathSource

PAYMENTS = PackageName("shop", "payments")


def test_owner_round_trips_with_slashes_in_the_cluster() -> None:
    """A cluster may be named by its ARN."""
    cluster = "arn:aws:eks:eu-1:42:cluster/prod"
    assert parse_owner(owner("default", cluster, PAYMENTS)) == Owner("default", cluster, PAYMENTS)


@pytest.mark.parametrize("text", ["", "default", "default/prod/shop", "default//shop/payments"])
def test_what_is_no_owner_is_none(text: str) -> None:
    """A mangled annotation proves nothing."""
    assert parse_owner(text) is None


def test_label_is_stable_and_tells_packages_apart() -> None:
    """The label is 20 hex digits of the whole identity; changing it would orphan every object."""
    assert package_label("default", "prod-1", PAYMENTS) == "ca226ca9057c35268ecc"
    assert package_label("default", "prod-2", PAYMENTS) != package_label(
        "default", "prod-1", PAYMENTS
    )


def _package(account: str) -> Package:
    return Package(PAYMENTS, PathSource("."), service_account=account)


def test_a_named_service_account_is_impersonated() -> None:
    """Writes run as the package's account, or as the agent where none is named."""
    assert acts_as(_package("deployer")) == "system:serviceaccount:shop:deployer"
    assert acts_as(_package("")) == ""


def test_a_blank_service_account_is_refused() -> None:
    """It is never replaced by the agent's own identity."""
    with pytest.raises(DeclarationError, match="names no ServiceAccount"):
        acts_as(_package(" "))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("system:serviceaccount:shop:deployer", True),
        ("jane@example.com", True),
        ("system:serviceaccount:shop:", False),
        ("system:serviceaccount::deployer", False),
        (" ", False),
    ],
)
def test_only_whole_identities_are_users(text: str, expected: bool) -> None:  # noqa: FBT001
    """An identity with an empty part is none."""
    assert is_user(text) is expected
