"""What an answer of the API server to a write means: taken, refused, or nobody knows.

Never lets a rejected value through: messages print whole pod templates, Secrets among them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.reading import items, mapping, text
from agent.core.values import FieldCause, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.edges.kube.seam import Response

LONGEST: Final = 512
"""Characters of a message; the rest is of no use to people."""
TOO_MANY_REQUESTS: Final = 429
NOT_FOUND: Final = 404
CONFLICT: Final = 409
INVALID: Final = 422
SERVER_ERROR: Final = 500

_REFUSED_500: Final = (
    # Server-side apply of what its schema does not know (structured-merge-diff).
    "failed to create typed patch object",
    "failed to create manager for existing fields",
    "failed to convert new object",  # data of a Secret that is no base64
    # Admission runs before anything is stored.
    "failed calling webhook",
    "failed to call webhook",
)
_VALUE: Final = re.compile(r"(Invalid|Duplicate|Unsupported) value: ")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def is_taken(response: Response) -> bool:
    """Whether the server did what it was asked."""
    return 200 <= response.status < 300  # noqa: PLR2004 - RFC 9110 §15.3


def is_refused(response: Response) -> bool:
    """Whether the server surely did nothing; otherwise the write may have landed."""
    if response.status < SERVER_ERROR:
        return True
    message = text(status(response).get("message"))
    return response.status == SERVER_ERROR and any(known in message for known in _REFUSED_500)


def is_gone(response: Response, name: str) -> bool:
    """Whether a 404 is about the object, not about a kind or path nobody serves."""
    details = mapping(status(response).get("details"))
    return response.status == NOT_FOUND and details.get("name") == name


def status(response: Response) -> Mapping[str, Any]:
    """Return the Status object of a refusal; empty where a proxy answered with something else."""
    try:
        return mapping(orjson.loads(response.body))
    except ValueError:
        return {}


def rejected(response: Response, redact: Callable[[str], str]) -> Rejected:
    """Read a refusal; causes keep the tail of their message and lose the value."""
    found = status(response)
    details = mapping(found.get("details"))
    causes = tuple(
        FieldCause(
            text(cause.get("reason")),
            text(cause.get("field")),
            _trimmed(redact(tail(text(cause.get("message"))))),
        )
        for cause in items(details.get("causes"))
    )
    return Rejected(
        response.status,
        text(found.get("reason")) or f"HTTP{response.status}",
        _trimmed(redact(_message(found, details, causes))),
        causes,
    )


def tail(message: str) -> str:
    """Cut the value out of a field error.

    >>> tail('Invalid value: {"a":"s3cret"}: field is immutable')
    'field is immutable'
    """
    value = _VALUE.search(message)
    if value is None:
        return message
    rest = message[value.end() :]
    if quoted := _QUOTED.match(rest):
        return rest[quoted.end() :].removeprefix(": ") or value[0].removesuffix(": ")
    return rest.rpartition(": ")[2]


def _message(
    found: Mapping[str, Any], details: Mapping[str, Any], causes: tuple[FieldCause, ...]
) -> str:
    if causes:
        what = f'{text(details.get("kind"))} "{text(details.get("name"))}"'
        return f"{what}: " + "; ".join(
            f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes
        )
    return tail(text(found.get("message"))) or "the server gave no reason"


def _trimmed(message: str) -> str:
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
