"""`metadata` of declarations, and which annotations of ours may stand there.

Never reads what an annotation says: an unreadable suspension must hold, not drop its package.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from agent.core import words
from agent.core.kinds.shape import Name, Shape, hint, later, refused, shown

_PREFIX: Final = f"{words.GROUP}/"
_PACKAGE: Final = (words.SUSPEND, words.SUSPEND_REASON, words.SUSPEND_UNTIL, words.SUSPEND_BY)
_ALLOWED: Final = (*_PACKAGE, words.SYNC_REQUESTED_AT)
_OF_OBJECTS: Final = {
    words.WAVE: "it orders the objects of one package; between packages write spec.dependsOn",
    words.PRUNE: "for the whole package write spec.prune",
    words.JOBS: "for the whole package write spec.jobs",
    words.REPLACE: "for the whole package write spec.replace",
    words.CONFLICTS: "for the whole package write spec.conflicts",
    words.JOB_HISTORY: "write it on the Job",
}
_OURS: Final = (words.OWNER, words.PACKAGE, words.INSTANCE)
_LATER: Final = {f"{_PREFIX}hibernate": "hibernation", f"{_PREFIX}job-inputs": "Job inputs"}
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY: Final = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)


def _label_key(text: str) -> str:
    if not _LABEL_KEY.fullmatch(text):
        raise refused(f"{shown(text)} is not the key of a label (Kubernetes, labels: syntax)")
    if text.startswith(_PREFIX):
        raise refused(f"{shown(text)}: labels under {_PREFIX} are written by the agent: remove it")
    return text


def _label_value(text: str) -> str:
    if not _LABEL_VALUE.fullmatch(text):
        raise refused(
            f"{shown(text)} is not the value of a label: write at most 63 letters, digits, "
            "dashes, dots and underscores, a letter or digit first and last"
        )
    return text


def _annotation(text: str) -> str:
    if not text.startswith(_PREFIX) or text in _ALLOWED:
        return text
    if text in _LATER:
        raise refused(later(f"the annotation {text}", _LATER[text]))
    if text in _OF_OBJECTS:
        raise refused(f"{text} belongs on single objects: {_OF_OBJECTS[text]}")
    if text in _OURS:
        raise refused(f"{text} is written by the agent: remove it")
    raise refused(f"unknown annotation {shown(text)}{hint(text, (*_ALLOWED, *_OF_OBJECTS))}")


Labels = dict[
    Annotated[str, AfterValidator(_label_key)], Annotated[str, AfterValidator(_label_value)]
]
Annotations = dict[Annotated[str, AfterValidator(_annotation)], str]


class PolicyMetadata(Shape):
    """Who a policy is, and the one namespace it reaches where its own team declared it."""

    name: Name
    namespace: Name | None = None
    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)


class PackageMetadata(Shape):
    """Who a package is; its namespace is where its objects go unless they name another."""

    name: Name
    namespace: Name
    labels: Labels = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)
