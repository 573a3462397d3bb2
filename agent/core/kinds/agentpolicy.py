"""`AgentPolicy`: defaults and limits of one repository.

Never enforces them.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from agent.core import words
from agent.core.kinds.metadata import PolicyMetadata
from agent.core.kinds.positions import Path
from agent.core.kinds.shape import Count, Duration, Fault, Shape, Zone
from agent.core.policies import AgentPolicy

FEATURES: Final[Mapping[Path, str]] = {
    ("spec", "tenants"): "tenants",
    ("spec", "overrides", "groups"): "overrides by group",
}


class PruneBudgetShape(Shape):
    """How much one plan may delete without an approval or an Override."""

    objects: Annotated[Count, Field(ge=0)] = 20
    percent: Annotated[Count, Field(ge=0, le=100)] = 30


class OverridesShape(Shape):
    """Limits of Overrides."""

    max_duration: Duration = timedelta(hours=4)


class BreakGlassShape(Shape):
    """Limits of suspensions that were set on live objects."""

    max_duration: Duration = timedelta(hours=24)


class AgentPolicySpec(Shape):
    """Defaults and limits."""

    time_zone: Zone | None = None
    """For windows that name none."""
    prune_budget: PruneBudgetShape = Field(default_factory=PruneBudgetShape)
    overrides: OverridesShape = Field(default_factory=OverridesShape)
    stale_suspension: Duration = timedelta(days=14)
    """Suspensions older than this are reported."""
    break_glass: BreakGlassShape = Field(default_factory=BreakGlassShape)


class AgentPolicyShape(Shape):
    """The policy, whole."""

    api_version: Literal[words.API_VERSION]  # type: ignore[valid-type]
    kind: Literal["AgentPolicy"]
    metadata: PolicyMetadata
    spec: AgentPolicySpec


def omissions(_: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield nothing: every field has a default."""
    yield from ()


def build(document: AgentPolicyShape, _: Mapping[str, Any]) -> AgentPolicy:
    """Return the value."""
    spec = document.spec
    return AgentPolicy(
        time_zone=spec.time_zone or "",
        prune_objects=spec.prune_budget.objects,
        prune_percent=spec.prune_budget.percent,
        override_max=spec.overrides.max_duration,
        stale_suspension=spec.stale_suspension,
        break_glass_max=spec.break_glass.max_duration,
    )
