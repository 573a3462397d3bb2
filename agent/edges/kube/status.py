"""Reads the Status object in which an API server says no; never decides what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from agent.core.reading import at, items, mapping, text
from agent.core.values import FieldCause, Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.edges.kube.seam import Response

_LONGEST = 600
_PRINTED = re.compile(r"Invalid value: .{60,}: ", re.DOTALL)
"""A long value, up to the last colon: what follows is the reason (apimachinery field.Error)."""
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def rejection(response: Response) -> Rejected:
    """Read a refusal; a proxy's page or an empty body becomes its plain text."""
    try:
        status = mapping(orjson.loads(response.body))
    except orjson.JSONDecodeError:
        plain = response.body.decode(errors="replace").strip()
        return Rejected(response.status, _reason(response.status), _trim(plain))
    return from_status(status, response.status)


def from_status(status: Mapping[str, Any], code: int = 0) -> Rejected:
    """Read a Status object, such as a watch's ERROR event carries; `code` where it has none."""
    found = status.get("code")
    code = found if isinstance(found, int) else code
    return Rejected(
        code=code,
        reason=text(status.get("reason")) or _reason(code),
        message=_trim(text(status.get("message"))),
        causes=tuple(
            FieldCause(
                text(cause.get("reason")),
                text(cause.get("field")),
                _trim(text(cause.get("message"))),
            )
            for cause in items(at(status, "details", "causes"))
        ),
    )


def _reason(code: int) -> str:
    return _REASONS.get(code, f"Status{code}")


def _trim(message: str) -> str:
    """Keep what matters: a 422 prints a whole pod template, Secrets' text and all, before it."""
    message = _PRINTED.sub("Invalid value: …: ", message)
    if len(message) <= _LONGEST:
        return message
    half = _LONGEST // 2
    return f"{message[:half]} … {message[-half:]}"
