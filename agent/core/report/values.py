"""What is told of one package, as a value; every way of telling reads this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.values import Hold, PackageName, Reason, State

READY: Final = "Ready"
"""The condition that sums a package up."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A Kubernetes condition without its time; status is `True`, `False` or `Unknown`."""

    type: str
    status: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """The state of one package after a pass."""

    package: PackageName
    state: State
    reason: Reason
    message: str
    is_ready: bool
    """The newest revision is applied and healthy, and nothing is held."""
    is_healthy: bool
    """Every object of ours is Current, and none is missing; says nothing of its revision."""
    conditions: tuple[Condition, ...] = ()
    holds: tuple[Hold, ...] = ()
    """Distinct holds, those over the whole package first."""
    observed: str = ""
    attempted: str = ""
    applied: str = ""
    plan_digest: str = ""
    drift: int = 0
    """Objects whose live fields differ from what was applied, and are not repaired yet."""
    objects: int = 0
    waiting: int = 0
    """Objects that a held step or a held revision would change."""
    next: datetime | None = None
    """The earliest instant at which the answer may change by time alone: a gate's edge, or the
    end of the time an object has to become healthy."""
    cause: str = ""
    """What brought the change, for transitions: a commit, a live edit, a gate."""
    actor: str = ""
    wrote: bool = False
    """The pass changed something in the cluster, so it went through Progressing."""
