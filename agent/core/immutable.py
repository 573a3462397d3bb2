"""What the server's causes of a refusal mean: an immutable field, or an ordinary error.

Nothing is guessed: only if every cause is one that is known to mean "immutable" may a policy
replace the object. Fields and message tails are those of Kubernetes' validation code, recorded in
tests/testdata/refusals.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agent.core.values import FieldCause, Key, Rejected

INVALID: Final = 422

NEVER_REPLACED: Final = frozenset(
    {
        ("", "PersistentVolumeClaim"),
        ("", "PersistentVolume"),
        ("", "Namespace"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    }
)
"""Replacing these deletes what nobody can put back."""

WORKLOADS: Final = frozenset(
    {
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("apps", "ReplicaSet"),
    }
)
"""Replaced only where the object itself says so."""

_TAILS: Final = (
    re.compile(r"field is immutable\.?$"),
    re.compile(r"field is immutable when `immutable` is set$"),
    re.compile(r"may not change once set$"),
    re.compile(r"cannot change roleRef$"),
    re.compile(r"is immutable after creation\b"),
    re.compile(r"updates to .+ are forbidden\.?"),
    re.compile(r"may not be changed in an update\.?$"),
)


def is_job(key: Key) -> bool:
    """Whether the object is a Job of Kubernetes itself."""
    return key.kind == "Job" and key.group == "batch"


def _is_immutable(cause: FieldCause) -> bool:
    # A stale uid is refused as an immutable field too: that is another object, not another value.
    return cause.field != "metadata.uid" and any(tail.search(cause.message) for tail in _TAILS)


def immutable(rejected: Rejected) -> bool:
    """Whether a refusal says that fields are immutable, and nothing else."""
    return (
        rejected.code == INVALID
        and bool(rejected.causes)
        and all(_is_immutable(cause) for cause in rejected.causes)
    )


def fields(rejected: Rejected) -> str:
    """The fields a refusal is about, for people: `spec.template, spec.selector`."""
    return ", ".join(dict.fromkeys(cause.field for cause in rejected.causes if cause.field))


def propagation(key: Key) -> str:
    """How a replaced object's dependents go: no two runs of a Job at once, no lost Pods' data."""
    if is_job(key):
        return "Foreground"
    return "Orphan" if (key.group, key.kind) == ("apps", "StatefulSet") else "Background"
