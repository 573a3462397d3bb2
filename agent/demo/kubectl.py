"""What the story asks of kubectl, through our own client, where there is no kubectl.

Knows just enough to look at objects as kubectl shows them, and to change one. Never more.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from agent.demo.witness import NotTrueError
from agent.edges.kube.seam import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.edges.kube.seam import Transport

_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
_MERGE: Final = "application/merge-patch+json"
_OK: Final = 200
_GAP: Final = "   "


class _Kind(NamedTuple):
    api: str
    plural: str
    shown: str
    """As kubectl names it in what it says: `deployment.apps`."""


_KINDS: Final = {
    "packages": _Kind("/apis/tidegate.io/v1alpha1", "packages", "package.tidegate.io"),
    "deploy": _Kind("/apis/apps/v1", "deployments", "deployment.apps"),
    "deployments": _Kind("/apis/apps/v1", "deployments", "deployment.apps"),
    "jobs": _Kind("/apis/batch/v1", "jobs", "job.batch"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl", add_help=False, exit_on_error=False)
    parser.add_argument("-n", "--namespace", default="default")
    verbs = parser.add_subparsers(dest="verb", required=True)
    get = verbs.add_parser("get", add_help=False)
    get.add_argument("-A", "--all-namespaces", dest="everywhere", action="store_true")
    get.add_argument("kind", choices=_KINDS)
    patch = verbs.add_parser("patch", add_help=False)
    patch.add_argument("kind", choices=_KINDS)
    patch.add_argument("name")
    patch.add_argument("--type", choices=("merge",), required=True)
    patch.add_argument("-p", "--patch", required=True)
    return parser


def kubectl(transport: Transport, arguments: Sequence[str]) -> str:
    """Carry a command out, and give what kubectl would print.

    Raises:
        NotTrueError: the server refused it.
    """
    asked = _parser().parse_args(arguments)
    kind = _KINDS[asked.kind]
    if asked.verb == "get":
        return _get(transport, kind, "" if asked.everywhere else asked.namespace)
    return _patch(transport, kind, (asked.namespace, asked.name), asked.patch)


def _get(transport: Transport, kind: _Kind, namespace: str) -> str:
    within = f"/namespaces/{namespace}" if namespace else ""
    found = _send(transport, Request("GET", f"{kind.api}{within}/{kind.plural}", accept=_TABLE))
    table = orjson.loads(found)
    # Columns of another priority are those of `-o wide`.
    shown = [at for at, each in enumerate(table["columnDefinitions"]) if not each["priority"]]
    head = [table["columnDefinitions"][at]["name"].upper() for at in shown]
    rows = [[_cell(row["cells"][at]) for at in shown] for row in table["rows"]]
    if not namespace:
        spaces = (row["object"]["metadata"]["namespace"] for row in table["rows"])
        head, rows = ["NAMESPACE", *head], [[a, *b] for a, b in zip(spaces, rows, strict=True)]
    return _aligned([head, *rows])


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _aligned(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        _GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "".join(f"{line.rstrip()}\n" for line in padded)


def _patch(transport: Transport, kind: _Kind, place: tuple[str, str], patch: str) -> str:
    namespace, name = place
    path = f"{kind.api}/namespaces/{namespace}/{kind.plural}/{name}"
    query = (("fieldManager", "kubectl-patch"),)
    _send(transport, Request("PATCH", path, query, patch.encode(), _MERGE))
    return f"{kind.shown}/{name} patched\n"


def _send(transport: Transport, request: Request) -> bytes:
    answer = transport.send(request)
    if answer.status != _OK:
        raise NotTrueError(f"{request.method} {request.path}: {answer.body.decode()}")
    return answer.body
