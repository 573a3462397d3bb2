"""`Override`: a time-boxed, reasoned permission to pass named gates.

Never judges whether a gate may be passed, or for how long.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from agent.core import words
from agent.core.kinds.metadata import PolicyMetadata
from agent.core.kinds.positions import Path
from agent.core.kinds.shape import (
    Fault,
    Instant,
    Sentence,
    Shape,
    hint,
    is_label,
    refused,
    shown,
)
from agent.core.policies import Override

FEATURES: Final[Mapping[Path, str]] = {}
_GATES: Final = ("SyncWindow/<name>", "Suspension/<name>", "Suspension", "History", "Budget")
_PACKAGES: Final = re.compile(r"[a-z0-9*-]+/[a-z0-9*-]+")
_REVISION: Final = re.compile(r"[0-9a-f]{7,64}")


def _gate(text: str) -> str:
    kind, slash, name = text.partition("/")
    if text in _GATES[2:] or (slash and kind in {"SyncWindow", "Suspension"} and is_label(name)):
        return text
    known = ("SyncWindow", "Suspension", "History", "Budget")
    raise refused(f"{shown(text)} is no gate: write {', '.join(_GATES)}{hint(kind, known)}")


def _packages(text: str) -> str:
    if not _PACKAGES.fullmatch(text):
        raise refused(f"{shown(text)} is not namespace/name: write one such as shop/pay*")
    return text


def _revision(text: str) -> str:
    if not _REVISION.fullmatch(text):
        raise refused(f"{shown(text)} is not a commit id: write at least 7 of its hex digits")
    return text


class OverrideSpec(Shape):
    """Which packages may pass which gates, why, and until when."""

    packages: Annotated[tuple[Annotated[str, AfterValidator(_packages)], ...], Field(min_length=1)]
    """`namespace/name`; `*` stands for any characters."""
    passes: Annotated[tuple[Annotated[str, AfterValidator(_gate)], ...], Field(min_length=1)]
    """`SyncWindow/<name>`, `Suspension/<name>`, `Suspension`, `History` or `Budget`."""
    revision: Annotated[str, AfterValidator(_revision)] | None = None
    """Only while this commit is the newest; required to pass History."""
    plan: str | None = None
    """Only this plan, by its digest; required to pass Budget."""
    until: Instant
    reason: Sentence


class OverrideShape(Shape):
    """An override, whole."""

    api_version: Literal[words.API_VERSION]  # type: ignore[valid-type]
    kind: Literal["Override"]
    metadata: PolicyMetadata
    spec: OverrideSpec


def omissions(spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what a gate needs to be named exactly."""
    passes = spec.get("passes")
    for gate, field in (("Budget", "plan"), ("History", "revision")):
        if isinstance(passes, list) and gate in passes and not spec.get(field):
            yield Fault(("spec",), f"spec.{field} is missing: passing {gate} needs it")


def build(document: OverrideShape, _: Mapping[str, Any]) -> Override:
    """Return the value."""
    spec = document.spec
    return Override(
        name=document.metadata.name,
        packages=spec.packages,
        passes=spec.passes,
        reason=spec.reason,
        until=spec.until,
        revision=spec.revision or "",
        plan=spec.plan or "",
    )
