"""Label and field selectors of list and watch requests; never looks at anything else.

Rules: API concepts, "Label selectors" and "Field selectors" (kubernetes.io).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent.core.reading import at, mapping
from agent.core.values import ABSENT
from agent.sandbox.refusals import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.sandbox.catalog import Resource

_SET: Final = re.compile(r"\s*([^\s,!=()]+)\s+(in|notin)\s*\(([^()]*)\)\s*")
_EQUAL: Final = re.compile(r"\s*([^\s,!=()]+)\s*(==|=|!=)\s*([^\s,!=()]*)\s*")
_EXISTS: Final = re.compile(r"\s*(!?)\s*([^\s,!=()]+)\s*")
_FIELD: Final = re.compile(r"([^=!]+)(==|=|!=)(.*)")
_FIELDS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "Event"): (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("", "Namespace"): ("status.phase",),
    ("", "Pod"): ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase"),
    ("", "Secret"): ("type",),
    ("batch", "Job"): ("status.successful",),
}


@dataclass(frozen=True, slots=True)
class _Requirement:
    key: str
    values: frozenset[str] | None
    """None: whatever its value is."""
    negated: bool = False

    def holds(self, labels: Mapping[str, Any]) -> bool:
        if self.values is None:
            return (self.key in labels) != self.negated
        return (labels.get(self.key) in self.values) != self.negated


@dataclass(frozen=True, slots=True)
class Selector:
    """What a request wants to see."""

    labels: tuple[_Requirement, ...] = ()
    fields: tuple[tuple[str, str, bool], ...] = ()

    def matches(self, found: Mapping[str, Any]) -> bool:
        """Whether an object is selected."""
        if self.labels:
            labels = mapping(at(found, "metadata", "labels"))
            if not all(each.holds(labels) for each in self.labels):
                return False
        return all((_field(found, path) == text) == wanted for path, text, wanted in self.fields)


def parse(resource: Resource, labels: str, fields: str) -> Selector:
    """Read the two parameters.

    Raises:
        RefusalError: one can't be read, or names a field that no server indexes.
    """
    return Selector(tuple(_requirements(labels)), tuple(_field_terms(resource, fields)))


def _requirements(text: str) -> list[_Requirement]:
    found: list[_Requirement] = []
    rest = text.strip()
    while rest:
        for pattern in (_SET, _EQUAL, _EXISTS):
            match = pattern.match(rest)
            after = rest[match.end() :] if match else ""
            if match and (not after or after.startswith(",")):
                found.append(_requirement(pattern, match))
                rest = after[1:].strip()
                break
        else:
            raise bad_request(f"unable to parse requirement: {rest!r}")
    return found


def _requirement(pattern: re.Pattern[str], match: re.Match[str]) -> _Requirement:
    if pattern is _SET:
        values = frozenset(each.strip() for each in match[3].split(","))
        return _Requirement(match[1], values, match[2] == "notin")
    if pattern is _EQUAL:
        return _Requirement(match[1], frozenset({match[3]}), match[2] == "!=")
    return _Requirement(match[2], None, bool(match[1]))


def _field_terms(resource: Resource, text: str) -> list[tuple[str, str, bool]]:
    group = "" if resource.group == "events.k8s.io" else resource.group
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get((group, resource.kind), ()))
    found = []
    for term in filter(None, text.split(",")):
        match = _FIELD.fullmatch(term.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        if match[1] not in known:
            raise bad_request(
                f'"{match[1]}" is not a known field selector: only "metadata.name",'
                ' "metadata.namespace"'
            )
        found.append((match[1], match[3], match[2] != "!="))
    return found


def _field(found: Mapping[str, Any], path: str) -> str:
    if path == "status.successful":
        path = "status.succeeded"
    value = at(found, *path.split("."))
    return "" if value is ABSENT else str(value)
