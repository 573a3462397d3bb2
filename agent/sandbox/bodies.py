"""Bytes of requests → objects, as strictly as asked; never an object of the wrong kind.

Rules: API concepts, "Field validation", "Alternate representations" (kubernetes.io).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core import manifests
from agent.sandbox import structural
from agent.sandbox.refusals import bad_request, unsupported_media, untyped
from agent.sandbox.shapes import Fault, faults_of, rewritten

if TYPE_CHECKING:
    from agent.sandbox.catalog import Resource

APPLY: Final = "application/apply-patch+yaml"
JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
YAML: Final = "application/yaml"
STRICT: Final = "Strict"

# What go-yaml refuses raw or escaped though JSON has it; U+0085 it would turn into a space.
_NOT_YAML: Final = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]"
)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parsed(body: bytes, content_type: str) -> Any:
    """Read a body.

    Raises:
        RefusalError: it is no JSON or YAML, or in a form the sandbox does not read.
    """
    media = content_type.partition(";")[0].strip()
    if media == "application/vnd.kubernetes.protobuf":
        raise unsupported_media(
            "the sandbox reads no protobuf, which `kubectl create <kind>` sends: use"
            " `kubectl apply --server-side -f`, or `kubectl create -f`"
        )
    if media == APPLY:
        return _yaml(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if media == YAML:
            return _yaml(body)
        raise bad_request(f"error decoding JSON: {error}") from error


def _yaml(body: bytes) -> Any:
    """Read what is nearly always JSON, refusing what the server's YAML parser refuses."""
    if _SURROGATE.search(body):
        raise bad_request(
            "error decoding YAML: error converting YAML to JSON: yaml: found invalid Unicode"
            " character escape code"
        )
    if _NOT_YAML.search(body):
        raise bad_request(
            "error decoding YAML: error converting YAML to JSON: yaml: control characters are not"
            " allowed"
        )
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    read = manifests.read(body, "body")
    if read.problems or len(read.manifests) != 1:
        why = read.problems[0].message if read.problems else "it holds more than one document"
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: yaml: {why}")
    return orjson.loads(orjson.dumps(read.manifests[0].value))


def typed(resource: Resource, body: Any, validation: str) -> dict[str, Any]:
    """Return a body as an object of a kind, a copy of its own.

    Raises:
        RefusalError: a value has the wrong type, or validation is strict and a field is unknown.
    """
    kind, version = resource.kind, resource.version
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is no object")
    said = (body.get("apiVersion") or resource.api_version, body.get("kind") or kind)
    if said != (resource.api_version, kind):
        raise bad_request(
            f'{said[1]} in version "{said[0].rpartition("/")[2]}" cannot be handled as a {kind}:'
            f" the API version in the data ({said[0]}) does not match the expected API version"
            f" ({resource.api_version})"
        )
    whole = {**body, "apiVersion": said[0], "kind": said[1]}
    found, unknown = _custom(resource, whole) if resource.is_custom else _native(resource, whole)
    if unknown and validation == STRICT:
        listed = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error:'
            f" {listed}"
        )
    return found


def _native(resource: Resource, body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    faults: list[Fault] = []
    found = rewritten(body, resource.shape, faults)
    wrong = next((each for each in faults if not each.is_unknown), None)
    if wrong is not None:
        kind, version = resource.kind, resource.version
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: json: cannot unmarshal'
            f" into Go struct field {kind}{wrong.path}: {wrong.says}"
        )
    return found, [each.path[1:] for each in faults]


def _custom(resource: Resource, body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    unknown: list[str] = []
    found: dict[str, Any] = structural.pruned(body, resource.schema or {}, unknown)
    found["metadata"] = metadata(resource, body, unknown)
    structural.fill(found, resource.schema or {})
    return found, unknown


def metadata(resource: Resource, body: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    """Read the metadata of a custom resource, which are typed."""
    faults: list[Fault] = []
    found: dict[str, Any] = rewritten(
        body.get("metadata") or {}, resource.shape.fields["metadata"], faults
    )
    wrong = next((each for each in faults if not each.is_unknown), None)
    if wrong is not None:
        raise bad_request(f"object is invalid: metadata{wrong.path}: {wrong.says}")
    unknown += [f"metadata{each.path}" for each in faults]
    return found


def check_applied(resource: Resource, body: Any, name: str) -> None:
    """Refuse a body that is no typed patch, whatever the validation is.

    Raises:
        RefusalError: 400 of another kind, 500 of a field or type that the schema lacks.
    """
    if not isinstance(body, dict):
        raise bad_request("error decoding YAML: the body is no object")
    said = (body.get("apiVersion", ""), body.get("kind", ""))
    if not all(said):
        raise bad_request("Object 'Kind' or 'apiVersion' is missing in the body")
    if said != (resource.api_version, resource.kind):
        raise bad_request(f"invalid object type: {_printed(*said)}")
    fault = next(faults_of(body, resource.shape), None)
    if fault is not None:
        told = body.get("metadata") or {}
        space = told.get("namespace", "") if isinstance(told, dict) else ""
        raise untyped(
            f"failed to create typed patch object ({space}/{name}; {_printed(*said)}):"
            f" {fault.path}: {fault.says}"
        )


def _printed(api_version: str, kind: str) -> str:
    version = api_version if "/" in api_version else f"/{api_version}"
    return f"{version}, Kind={kind}"
