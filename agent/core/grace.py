"""How an object is now: by its package's checks or by its kind, after a moment's grace.

kstatus calls a custom resource without a status Current, since nobody can say more. Just after we
wrote it that says nothing: its controller has not looked. So it gets a moment to answer, where the
kind has a status at all. Never judges who wrote what: `Live.unanswered` says when we did.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.core import health
from agent.core.live import unpack
from agent.core.schema import from_crd
from agent.core.scopes import CRD
from agent.core.values import Complete, GroupKind, Health, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from agent.core.schema import Node
    from agent.core.values import Facts, Key, Live, Package

GRACE: Final = timedelta(seconds=10)
"""Controllers answer in far less; a kind whose controller never does costs a sync no more."""


def health_of(key: Key, live: Live, facts: Facts, package: Package | None) -> Health:
    """Return an object's health; checks of the package replace the rule of its kind, and grace."""
    checks = package.health_checks if package else ()
    if any(health.is_about(check.target, key) for check in checks):
        return health.checked(unpack(live), key, checks)
    if live.health.status is HealthStatus.CURRENT and ends(key, live, facts):
        return Health(HealthStatus.IN_PROGRESS, "its controller has not answered yet: no status")
    return live.health


def ends(key: Key, live: Live, facts: Facts) -> datetime | None:
    """Return when the object's grace ends; None where it has none, or not any more.

    The server's clock says when we wrote, ours what time it is: where they are further apart than
    the grace is long there is none, rather than one that never ends.
    """
    written = live.unanswered
    if written is None or abs(facts.now - written) >= GRACE:
        return None
    return written + GRACE if _has_status(key, facts) else None


def _has_status(key: Key, facts: Facts) -> bool:
    """Whether the kind's schema has a `status`; where nobody knows the schema, it has none."""
    return any(node.map is not None and "status" in node.map.fields for node in _nodes(key, facts))


def _nodes(key: Key, facts: Facts) -> Iterator[Node]:
    """Schemas of a kind: as published, or as a definition in the same package has it."""
    for (api_version, kind), node in facts.schemas.items():
        if GroupKind(api_version.rpartition("/")[0], kind) == (key.group, key.kind):
            yield node
    name = f".{key.group}"  # of a definition: `<plural>.<group>` (apiextensions validation)
    for one in facts.new.objects if isinstance(facts.new, Complete) else ():
        if (one.key.group, one.key.kind) == CRD and one.key.name.endswith(name):
            defined = from_crd(one.manifest)
            yield from (node for (_, kind), node in defined.items() if kind == key.kind)
