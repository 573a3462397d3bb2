"""Answers GET: objects, lists in pages, watches; as JSON, metadata, tables. Never changes a thing.

Rules: API concepts (kubernetes.io).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.sandbox import tables
from agent.sandbox.refusals import Cause, RefusalError, bad_request, expired, not_found
from agent.sandbox.selectors import parse
from agent.sandbox.views import as_item, metadata_only, seen
from agent.sandbox.watch import Bookmark, Wanted, WatchStream, bookmark, line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.sandbox.catalog import Resource
    from agent.sandbox.route import Target
    from agent.sandbox.store import Stored
    from agent.sandbox.world import World

Object = dict[str, Any]
WHOLE: Final = ""
TABLE: Final = "Table"
METADATA: Final = "PartialObjectMetadata"
_MOST_PAGES: Final = 256
_TRUE: Final = frozenset({"1", "true", "True", "TRUE", "t", "T"})


def form_of(accept: str) -> str:
    """Read what an Accept header wants first of what there is.

    Raises:
        RefusalError: 406, nothing that the sandbox writes.
    """
    for choice in accept.split(",") if accept else ("application/json",):
        media, *parameters = (each.strip() for each in choice.split(";"))
        said = dict(each.partition("=")[::2] for each in parameters)
        form = said.get("as", "").removesuffix("List")
        if media not in ("application/json", "*/*", "application/*"):
            continue
        if form in ("", TABLE, METADATA) and said.get("v", "v1") == "v1":
            return form
    says = "only the following media types are accepted: application/json"
    raise RefusalError(406, "NotAcceptable", says)


@dataclass(frozen=True, slots=True)
class _Page:
    """What is left of a list that was begun."""

    version: int
    rest: list[Stored]


class Reads:
    """All reads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pages: dict[str, _Page] = {}
        self._asked = 0

    def get(self, target: Target, form: str) -> bytes:
        """Give one object.

        Raises:
            RefusalError: it is not there.
        """
        resource = target.resource
        found = self._world.named(resource, target.namespace, target.name)
        if found is None:
            raise not_found(resource.group, resource.plural, target.name)
        return self.show(resource, seen(resource, found), form)

    def show(self, resource: Resource, stored: Stored, form: str) -> bytes:
        """Write one object in a form."""
        if form == METADATA:
            return orjson.dumps(metadata_only(stored))
        if form == TABLE:
            return orjson.dumps(self._table(resource, [stored], "Metadata", {}))
        return stored.data

    # --- lists -----------------------------------------------------------------------------------

    def collection(self, target: Target, query: Mapping[str, str], form: str) -> bytes:
        """Give a collection, or a page of it.

        Raises:
            RefusalError: a parameter can't be read, or a page was asked for too late.
        """
        resource = target.resource
        if token := query.get("continue"):
            page = self._pages.get(token)
            if page is None:
                raise expired("The provided continue parameter is too old to display a list.")
        else:
            page = _Page(self._world.store.version, self._select(target, query))
        limit = int(query.get("limit") or 0)
        found, rest = (page.rest[:limit], page.rest[limit:]) if limit else (page.rest, [])
        metadata: Object = {"resourceVersion": str(page.version)}
        if rest:
            metadata["continue"] = self._keep(_Page(page.version, rest))
            if not query.get("labelSelector"):
                metadata["remainingItemCount"] = len(rest)
        objects = [seen(resource, each) for each in found]
        if form == TABLE:
            include = query.get("includeObject") or "Metadata"
            return orjson.dumps(self._table(resource, objects, include, metadata))
        return orjson.dumps(_listed(resource, objects, metadata, form))

    def _select(self, target: Target, query: Mapping[str, str]) -> list[Stored]:
        resource = target.resource
        selector = parse(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        found = self._world.store.all(resource.stored, target.namespace)
        return [each for each in found if selector.matches(each.object)]

    def _keep(self, page: _Page) -> str:
        """Remember a page under a token; the oldest is forgotten, as a compaction would."""
        self._asked += 1
        told = {"v": "meta.k8s.io/v1", "rv": page.version, "start": self._asked}
        token = base64.urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")
        self._pages[token] = page
        if len(self._pages) > _MOST_PAGES:
            del self._pages[next(iter(self._pages))]
        return token

    def _table(
        self, resource: Resource, found: list[Stored], include: str, metadata: Object
    ) -> Object:
        now = self._world.clock()
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": tables.columns(resource),
            "rows": [tables.row(resource, each, now, include) for each in found],
        }

    # --- watches ---------------------------------------------------------------------------------

    def watch(self, target: Target, query: Mapping[str, str], form: str) -> WatchStream:
        """Open a watch.

        Raises:
            RefusalError: a parameter can't be read, or the version is too old (410).
        """
        if target.name:
            query = {**query, "fieldSelector": f"metadata.name={target.name}"}
        resource, store = target.resource, self._world.store
        said = query.get("resourceVersion", "")
        if said and not said.isdecimal():
            raise bad_request(f"invalid resource version: {said}")
        initial = query.get("sendInitialEvents") in _TRUE
        since = int(said or 0)
        if since > store.version:
            raise _too_large(since, store.version)
        shown = self._shown(resource, form)
        first: list[bytes] = []
        if initial or since == 0:
            first = [line("ADDED", shown(each)) for each in self._select(target, query)]
            since = store.version
        marks = _marks(resource, form) if query.get("allowWatchBookmarks") in _TRUE else None
        if initial and marks is not None:
            first.append(marks(since, ended=True))
        selector = parse(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        seconds = query.get("timeoutSeconds", "")
        return WatchStream(
            store,
            Wanted(resource.stored, target.namespace, selector, shown, marks),
            since,
            first,
            self._world.clock,
            timedelta(seconds=int(seconds)) if seconds.isdecimal() else None,
        )

    def _shown(self, resource: Resource, form: str) -> Callable[[Stored], bytes]:
        return lambda stored: self.show(resource, seen(resource, stored), form)


def _listed(resource: Resource, found: list[Stored], metadata: Object, form: str) -> Object:
    if form == METADATA:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "items": [metadata_only(each) for each in found],
        }
    return {
        "kind": resource.list_kind or f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": metadata,
        "items": [as_item(resource, each) for each in found],
    }


def _marks(resource: Resource, form: str) -> Bookmark:
    kind = ("meta.k8s.io/v1", METADATA) if form == METADATA else None
    api_version, name = kind or (resource.api_version, resource.kind)

    def mark(version: int, *, ended: bool) -> bytes:
        return bookmark(api_version, name, version, ended=ended)

    return mark


def _too_large(asked: int, current: int) -> RefusalError:
    says = f"Too large resource version: {asked}, current: {current}"
    cause = Cause("ResourceVersionTooLarge", "", "Too large resource version")
    return RefusalError(504, "Timeout", says, causes=(cause,))
