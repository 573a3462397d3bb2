"""Schemas of the kinds the cluster serves, per group version, cached on disk by their hash.

Never fails a pass for want of a schema: a kind without one is a kind of unknown topology.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from agent.core.reading import mapping, text
from agent.core.schema import from_openapi
from agent.edges import clock
from agent.edges.kube.seam import Request
from agent.edges.kube.status import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.core.schema import Kind, Node
    from agent.edges.kube.seam import Transport

_OK: Final = 200
_NOT_SERVED: Final = frozenset({404, 406, 503})
_MOVED: Final = 301
_HOPS: Final = 5
PATIENCE: Final = 2.0
"""Seconds between two looks for a group that the index does not list."""
_SECONDS: Final = 60.0
"""A server builds a big group's document on first request."""


class Schemas:
    """Schemas read on first use; safe from any thread.

    Documents are served by hash and never change (KEP-2896), so the folder may be shared and lost.
    """

    def __init__(
        self,
        transport: Transport,
        folder: Path,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._transport = transport
        self._monotonic = monotonic
        self._folder = folder
        self._lock = threading.Lock()
        self._index: dict[str, str] | None = None
        self._look_again = 0.0
        self._converted: dict[str, Mapping[Kind, Node]] = {}

    def node(self, api_version: str, kind: str) -> Node | None:
        """Give a kind's schema, None where the server offers none.

        Raises:
            ClusterError: the server does not answer.
        """
        name = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
        with self._lock:  # held while asking, so that a document is read once
            if self._index is None:
                self._index = self._read_index()
            url = self._index.get(name) or self._newly_published(name)
            if url is None:
                return None
            if url not in self._converted:
                url, document = self._document(url)
                self._index[name] = url
                self._converted[url] = from_openapi(document)
            return self._converted[url].get((api_version, kind))

    def _newly_published(self, name: str) -> str | None:
        """Look again for a group that was not listed, but not again and again.

        The server publishes the schema of a new CRD a moment after it serves the kind.
        """
        now = self._monotonic()
        if now < self._look_again:
            return None
        self._look_again = now + PATIENCE
        self._index = self._read_index()
        return self._index.get(name)

    def refresh(self) -> None:
        """Forget which documents are current, not the documents: after a CRD has changed.

        Raises:
            ClusterError: the server does not answer; what was known stays.
        """
        index = self._read_index()
        with self._lock:
            self._index = index
            current = frozenset(index.values())
            self._converted = {
                url: nodes for url, nodes in self._converted.items() if url in current
            }

    def _read_index(self) -> dict[str, str]:
        answer = self._get("/openapi/v3")
        body = b"" if isinstance(answer, str) else answer
        paths = mapping(orjson.loads(body).get("paths")) if body else {}
        return {
            name: text(mapping(entry).get("serverRelativeURL")) for name, entry in paths.items()
        }

    def _document(self, url: str) -> tuple[str, Mapping[str, Any]]:
        """Read a document, and give its present address too.

        The hash in an address that is out of date, because a CRD has changed since the index was
        read, is answered with a redirect to the present one (KEP-2896).
        """
        for _ in range(_HOPS):
            cached = self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"
            try:
                return url, mapping(orjson.loads(cached.read_bytes()))
            except (OSError, orjson.JSONDecodeError):
                pass  # not there, or cut off by a full disk: read it again
            answer = self._get(url)
            if isinstance(answer, bytes):
                if urlsplit(url).query and answer:  # without a hash it may change
                    _write(cached, answer)
                return url, mapping(orjson.loads(answer)) if answer else {}
            url = answer
        return url, {}

    def _get(self, url: str) -> bytes | str:
        """Read one document, or where it is now; empty: an aggregated API may be away."""
        parts = urlsplit(url)
        query = tuple(parse_qsl(parts.query))
        response = self._transport.send(Request("GET", parts.path, query, timeout=_SECONDS))
        moved = urlsplit(response.headers.get("location", ""))
        if response.status == _MOVED and moved.path:
            return moved._replace(scheme="", netloc="").geturl()  # never to another server
        if response.status == _OK:
            return response.body
        if response.status in _NOT_SERVED:
            return b""
        raise refused(f"schemas: GET {parts.path}", response)


def _write(path: Path, body: bytes) -> None:
    """Write whole or not at all: another agent may read the same folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
    Path(unfinished).replace(path)
