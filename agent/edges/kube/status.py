"""What a read makes of the Status in which an API server says no; never what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.values import Rejected
from agent.edges.kube.failures import RefusedError
from agent.edges.kube.refusal import CONFLICT, rejected
from agent.edges.kube.seam import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UID: Final = "metadata.uid"


def rejection(response: Response, redact: Callable[[str], str] = str) -> Rejected:
    """Read a refusal.

    An apply with a uid says 409 where there is no object, and 422 "metadata.uid: field is
    immutable" where there is another one (seen on 1.36); both are conflicts, and neither may look
    like a reason to replace the object.
    """
    says = rejected(response, redact)
    if any(cause.field == _UID for cause in says.causes):
        return Rejected(CONFLICT, "Conflict", f"another object has this name now ({says.message})")
    return says


def from_status(status: Mapping[str, Any]) -> Rejected:
    """Read a Status object that came without a response: a watch's ERROR event."""
    code = status.get("code")
    return rejection(Response(code if isinstance(code, int) else 0, orjson.dumps(status)))


def refused(what: str, response: Response, retry_after: float = 0.0) -> RefusedError:
    """Make the exception of a read that was refused."""
    says = rejection(response)
    return RefusedError(f"{what}: {says.code} {says.reason}: {says.message}", says, retry_after)
