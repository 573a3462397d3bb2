"""Asks the API server: one object, a list, or whether it would take a body. Changes nothing.

Every request here is a GET, or carries `dryRun=All` (API concepts, "Dry-run").
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core import encode
from agent.core.errors import ClusterError
from agent.core.live import record
from agent.core.reading import at, items, mapping, text
from agent.core.values import (
    Accepted,
    Answer,
    Ask,
    Found,
    GroupKind,
    Key,
    KindInfo,
    Live,
    Manifest,
    NotThere,
    Question,
    Rejected,
    Says,
)
from agent.core.words import FIELD_MANAGER
from agent.edges.kube.paths import APPLY, path
from agent.edges.kube.refusal import CONFLICT, NOT_FOUND, is_refused, is_taken
from agent.edges.kube.seam import Request, Response
from agent.edges.kube.status import refused, rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from agent.edges.kube.discovery import Discovery
    from agent.edges.kube.seam import Transport

_PAGE: Final = "500"
_OVER_SOON: Final = frozenset({401, 429})
"""Refusals that say nothing about the body, and must not be remembered with it."""
_LONGEST_NAME: Final = 63
_SUFFIX: Final = 8
# What belongs to one object and is taken, or not to be chosen, for a second one.
_OF_ONE_OBJECT: Final[Mapping[GroupKind, tuple[str, ...]]] = {
    GroupKind("", "Service"): ("clusterIP", "clusterIPs", "healthCheckNodePort"),
    GroupKind("", "PersistentVolumeClaim"): ("volumeName",),
}
_OF_THE_SERVER: Final = frozenset(
    {
        "creationTimestamp",
        "deletionTimestamp",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


class Reader:
    """Reads and dry runs; safe from any thread."""

    def __init__(
        self,
        transport: Transport,
        discovery: Discovery,
        expected: Callable[[Live, Manifest], str] = lambda _live, _body: "",
        redact: Callable[[str], str] = str,
    ) -> None:
        """Start nothing yet.

        Args:
            transport: To the API server.
            discovery: Where kinds are found.
            expected: What `Accepted.expected` is, from the server's object and the body.
            redact: What makes a message fit to be told.
        """
        self._transport = transport
        self._discovery = discovery
        self._expected = expected
        self._redact = redact

    def get(self, key: Key, version: str = "", impersonate: str = "") -> Live | None:
        """Read one object, in the given version or the preferred one; None: it is not there.

        Raises:
            RefusedError: the server does not let us, or can't.
            ClusterError: no answer came.
        """
        info = self._discovery.find(GroupKind(key.group, key.kind))
        if info is None:
            return None
        response = self._transport.send(_get(key, info, version, impersonate))
        if response.status == NOT_FOUND:
            return None
        return record(_object(response, f"GET {key}"))

    def list(self, kind: GroupKind, namespace: str = "", selector: str = "") -> Iterator[Live]:
        """Read all objects of a kind, in pages; none where the kind is not served.

        Raises:
            RefusedError: the server does not let us, or can't.
            ClusterError: no answer came.
        """
        info = self._discovery.find(kind)
        token = ""
        while info is not None:
            page = self._page(info, namespace, selector, token)
            for item in items(page.get("items")):
                yield record({**item, "apiVersion": _api_version(info, ""), "kind": info.kind})
            token = text(at(page, "metadata", "continue"))
            if not token:
                return

    def ask(self, questions: Iterable[Question], impersonate: str = "") -> tuple[Answer, ...]:
        """Answer each question with one request; an Answer may be remembered.

        Raises:
            ClusterError: no answer came, or one that says nothing about the body (429, 5xx).
        """
        return tuple(
            Answer(each.key, each.ask, each.digest, self._says(each, impersonate), each.uid)
            for each in questions
        )

    def _says(self, question: Question, impersonate: str) -> Says:
        info = self._discovery.find(GroupKind(question.key.group, question.key.kind))
        if info is None:
            return self._not_served(question)
        match question.ask:
            case Ask.READ:
                return self._read(question, info, impersonate)
            case Ask.APPLY:
                return self._dry_apply(question, info, impersonate)
            case Ask.CREATE:
                return self._dry_create(question, info, impersonate)

    def _not_served(self, question: Question) -> Says:
        key = question.key
        if key.group in self._discovery.kinds().stale:
            raise ClusterError(
                f"{key}: the server of the API group {key.group} does not answer;"
                " see: kubectl get apiservices"
            )
        if question.ask is Ask.READ:
            return NotThere()
        where = f"{key.group}/{key.kind}" if key.group else key.kind
        return Rejected(NOT_FOUND, "NotFound", f"the cluster serves no kind {where}")

    def _read(self, question: Question, info: KindInfo, impersonate: str) -> Says:
        version = _version(question.body)
        response = self._transport.send(_get(question.key, info, version, impersonate))
        if response.status == NOT_FOUND:
            return NotThere()
        if is_taken(response):
            return Found(record(_object(response, f"GET {question.key}")))
        return self._refused(response, f"GET {question.key}")

    def _dry_apply(self, question: Question, info: KindInfo, impersonate: str) -> Says:
        key, body = question.key, question.body
        if question.uid:
            # Update only: 409 where the object has been replaced by another of its name.
            metadata = {**mapping(body.get("metadata")), "uid": question.uid}
            body = {**body, "metadata": metadata}
        response = self._transport.send(
            Request(
                "PATCH",
                path(info, _version(body) or info.versions[0], key.namespace, key.name),
                (*_DRY_RUN, ("force", "true")),
                encode.body(body),
                APPLY,
                impersonate=impersonate,
            )
        )
        return self._judged(response, body, f"dry run of {key}")

    def _dry_create(self, question: Question, info: KindInfo, impersonate: str) -> Says:
        key = question.key
        body = on_its_own(question.body, _throw_away(key.name, question.digest))
        response = self._transport.send(
            Request(
                "POST",
                path(info, _version(body) or info.versions[0], key.namespace),
                _DRY_RUN,
                encode.body(body),
                "application/json",
                impersonate=impersonate,
            )
        )
        if response.status == CONFLICT and rejection(response).reason == "AlreadyExists":
            # The name was not ours to choose; validation and admission come before this answer.
            return Accepted()
        return self._judged(response, body, f"dry run of creating {key}")

    def _judged(self, response: Response, body: Manifest, what: str) -> Says:
        if is_taken(response):
            return Accepted(self._expected(record(_object(response, what)), body))
        return self._refused(response, what)

    def _refused(self, response: Response, what: str) -> Rejected:
        """Read a refusal that the same body would meet again."""
        if response.status in _OVER_SOON or not is_refused(response):
            raise refused(what, response)
        return rejection(response, self._redact)

    def _page(self, info: KindInfo, namespace: str, selector: str, token: str) -> Mapping[str, Any]:
        query = [("limit", _PAGE)]
        if selector:
            query.append(("labelSelector", selector))
        if token:
            query.append(("continue", token))
        where = path(info, info.versions[0], namespace)
        response = self._transport.send(Request("GET", where, tuple(query)))
        return _object(response, f"list of {info.plural}")


_DRY_RUN: Final = (
    ("dryRun", "All"),
    ("fieldManager", FIELD_MANAGER),
    ("fieldValidation", "Strict"),
)


def on_its_own(body: Manifest, name: str) -> dict[str, Any]:
    """Give a body that could be created beside the object it is about, under another name.

    A name that the kind prescribes (`plural.group` of a definition) is kept.
    """
    kind = GroupKind(_group(body), text(body.get("kind")))
    metadata = {
        field: value
        for field, value in mapping(body.get("metadata")).items()
        if field not in _OF_THE_SERVER
    }
    if kind.kind not in ("CustomResourceDefinition", "APIService"):
        metadata["name"] = name
    alone = {**body, "metadata": metadata}
    alone.pop("status", None)
    if "spec" in body:
        alone["spec"] = _spec_on_its_own(kind, mapping(body["spec"]))
    return alone


def _spec_on_its_own(kind: GroupKind, spec: Mapping[str, Any]) -> dict[str, Any]:
    dropped = _OF_ONE_OBJECT.get(kind, ())
    kept = {name: value for name, value in spec.items() if name not in dropped}
    if kind == GroupKind("", "Service"):
        if spec.get("clusterIP") == "None":  # headless is a choice, not an address
            kept["clusterIP"] = "None"
        if "ports" in spec:
            kept["ports"] = [_without(port, "nodePort") for port in items(spec["ports"])]
    if kind == GroupKind("batch", "Job") and spec.get("manualSelector") is not True:
        kept.pop("selector", None)
    return kept


def _without(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: kept for each, kept in value.items() if each != name}


def _throw_away(name: str, digest: str) -> str:
    """Make a name that nobody has; the same question always asks under the same one."""
    suffix = hashlib.sha256(f"{name} {digest}".encode()).hexdigest()[:_SUFFIX]
    return f"{name[: _LONGEST_NAME - _SUFFIX - 1].rstrip('-.')}-{suffix}"


def _get(key: Key, info: KindInfo, version: str, impersonate: str) -> Request:
    where = path(info, version or info.versions[0], key.namespace, key.name)
    return Request("GET", where, impersonate=impersonate)


def _object(response: Response, what: str) -> dict[str, Any]:
    if not is_taken(response):
        raise refused(what, response)
    found: dict[str, Any] = orjson.loads(response.body)
    return found


def _group(body: Manifest) -> str:
    return text(body.get("apiVersion")).rpartition("/")[0]


def _version(body: Manifest) -> str:
    return text(body.get("apiVersion")).rpartition("/")[2]


def _api_version(info: KindInfo, version: str) -> str:
    version = version or info.versions[0]
    return f"{info.group}/{version}" if info.group else version
