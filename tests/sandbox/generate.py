"""Writes `agent/sandbox/builtin.json`: what a real server publishes of the kinds the sandbox has.

Never copies code or descriptions: names of fields, their types, list types, and how Go's JSON
treats a field that is empty, which no OpenAPI document tells.

    python tests/sandbox/generate.py

starts a control plane, reads its discovery and `/openapi/v3`, and the type declarations of the
Kubernetes modules that control plane was built from (`go env GOMODCACHE`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from control_plane.build import KUBERNETES_VERSION
from control_plane.server import ControlPlane

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from control_plane.client import Client

TARGET: Final = Path(__file__).resolve().parents[2] / "agent/sandbox/builtin.json"
MODULES: Final = f"v0.{KUBERNETES_VERSION.partition('.')[2]}"
KINDS: Final[Mapping[str, str]] = {
    "v1": "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume"
    " PersistentVolumeClaim Pod ResourceQuota Secret Service ServiceAccount",
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "coordination.k8s.io/v1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "networking.k8s.io/v1": "Ingress IngressClass NetworkPolicy",
    "node.k8s.io/v1": "RuntimeClass",
    "policy/v1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "scheduling.k8s.io/v1": "PriorityClass",
    "storage.k8s.io/v1": "CSIDriver StorageClass",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingAdmissionPolicy"
    " ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
}
"""What the sandbox serves; the last group only to say that it calls nobody."""
_DROPPED: Final = frozenset({"description", "x-kubernetes-unions", "x-kubernetes-immutable"})
_SOURCES: Final = (
    ("io.k8s.api.", "k8s.io/api"),
    ("io.k8s.apimachinery.", "k8s.io/apimachinery"),
    ("io.k8s.apiextensions-apiserver.", "k8s.io/apiextensions-apiserver"),
)
_FIELD: Final = re.compile(r'^\t(?:\w+\s+)?(\*?[\w.\[\]*]+)\s+`[^`]*json:"([^"]*)"')
_STRUCT: Final = re.compile(r"^type (\w+) struct \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Ask, and write the file."""
    with tempfile.TemporaryDirectory() as scratch, ControlPlane(Path(scratch)) as plane:
        client = plane.client()
        documents = {version: _document(client, version) for version in KINDS}
        resources = [each for version in KINDS for each in _resources(client, version)]
    schemas: dict[str, Any] = {}
    for version, document in documents.items():
        for name in _roots(document, version):
            _collect(document["components"]["schemas"], name, schemas)
    for name in schemas:
        _mark(name, schemas)
    found = {
        "kubernetes": KUBERNETES_VERSION,
        "resources": resources,
        "schemas": dict(sorted(schemas.items())),
    }
    TARGET.write_bytes(orjson.dumps(found, option=orjson.OPT_SORT_KEYS) + b"\n")
    sys.stderr.write(f"{TARGET}: {len(schemas)} types, {TARGET.stat().st_size} bytes\n")


# --- what the server says ------------------------------------------------------------------------


def _document(client: Client, version: str) -> dict[str, Any]:
    answer = client.get(f"/openapi/v3/{_prefix(version)}")
    assert answer.code == 200, answer
    return answer.body


def _prefix(version: str) -> str:
    return f"apis/{version}" if "/" in version else f"api/{version}"


def _roots(document: dict[str, Any], version: str) -> Iterator[str]:
    kinds = KINDS[version].split()
    for name, schema in document["components"]["schemas"].items():
        for each in schema.get("x-kubernetes-group-version-kind", ()):
            whole = f"{each['group']}/{each['version']}".removeprefix("/")
            if whole == version and each["kind"] in kinds:
                yield name


def _collect(source: Mapping[str, Any], name: str, into: dict[str, Any]) -> None:
    if name in into:
        return
    into[name] = _lean(source[name])
    for reference in _references(into[name]):
        _collect(source, reference, into)


def _lean(schema: Any, *, names: bool = False) -> Any:
    """Leave out prose; a property may be called `description`."""
    if isinstance(schema, list):
        return [_lean(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _lean(value, names=key == "properties" and not names)
        for key, value in schema.items()
        if names or key not in _DROPPED
    }


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)


def _resources(client: Client, version: str) -> Iterator[dict[str, Any]]:
    answer = client.get(f"/{_prefix(version)}")
    assert answer.code == 200, answer
    kinds = KINDS[version].split()
    listed = answer.body["resources"]
    names = {each["name"] for each in listed}
    for each in listed:
        if each["kind"] not in kinds or "/" in each["name"]:
            continue
        yield {
            "version": version,
            "kind": each["kind"],
            "plural": each["name"],
            "singular": each["singularName"],
            "namespaced": each["namespaced"],
            "short": each.get("shortNames", []),
            "categories": each.get("categories", []),
            "status": f"{each['name']}/status" in names,
        }


# --- what Go's JSON does with an empty field -----------------------------------------------------

_NULLS: Final = ("Time", "MicroTime", "RawExtension", "JSON")
"""Structs that write null when nothing is set."""


class Field(NamedTuple):
    """How a Go struct declares a field."""

    is_pointer: bool
    omits: bool
    """Whether it is left out when it is empty, which a struct never is."""
    omits_structs: bool


def _mark(name: str, schemas: dict[str, Any]) -> None:
    """Note `x-empty` beside each property of a Go struct where it is not simply left as it is.

    drop: an empty value is left out; fill: a missing object is written as one with nothing set;
    zero: a missing value is written as Go's zero value, which is null for lists and maps;
    null: a missing value is written as null, as times are.
    """
    declared = _struct(name)
    for each, property_ in schemas[name].get("properties", {}).items():
        found = declared.get(each)
        rule = _rule(found, property_, schemas) if found else ""
        if rule:
            property_["x-empty"] = rule


def _rule(found: Field, property_: dict[str, Any], schemas: dict[str, Any]) -> str:
    if found.is_pointer:
        return "" if found.omits else "zero"
    if found.omits_structs:
        return "drop"
    name = next(_references({**property_, "items": {}, "additionalProperties": {}}), "")
    last = name.rpartition(".")[2]
    if last in _NULLS:
        return "null"
    if last in ("IntOrString", "Quantity"):
        return "zero"
    if name and schemas[name].get("type") == "object":
        return "fill"
    return "drop" if found.omits else "zero"


@cache
def _struct(name: str) -> dict[str, Field]:
    source = _package(name)
    return _fields(source, name.rpartition(".")[2]) if source else {}


def _fields(source: Path, struct: str) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for line in _declarations(source).get(struct, "").splitlines():
        match = _FIELD.match(line)
        if match is None:
            continue
        type_, tag = match.groups()
        field, *options = tag.split(",")
        if "inline" in options or (not field and not options):
            found |= _inlined(source, type_.lstrip("*"))
        elif field != "-":
            omits = "omitempty" in options or "omitzero" in options
            found[field] = Field(type_.startswith("*"), omits, "omitzero" in options)
    return found


def _inlined(source: Path, type_: str) -> dict[str, Field]:
    package, _, struct = type_.rpartition(".")
    if not package:
        return _fields(source, struct)
    return {} if package == "metav1" else _struct(f"io.k8s.api.core.v1.{struct}")


@cache
def _declarations(source: Path) -> dict[str, str]:
    text = "\n".join(path.read_text() for path in sorted(source.glob("*.go")) if _declares(path))
    return dict(_STRUCT.findall(text))


def _declares(path: Path) -> bool:
    return not path.name.startswith(("zz_generated", "generated")) and "_test" not in path.name


@cache
def _package(name: str) -> Path | None:
    cache_folder = subprocess.run(
        ["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True
    ).stdout.strip()
    for prefix, module in _SOURCES:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix).split(".")[:-1]
            return Path(cache_folder, f"{module}@{MODULES}", *rest)
    return None


if __name__ == "__main__":
    main()
