"""What the server's causes of a refusal mean: an immutable field, or an ordinary error.

Nothing is guessed: only if every cause is one that is known to mean "immutable" may a policy
replace the object. Fields and message tails are those of Kubernetes' validation code, recorded in
tests/testdata/recordings.
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


_MARKS_OF_A_JOB: Final = re.compile(
    r"spec\.template\.metadata\.labels(\[(batch\.kubernetes\.io/)?(controller-uid|job-name)\])?"
)
"""Labels the server gives the Pods of the live Job. Nobody owns them, so they fall with the last
field of the template's metadata that is taken out of Git (seen on 1.36, batch/validation)."""


def is_job(key: Key) -> bool:
    """Whether the object is a Job of Kubernetes itself."""
    return key.kind == "Job" and key.group == "batch"


def _is_immutable(cause: FieldCause) -> bool:
    # A stale uid is refused as an immutable field too: that is another object, not another value.
    return cause.field != "metadata.uid" and any(tail.search(cause.message) for tail in _TAILS)


def immutable(rejected: Rejected) -> bool:
    """Whether a refusal says that fields are immutable, and nothing else.

    What it says of the marks of a live Job goes with that Job.
    """
    causes = [cause for cause in rejected.causes if not _MARKS_OF_A_JOB.fullmatch(cause.field)]
    return rejected.code == INVALID and bool(causes) and all(map(_is_immutable, causes))


def fields(rejected: Rejected) -> str:
    """The fields a refusal is about, for people: `spec.template, spec.selector`."""
    named = (cause.field for cause in rejected.causes if _is_immutable(cause))
    return ", ".join(dict.fromkeys(filter(None, named)))


def propagation(key: Key) -> str:
    """How a replaced object's dependents go: no two runs of a Job at once, no lost Pods' data."""
    if is_job(key):
        return "Foreground"
    return "Orphan" if (key.group, key.kind) == ("apps", "StatefulSet") else "Background"
