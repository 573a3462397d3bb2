"""Declared policies as values: who may not sync when, and who may pass.

Parsing lives in `agent.core.kinds`; judging in `agent.core.gates`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from agent.core.values import Grade, Origin

if TYPE_CHECKING:
    from datetime import datetime

    from agent.core.windows.schedule import Schedule


class Operator(StrEnum):
    """The operators of a Kubernetes label selector."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of a selector's `matchExpressions`."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """`matchLabels` and `matchExpressions`, all of which must hold."""

    labels: tuple[tuple[str, str], ...] = ()
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Things chosen by name globs and labels; what is not given does not restrict."""

    names: tuple[str, ...] = ()
    selector: LabelSelector | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One item of `match`: its keys are ANDed; items of a list are ORed."""

    namespaces: Subject | None = None
    packages: Subject | None = None
    clusters: tuple[str, ...] = ()


class OnClose(StrEnum):
    """What happens to a sync that runs when its window closes."""

    FINISH = "Finish"
    STOP = "Stop"


class OverridePolicy(StrEnum):
    """Whether a window may be passed by an Override."""

    NEVER = "Never"
    WITH_REVIEW = "WithReview"
    DIRECT = "Direct"


class OnExpiry(StrEnum):
    """What follows a suspension that ends by itself."""

    RESUME = "Resume"
    REVIEW = "Review"


ALL = frozenset({Grade.ALL})


@dataclass(frozen=True, slots=True)
class SyncWindow:
    """When matching packages may (Allow) or may not (Deny) sync; the effect is the schedule's."""

    name: str
    schedule: Schedule
    match: tuple[Match, ...]
    holds: frozenset[Grade] = ALL
    description: str = ""
    stop_starting_before: timedelta = timedelta(0)
    on_close: OnClose = OnClose.FINISH
    close_grace: timedelta = timedelta(minutes=15)
    override: OverridePolicy = OverridePolicy.WITH_REVIEW
    scope: str = ""
    """The one namespace it can reach, when a team declared it outside the policy path."""
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class Suspension:
    """A hold on many packages, with a reason."""

    name: str
    match: tuple[Match, ...]
    reason: str
    holds: frozenset[Grade] = ALL
    start: datetime | None = None
    until: datetime | None = None
    """None: indefinite, which had to be said."""
    on_expiry: OnExpiry = OnExpiry.RESUME
    scope: str = ""
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class Override:
    """A time-boxed, reasoned permission to pass named gates."""

    name: str
    packages: tuple[str, ...]
    """Globs over `namespace/name`."""
    passes: tuple[str, ...]
    """`SyncWindow/<name>`, `Suspension/<name>`, `Suspension` (annotations), `History`, `Budget`."""
    reason: str
    until: datetime
    revision: str = ""
    plan: str = ""
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """Defaults and limits of one repository."""

    time_zone: str = ""
    prune_objects: int = 20
    prune_percent: int = 30
    override_max: timedelta = timedelta(hours=4)
    stale_suspension: timedelta = timedelta(days=14)
    break_glass_max: timedelta = timedelta(hours=24)
    origin: Origin = field(default_factory=Origin)
