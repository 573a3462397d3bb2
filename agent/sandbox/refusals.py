"""What the API server says when it refuses: a code, a reason, and the causes; never decides to.

Texts are those of Kubernetes 1.36, recorded from a real server (tests/testdata/recordings).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from agent.core.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OK: Final = 200
CREATED: Final = 201
LARGEST_BODY: Final = 3 * 1024 * 1024
"""Bytes of a request, `MaxRequestBodyBytes` of the API server."""


class Cause(NamedTuple):
    """One entry of `details.causes`."""

    reason: str
    field: str
    message: str


class RefusalError(AgentError):
    """The answer to a request is this Status, and nothing was changed."""

    def __init__(  # noqa: PLR0913 - a Status has that many parts
        self,
        code: int,
        reason: str,
        message: str,
        *,
        name: str = "",
        group: str = "",
        kind: str = "",
        uid: str = "",
        causes: Sequence[Cause] = (),
        has_details: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.causes = tuple(causes)
        said = {"name": name, "group": group, "kind": kind, "uid": uid}
        self._details: dict[str, Any] = {key: value for key, value in said.items() if value}
        self._has_details = has_details

    def status(self) -> dict[str, Any]:
        """Give the Status object."""
        details = dict(self._details)
        if self.causes:
            details["causes"] = [
                {"reason": each.reason, "message": each.message, "field": each.field}
                for each in self.causes
            ]
        found: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "details": details,
            "code": self.code,
        }
        if not self.reason:
            del found["reason"]
        if not self._has_details:
            del found["details"]
        return found


# --- causes --------------------------------------------------------------------------------------


def invalid(field: str, value: Any, why: str) -> Cause:
    """A value that is not allowed; the message prints it, as the server's does."""
    return Cause("FieldValueInvalid", field, f"Invalid value: {_printed(value)}: {why}")


def forbidden(field: str, why: str) -> Cause:
    """A field that may not be set or changed now."""
    return Cause("FieldValueForbidden", field, f"Forbidden: {why}")


def required(field: str, why: str = "") -> Cause:
    """A field that is missing."""
    return Cause("FieldValueRequired", field, f"Required value: {why}" if why else "Required value")


def unsupported(field: str, value: Any, allowed: Sequence[Any]) -> Cause:
    """A value that is none of a list."""
    listed = ", ".join(_printed(each) for each in allowed)
    says = f"Unsupported value: {_printed(value)}: supported values: {listed}"
    return Cause("FieldValueNotSupported", field, says)


def duplicate(field: str, value: Any) -> Cause:
    """A value that must occur once only."""
    return Cause("FieldValueDuplicate", field, f"Duplicate value: {_printed(value)}")


def _printed(value: Any) -> str:
    return orjson.dumps(value).decode()


# --- statuses ------------------------------------------------------------------------------------


def is_invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> RefusalError:
    """422 with its causes, the message made of them as the server makes it."""
    listed = list(dict.fromkeys(f"{each.field}: {each.message}" for each in causes))
    text = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    what = f"{kind}.{group}" if group else kind
    says = f'{what} "{name}" is invalid: {text}'
    return RefusalError(422, "Invalid", says, name=name, group=group, kind=kind, causes=causes)


def not_found(group: str, plural: str, name: str) -> RefusalError:
    """404 of an object."""
    what = f"{plural}.{group}" if group else plural
    return RefusalError(
        404, "NotFound", f'{what} "{name}" not found', name=name, group=group, kind=plural
    )


def not_served() -> RefusalError:
    """404 of a path."""
    return RefusalError(404, "NotFound", "the server could not find the requested resource")


def exists(group: str, plural: str, name: str) -> RefusalError:
    """409 of a creation."""
    what = f"{plural}.{group}" if group else plural
    says = f'{what} "{name}" already exists'
    return RefusalError(409, "AlreadyExists", says, name=name, group=group, kind=plural)


def conflict(
    group: str,
    plural: str,
    name: str,
    why: str = (
        "the object has been modified; please apply your changes to the latest version and try"
        " again"
    ),
) -> RefusalError:
    """409 of a precondition."""
    what = f"{plural}.{group}" if group else plural
    says = f'Operation cannot be fulfilled on {what} "{name}": {why}'
    return RefusalError(409, "Conflict", says, name=name, group=group, kind=plural)


def bad_request(message: str) -> RefusalError:
    """400."""
    return RefusalError(400, "BadRequest", message, has_details=False)


def unauthorized() -> RefusalError:
    """401: no token, or another one."""
    return RefusalError(401, "Unauthorized", "Unauthorized", has_details=False)


def too_large() -> RefusalError:
    """413 of a body that nobody has looked at."""
    says = f"Request entity too large: limit is {LARGEST_BODY}"
    return RefusalError(413, "RequestEntityTooLarge", says, has_details=False)


def method_not_allowed() -> RefusalError:
    """405."""
    says = "the server does not allow this method on the requested resource"
    return RefusalError(405, "MethodNotAllowed", says)


def expired(message: str) -> RefusalError:
    """410: only a new list helps."""
    return RefusalError(410, "Expired", message, has_details=False)


def unsupported_media(message: str) -> RefusalError:
    """415."""
    return RefusalError(415, "UnsupportedMediaType", message)


def untyped(message: str) -> RefusalError:
    """500 of a server-side apply that does not fit the schema (structured-merge-diff)."""
    return RefusalError(500, "", message, has_details=False)


def not_in_the_sandbox(what: str, instead: str = "") -> RefusalError:
    """501: a real server does it, this one does not."""
    says = f"the sandbox does not {what}" + (f": {instead}" if instead else "")
    return RefusalError(501, "NotImplemented", says)


def refused_here(group: str, kind: str, name: str, field: str, why: str) -> RefusalError:
    """422 for what a real server takes and this one could only ignore."""
    cause = forbidden(field, f"the sandbox {why}")
    return is_invalid(group, kind, name, (cause,))


def success(details: Mapping[str, Any]) -> dict[str, Any]:
    """Give the Status of a deletion that is done."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": dict(details),
    }
