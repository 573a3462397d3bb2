"""`Suspension`: hold many packages, with a reason.

Never asks whether it is in force.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from agent.core import words
from agent.core.kinds.match import Grades, Matches, matches
from agent.core.kinds.metadata import PolicyMetadata
from agent.core.kinds.positions import Path
from agent.core.kinds.shape import Fault, Flag, Instant, Sentence, Shape, refused
from agent.core.policies import OnExpiry, Suspension
from agent.core.values import Grade

FEATURES: Final[Mapping[Path, str]] = {}


class SuspensionSpec(Shape):
    """What is held, why, and until when."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["until"]}, {"required": ["indefinite"]}]}
    )

    match: Matches | None = None
    """Which packages; may be left out only in a namespace's own suspension."""
    holds: Grades = (Grade.ALL,)
    reason: Sentence
    start: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None
    """RFC 3339 with offset; required, or `indefinite: true`."""
    indefinite: Flag = False
    on_expiry: OnExpiry = OnExpiry.RESUME
    """Review keeps the packages held until the resume preview is approved."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.start and self.until and self.until <= self.start:
            raise refused(f"until ({self.until}) is not after from ({self.start})")
        return self


class SuspensionShape(Shape):
    """A suspension, whole."""

    api_version: Literal[words.API_VERSION]  # type: ignore[valid-type]
    kind: Literal["Suspension"]
    metadata: PolicyMetadata
    spec: SuspensionSpec


def omissions(spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is missing or contradictory across fields."""
    ends, endless = spec.get("until") is not None, spec.get("indefinite") is True
    if ends and endless:
        says = "spec.indefinite: a suspension with until ends: keep one of them"
        yield Fault(("spec", "indefinite"), says)
    elif not ends and not endless:
        yield Fault(("spec",), "spec.until is missing: write when it ends, or indefinite: true")


def build(document: SuspensionShape, _: Mapping[str, Any]) -> Suspension:
    """Return the value."""
    spec, scope = document.spec, document.metadata.namespace or ""
    return Suspension(
        name=document.metadata.name,
        match=matches(spec.match, scope),
        reason=spec.reason,
        holds=frozenset(spec.holds),
        start=spec.start,
        until=spec.until,
        on_expiry=spec.on_expiry,
        scope=scope,
    )
