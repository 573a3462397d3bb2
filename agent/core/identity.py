"""Whose object this is: the label and the annotation that say so, and whom a write acts as.

Never decides ownership; it only spells and reads it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.core.errors import DeclarationError
from agent.core.values import PackageName

if TYPE_CHECKING:
    from agent.core.values import Package

LABEL_DIGITS: Final = 20


class Owner(NamedTuple):
    """A package, and the agent that keeps it."""

    instance: str
    cluster: str
    package: PackageName


@dataclass(frozen=True, slots=True)
class Home:
    """Which agent this is, and the namespace that holds its memory."""

    instance: str
    cluster: str
    namespace: str


def owner(instance: str, cluster: str, package: PackageName) -> str:
    """Return the text of the owner annotation: `instance/cluster/namespace/name`.

    >>> owner("default", "prod-1", PackageName("shop", "payments"))
    'default/prod-1/shop/payments'
    """
    return f"{instance}/{cluster}/{package.namespace}/{package.name}"


def parse_owner(text: str) -> Owner | None:
    """Read an owner annotation; None if it is none.

    Only the name of a cluster may contain slashes (`arn:aws:eks:…:cluster/prod`): instances,
    namespaces and names can't.
    """
    instance, _, rest = text.partition("/")
    parts = rest.rsplit("/", 2)
    if len(parts) != len(("cluster", "namespace", "name")) or not all((instance, *parts)):
        return None
    cluster, namespace, name = parts
    return Owner(instance, cluster, PackageName(namespace, name))


@lru_cache(maxsize=4096)
def package_label(instance: str, cluster: str, package: PackageName) -> str:
    """Return the value of the package label: 20 hex digits that stand for the owner.

    A digest, because a label value has at most 63 characters and knows no slash.
    """
    text = owner(instance, cluster, package)
    return hashlib.sha256(text.encode()).hexdigest()[:LABEL_DIGITS]


def acts_as(package: Package) -> str:
    """Return the user a package's writes run as; empty means the agent itself.

    Raises:
        DeclarationError: a ServiceAccount is named, but not in a way that names one. It is never
            replaced by the agent's own identity.
    """
    account = package.service_account
    if not account:
        return ""
    user = f"system:serviceaccount:{package.name.namespace}:{account}"
    if not is_user(user):
        raise DeclarationError(
            f"{package.origin}: serviceAccountName {account!r} of package {package.name} names no"
            " ServiceAccount: write the name of one in the package's namespace"
        )
    return user


def is_user(text: str) -> bool:
    """Whether the text can be impersonated: nothing blank, no ServiceAccount without a name."""
    if not text or any(each.isspace() for each in text):
        return False
    if text.startswith("system:serviceaccount:"):
        parts = text.split(":")
        return len(parts) == len(("system", "serviceaccount", "namespace", "name")) and all(parts)
    return True
