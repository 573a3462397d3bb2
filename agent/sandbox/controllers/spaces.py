"""Namespaces that go away with all that is in them, and definitions that come into force.

Never deletes what holds a finalizer of somebody else: it waits, as a cluster does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agent.sandbox.controllers.site import conditions, is_leaving, without_finalizer
from agent.sandbox.deletion import CLEANUP

if TYPE_CHECKING:
    from agent.sandbox.controllers.site import Site
    from agent.sandbox.store import Stored

Object = dict[str, Any]
NAMESPACES: Final = "namespaces"
DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"


def step(site: Site) -> None:
    """Empty leaving namespaces, take in and out definitions."""
    for namespace in site.all(NAMESPACES):
        if is_leaving(namespace):
            _empty(site, namespace)
    for definition in site.all(DEFINITIONS):
        if is_leaving(definition):
            _withdraw(site, definition)
        else:
            establish(site, definition)


def _empty(site: Site, namespace: Stored) -> None:
    name = namespace.place[1]
    left = [(kind, each) for kind, each in site.everything() if each.place[0] == name]
    for resource, stored in left:
        if not is_leaving(stored):
            site.delete(resource, stored)
    if any(each.place[0] == name for _, each in site.everything()):
        return
    if not namespace.object["metadata"].get("finalizers"):
        site.world.store.remove(NAMESPACES, namespace)


def establish(site: Site, definition: Stored) -> None:
    """Accept the names of a definition and serve its kinds."""
    spec, status = definition.object["spec"], definition.object["status"]
    names = spec["names"]
    told = conditions(
        site,
        status.get("conditions") or (),
        ("NamesAccepted", True, "NoConflicts", "no conflicts found"),
        (
            "Established",
            True,
            "InitialNamesAccepted",
            "the initial names have been accepted",
        ),
    )
    for each in told:
        del each["lastUpdateTime"]
    wanted = {**status, "acceptedNames": names, "conditions": told}
    name = definition.place[1]
    if status != wanted or not site.world.catalog.defined_by(name):
        site.tell(DEFINITIONS, definition, wanted, "kube-apiserver")
    site.world.catalog.define(definition.object)


def _withdraw(site: Site, definition: Stored) -> None:
    spec = definition.object["spec"]
    resource = f"{spec['names']['plural']}.{spec['group']}"
    for stored in site.all(resource):
        if not is_leaving(stored):
            site.delete(resource, stored)
    if not site.all(resource):
        site.world.catalog.forget(definition.place[1])
        without_finalizer(site, DEFINITIONS, definition, CLEANUP)
