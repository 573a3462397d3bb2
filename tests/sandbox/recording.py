"""Answers as they are compared: what differs from run to run has a name instead of a value.

Never loosens anything else: defaults, managedFields, causes and messages count to the letter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_UID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_ADDRESS: Final = re.compile(r"10\.0\.\d+\.\d+")
_KEPT_TIME: Final = "2026-01-02T03:04:05.000000Z"
_VALUE: Final = re.compile(
    r"(Invalid value: )[{\[].*?([}\]]: (?:field is immutable|may not|cannot))"
)


_STORED_TWICE: Final = frozenset({"Job", "PersistentVolumeClaim"})
"""Kinds whose first apply after the creation is stored anew though nothing has changed (1.36)."""


class Names:
    """Gives uids, versions and the like names, in the order in which they are first seen."""

    def __init__(self, space: str) -> None:
        self._space = space
        self._known: dict[str, str] = {}

    def named(self, value: Any) -> Any:
        """Return an answer with names for what chance decides."""
        if isinstance(value, dict):
            return {self.named(key): self._field(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.named(each) for each in value]
        return self._text(value) if isinstance(value, str) else value

    def _field(self, key: str, value: Any) -> Any:
        if key == "resourceVersion" and value not in ("0", "1"):
            return self._name("version", str(value))
        if key == "nodePort" and isinstance(value, int):
            return self._name("port", str(value))
        return self.named(value)

    def _text(self, text: str) -> str:
        text = text.replace(self._space, "{space}")
        text = _UID.sub(lambda match: self._name("uid", match[0]), text)
        if text != _KEPT_TIME:
            text = _TIME.sub("{time}", text)
        text = _ADDRESS.sub(lambda match: self._name("address", match[0]), text)
        return re.sub(r"\brecord \((\d+)\)", "record ({version})", text)

    def _name(self, kind: str, value: str) -> str:
        if value not in self._known:
            number = sum(each.startswith("{" + kind) for each in self._known.values()) + 1
            self._known[value] = f"{{{kind} {number}}}"
        return self._known[value]


def simplified(answer: Mapping[str, Any]) -> Any:
    """Leave out what the sandbox says otherwise, and says so: Go's internal names in messages.

    A refusal prints rejected structs as Go's internal types have them (`"DNSPolicy":""`), and a
    type error names Go types; causes are compared by field, reason and the tail of their message.
    """
    if answer.get("kind") != "Status":
        return _sorted_owners(answer)
    found = {key: each for key, each in answer.items() if key != "message"}
    details = dict(found.get("details") or {})
    if details.get("causes"):
        # Those of custom resources come in the order of a Go map, which is none.
        # A few are said twice.
        causes = {
            (each["field"], tail(each["message"]), each["reason"]) for each in details["causes"]
        }
        details["causes"] = sorted(causes)
        found["details"] = details
    return found


def tail(message: str) -> str:
    """Cut the value out of the message of a cause, and a diff after it."""
    first = message.partition("\n@@")[0]
    value = re.match(r"(Invalid value: )(?:[{\[].*[}\]])(: .*)", first)
    return f"{value[1]}…{value[2]}" if value else first


def _sorted_owners(answer: Mapping[str, Any]) -> Any:
    """Order managedFields; the server orders them by their time, and a second may pass or not."""
    metadata = dict(answer.get("metadata") or {})
    if answer.get("kind") in _STORED_TWICE:
        metadata.pop("resourceVersion", None)
    owners = metadata.get("managedFields")
    if owners:
        metadata["managedFields"] = sorted(
            owners,
            key=lambda each: (each["operation"], each["manager"], each.get("subresource", "")),
        )
    return {**answer, "metadata": metadata}
