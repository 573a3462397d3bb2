"""Tables, as `kubectl get` asks for them: columns of the kinds people look at; never the objects.

Kinds without columns of their own have a name and an age.

Rules: API concepts, "Receiving resources as Tables"; `printers/internalversion` of Kubernetes 1.36.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from agent.core.reading import at, items, mapping
from agent.core.values import ABSENT
from agent.sandbox.views import metadata_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.sandbox.catalog import Resource
    from agent.sandbox.store import Stored

Object = dict[str, Any]
Cell = tuple[str, str, int]
"""Title, type, priority: 1 is for `-o wide`."""
_NAME: Final[Object] = {"name": "Name", "type": "string", "format": "name", "priority": 0}
_NONE: Final = "<none>"


def columns(resource: Resource) -> list[Object]:
    """Give the headings of a kind."""
    if resource.columns:
        return [_NAME, *(_custom_column(each) for each in resource.columns)]
    titles = _TITLES.get(resource.kind, "Age") if not resource.is_custom else "Age"
    return [_NAME, *(_column(title) for title in titles.split("|"))]


def row(resource: Resource, stored: Stored, now: datetime, include: str) -> Object:
    """Give one line; `include` says what comes with it: Metadata, Object or None."""
    found = stored.object
    cells = [found["metadata"]["name"], *_cells(resource, found, now)]
    made: Object = {"cells": cells}
    if include != "None":
        made["object"] = found if include == "Object" else metadata_only(stored)
    return made


def _column(title: str) -> Object:
    name, _, kind = title.partition(":")
    wide = name.endswith("*")
    return {
        "name": name.rstrip("*"),
        "type": kind or "string",
        "format": "",
        "priority": int(wide),
        "description": "",
    }


def _custom_column(column: Mapping[str, Any]) -> Object:
    return {
        "name": column["name"],
        "type": column["type"],
        "format": column.get("format", ""),
        "priority": column.get("priority", 0),
        "description": column.get("description", ""),
    }


def _cells(resource: Resource, found: Object, now: datetime) -> Iterator[Any]:
    if resource.columns:
        yield from (_custom_cell(each, found, now) for each in resource.columns)
        return
    age = _age(found, now)
    of_kind = None if resource.is_custom else _CELLS.get(resource.kind)
    if of_kind is None:
        yield age
    else:
        yield from of_kind(found, age)


# --- custom resources ----------------------------------------------------------------------------

_STEP: Final = re.compile(
    r"\.([\w\\./-]+?)(?=[.\[]|$)|\['([^']+)'\]|\[(\d+|\*)\]"
    r"|\[\?\(@\.([\w.]+)\s*==\s*['\"]([^'\"]*)['\"]\)\]"
)


def _custom_cell(column: Mapping[str, Any], found: Object, now: datetime) -> Any:
    values = find(found, column["jsonPath"])
    if not values or values[0] is None:
        return None
    value = values[0]
    match column["type"]:
        case "date":
            return since(str(value), now)
        case "string" if not isinstance(value, str):
            return str(value)
        case _:
            return value


def find(value: Any, path: str) -> list[Any]:
    """Follow a simple JSONPath: fields, indices, `[*]`, `[?(@.type=="Ready")]`."""
    found = [value]
    text = path if path.startswith((".", "[")) else f".{path}"
    for match in _STEP.finditer(text):
        found = [below for each in found for below in _follow(each, match)]
    return found


def _follow(value: Any, match: re.Match[str]) -> Iterator[Any]:
    name, quoted, index, key, wanted = match.groups()
    if name or quoted:
        field = quoted or name.replace("\\.", ".")
        if isinstance(value, dict) and field in value:
            yield value[field]
    elif key:
        yield from (each for each in items(value) if str(at(each, *key.split("."))) == wanted)
    elif isinstance(value, list):
        yield from value if index == "*" else value[int(index) : int(index) + 1]


# --- times ---------------------------------------------------------------------------------------


def since(then: str, now: datetime) -> str:
    """Tell how long ago an instant was, as kubectl does: `5s`, `3m20s`, `4h`, `2d3h`."""
    try:
        seconds = int((now - datetime.fromisoformat(then)).total_seconds())
    except ValueError:
        return "<unknown>"
    if seconds < 120:  # noqa: PLR2004 - HumanDuration's limits, all of them
        return f"{max(seconds, 0)}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    for limit, value, unit, rest, small in (
        (600, minutes, "m", seconds % 60, "s"),
        (10_800, minutes, "m", 0, ""),
        (28_800, hours, "h", minutes % 60, "m"),
        (172_800, hours, "h", 0, ""),
        (691_200, days, "d", hours % 24, "h"),
    ):
        if seconds < limit:
            return f"{value}{unit}" + (f"{rest}{small}" if rest else "")
    return f"{days}d"


def _age(found: Object, now: datetime) -> str:
    created = at(found, "metadata", "creationTimestamp")
    return since(created, now) if isinstance(created, str) else "<unknown>"


# --- built-in kinds ------------------------------------------------------------------------------


def _number(found: Object, *path: str) -> Any:
    value = at(found, *path)
    return 0 if value is ABSENT else value


def _text(found: Object, *path: str) -> str:
    value = at(found, *path)
    return "" if value is ABSENT else str(value)


def _selector(found: Object) -> str:
    labels = mapping(at(found, "spec", "selector", "matchLabels"))
    return ",".join(f"{key}={value}" for key, value in labels.items()) or _NONE


def _containers(found: Object) -> tuple[str, str]:
    listed = items(at(found, "spec", "template", "spec", "containers"))
    return ",".join(each["name"] for each in listed), ",".join(each["image"] for each in listed)


def _deployment(found: Object, age: str) -> Iterator[Any]:
    ready = _number(found, "status", "readyReplicas")
    yield f"{ready}/{_number(found, 'spec', 'replicas')}"
    yield _number(found, "status", "updatedReplicas")
    yield _number(found, "status", "availableReplicas")
    yield age
    yield from (*_containers(found), _selector(found))


def _replica_set(found: Object, age: str) -> Iterator[Any]:
    yield _number(found, "spec", "replicas")
    yield _number(found, "status", "replicas")
    yield _number(found, "status", "readyReplicas")
    yield age
    yield from (*_containers(found), _selector(found))


def _stateful_set(found: Object, age: str) -> Iterator[Any]:
    ready = _number(found, "status", "readyReplicas")
    yield f"{ready}/{_number(found, 'spec', 'replicas')}"
    yield age
    yield from _containers(found)


def _daemon_set(found: Object, age: str) -> Iterator[Any]:
    for name in (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ):
        yield _number(found, "status", name)
    yield _NONE
    yield age
    yield from (*_containers(found), _selector(found))


def _job(found: Object, age: str) -> Iterator[Any]:
    conditions = {
        each["type"]
        for each in items(at(found, "status", "conditions"))
        if each["status"] == "True"
    }
    known = [name for name in ("Complete", "Failed", "Suspended") if name in conditions]
    leaving = "deletionTimestamp" in found["metadata"]
    yield known[0] if known else "Terminating" if leaving else "Running"
    yield f"{_number(found, 'status', 'succeeded')}/{_number(found, 'spec', 'completions')}"
    started, ended = _text(found, "status", "startTime"), _text(found, "status", "completionTime")
    yield since(started, datetime.fromisoformat(ended)) if started and ended else ""
    yield age
    yield from (*_containers(found), _selector(found))


def _cron_job(found: Object, age: str) -> Iterator[Any]:
    yield _text(found, "spec", "schedule")
    yield _text(found, "spec", "timeZone") or _NONE
    yield str(bool(_number(found, "spec", "suspend")))
    yield 0
    yield _NONE
    yield age
    yield from _containers({"spec": at(found, "spec", "jobTemplate", "spec")})
    yield _NONE


def _pod(found: Object, age: str) -> Iterator[Any]:
    statuses = items(at(found, "status", "containerStatuses"))
    total = len(items(at(found, "spec", "containers")))
    yield f"{sum(each.get('ready') is True for each in statuses)}/{total}"
    phase = _text(found, "status", "phase")
    yield "Terminating" if "deletionTimestamp" in found["metadata"] else phase
    yield "0"
    yield age
    yield _text(found, "status", "podIP") or _NONE
    yield _text(found, "spec", "nodeName") or _NONE
    yield from (_NONE, _NONE)


def _service(found: Object, age: str) -> Iterator[Any]:
    yield _text(found, "spec", "type")
    yield _text(found, "spec", "clusterIP") or _NONE
    yield _text(found, "spec", "externalName") or _NONE
    ports = items(at(found, "spec", "ports"))
    yield ",".join(_port(each) for each in ports) or _NONE
    yield age
    labels = mapping(at(found, "spec", "selector"))
    yield ",".join(f"{key}={value}" for key, value in labels.items()) or _NONE


def _port(port: Mapping[str, Any]) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port['protocol']}"


def _namespace(found: Object, age: str) -> Iterator[Any]:
    yield _text(found, "status", "phase")
    yield age


def _config_map(found: Object, age: str) -> Iterator[Any]:
    yield len(mapping(found.get("data"))) + len(mapping(found.get("binaryData")))
    yield age


def _secret(found: Object, age: str) -> Iterator[Any]:
    yield _text(found, "type")
    yield len(mapping(found.get("data")))
    yield age


def _event(found: Object, age: str) -> Iterator[Any]:
    about = at(found, "involvedObject")
    about = at(found, "regarding") if about is ABSENT else about
    yield age
    yield _text(found, "type")
    yield _text(found, "reason")
    yield f"{_text(about, 'kind').lower()}/{_text(about, 'name')}"
    yield ""
    yield _text(found, "reportingComponent") or _text(found, "reportingController")
    yield _text(found, "message") or _text(found, "note")
    yield from (age, "1", found["metadata"]["name"])


def _definition(found: Object, _: str) -> Iterator[Any]:
    yield found["metadata"]["creationTimestamp"]


def _binding(found: Object, age: str) -> Iterator[Any]:
    yield f"{_text(found, 'roleRef', 'kind')}/{_text(found, 'roleRef', 'name')}"
    yield age
    for kind in ("User", "Group", "ServiceAccount"):
        subjects = [each for each in items(found.get("subjects")) if each.get("kind") == kind]
        spaces = (f"{each['namespace']}/" if each.get("namespace") else "" for each in subjects)
        yield ", ".join(f"{s}{each['name']}" for s, each in zip(spaces, subjects, strict=True))


def _lease(found: Object, age: str) -> Iterator[Any]:
    yield _text(found, "spec", "holderIdentity")
    yield age


_TITLES: Final[Mapping[str, str]] = {
    "ClusterRole": "Created At:date",
    "ClusterRoleBinding": "Role|Age|Users*|Groups*|ServiceAccounts*",
    "ConfigMap": "Data|Age",
    "CronJob": "Schedule|Timezone|Suspend:boolean|Active:integer|Last Schedule|Age|Containers*"
    "|Images*|Selector*",
    "CustomResourceDefinition": "Created At:date",
    "DaemonSet": "Desired:integer|Current:integer|Ready:integer|Up-to-date:integer"
    "|Available:integer|Node Selector|Age|Containers*|Images*|Selector*",
    "Deployment": "Ready|Up-to-date|Available|Age|Containers*|Images*|Selector*",
    "Event": "Last Seen|Type|Reason|Object|Subobject*|Source*|Message|First Seen*|Count*|Event*",
    "Job": "Status|Completions|Duration|Age|Containers*|Images*|Selector*",
    "Lease": "Holder|Age",
    "Namespace": "Status|Age",
    "Pod": "Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*",
    "ReplicaSet": "Desired:integer|Current:integer|Ready:integer|Age|Containers*|Images*|Selector*",
    "Role": "Created At:date",
    "RoleBinding": "Role|Age|Users*|Groups*|ServiceAccounts*",
    "Secret": "Type|Data|Age",
    "Service": "Type|Cluster-IP|External-IP|Port(s)|Age|Selector*",
    "StatefulSet": "Ready|Age|Containers*|Images*",
}
_CELLS: Final[Mapping[str, Callable[[Object, str], Iterator[Any]]]] = {
    "ClusterRole": _definition,
    "ClusterRoleBinding": _binding,
    "ConfigMap": _config_map,
    "CronJob": _cron_job,
    "CustomResourceDefinition": _definition,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "Event": _event,
    "Job": _job,
    "Lease": _lease,
    "Namespace": _namespace,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "Role": _definition,
    "RoleBinding": _binding,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _stateful_set,
}
