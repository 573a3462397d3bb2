"""Sees the objects of one resource in one scope: a paged LIST, then a WATCH that goes on for good.

Never keeps an object and never starts a thread: whoever iterates folds what is seen.

Rules: API concepts, "Efficient detection of changes" (kubernetes.io), KEP-956 (bookmarks).
"""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.errors import ClusterError
from agent.core.live import (
    Following,
    Gone,
    Interrupted,
    Listed,
    Listing,
    Observation,
    Resting,
    Seen,
    Unserved,
)
from agent.core.reading import at, items, mapping, text
from agent.core.words import INSTANCE
from agent.edges.kube.failures import NoAnswerError, RefusedError
from agent.edges.kube.paths import path
from agent.edges.kube.seam import Request
from agent.edges.kube.status import from_status, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.core.values import GroupKind, KindInfo
    from agent.edges.kube.discovery import Discovery
    from agent.edges.kube.seam import Stream, Transport

_PAGE: Final = "250"
"""Objects; a page is held as dicts while it is folded, 18 KiB each, by every watch that begins."""
_LIVENESS: Final = 90.0
"""Seconds; bookmarks come about every 60, so this long a silence is a dead connection."""
_LONGEST_LIVENESS: Final = 600.0
_LONGEST_REST: Final = 60.0
_OK: Final = 200
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_EXPIRED: Final = 410
_TOO_LARGE: Final = "ResourceVersionTooLarge"
_METADATA = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True)
class Scope:
    """What one watch covers."""

    info: KindInfo
    namespace: str = ""
    """Empty: the whole cluster."""
    selector: str = ""
    metadata_only: bool = False

    @property
    def version(self) -> str:
        """The version that is asked for: the one that the group prefers."""
        return self.info.versions[0]

    @property
    def api_version(self) -> str:
        """As an object of this scope has it."""
        return f"{self.info.group}/{self.version}" if self.info.group else self.version

    def __str__(self) -> str:
        resource = f"{self.info.plural}.{self.info.group}".rstrip(".")
        return f"{resource} in {self.namespace}" if self.namespace else resource


class Watches:
    """Opens watches of kinds, in the scopes this agent may see."""

    def __init__(
        self,
        transport: Transport,
        discovery: Discovery,
        instance: str,
        namespaces: tuple[str, ...] = (),
    ) -> None:
        self._transport = transport
        self._discovery = discovery
        self._selector = f"{INSTANCE}={instance}"
        self._namespaces = namespaces

    def ours(self, kind: GroupKind) -> tuple[Watch, ...]:
        """Watch the objects that carry our instance's label; nothing where the kind is not served.

        Raises:
            ClusterError: nobody can say whether it is served.
        """
        info = self._info(kind)
        if info is None:
            return ()
        namespaces = self._namespaces if self._namespaces and info.namespaced else ("",)
        return tuple(
            self._watch(Scope(info, namespace, self._selector)) for namespace in namespaces
        )

    def all(self, kind: GroupKind, *, metadata_only: bool) -> tuple[Watch, ...]:
        """Watch every object of a kind in the cluster; nothing where the kind is not served.

        Raises:
            ClusterError: nobody can say whether it is served.
        """
        info = self._info(kind)
        if info is None:
            return ()
        return (self._watch(Scope(info, metadata_only=metadata_only)),)

    def _watch(self, scope: Scope) -> Watch:
        return Watch(self._transport, scope, on_unserved=self._refresh)

    def _refresh(self) -> None:
        # If this fails, discovery keeps what it knows, and the next watch meets its 404 again.
        with suppress(ClusterError):
            self._discovery.refresh()

    def _info(self, kind: GroupKind) -> KindInfo | None:
        kinds = self._discovery.kinds()
        if kind in kinds.watchable:
            return kinds[kind]
        if kind.group in kinds.stale:
            raise ClusterError(
                f"{kind.kind}: the server of the API group {kind.group} does not answer;"
                " see: kubectl get apiservices"
            )
        return None


class Watch:
    """One endless watch; one thread iterates, any thread may close it."""

    def __init__(
        self,
        transport: Transport,
        scope: Scope,
        on_unserved: Callable[[], None] = lambda: None,
    ) -> None:
        self.scope = scope
        self._transport = transport
        self._on_unserved = on_unserved
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._version = ""
        self._failures = 0
        self._liveness = _LIVENESS
        self._has_bookmarks = False

    @property
    def namespace(self) -> str:
        """The namespace that is watched, empty for all."""
        return self.scope.namespace

    def __str__(self) -> str:
        return str(self.scope)

    def __iter__(self) -> Iterator[Observation]:
        """Begin with a list, and go on until `close`, or `Unserved`."""
        self._version = ""
        while not self._closing.is_set():
            try:
                if not self._version:
                    yield from self._list()
                yield from self._follow()
            except ClusterError as error:
                if _status(error) == _NOT_FOUND:
                    self._on_unserved()
                    yield Unserved()
                    return
                yield from self._fail(error)
            if self._failures:
                yield Resting(self._pause())

    def close(self) -> None:
        """End the iteration, a blocked read included."""
        self._closing.set()
        with self._lock:
            stream = self._stream
        if stream is not None:
            stream.close()

    def _fail(self, error: ClusterError) -> Iterator[Observation]:
        self._failures += 1
        if _is_expired(error):
            # Nothing is wrong: the version is older than what etcd keeps. The list tells the rest.
            self._version = ""
            return
        if isinstance(error, NoAnswerError) and error.silent and not self._has_bookmarks:
            self._liveness = min(2 * self._liveness, _LONGEST_LIVENESS)
            return
        yield Interrupted(str(error), forbidden=_status(error) == _FORBIDDEN)

    def _pause(self) -> float:
        """Seconds, half of them by chance: all watches lose a restarting server together."""
        longest = min(0.25 * 2**self._failures, _LONGEST_REST)
        return random.uniform(longest / 2, longest)  # noqa: S311  # no secret

    def _list(self) -> Iterator[Observation]:
        yield Listing()
        token = ""
        while not self._closing.is_set():
            page = self._page(token)
            for item in items(page.get("items")):
                yield Seen(self._named(item))
            token = text(at(page, "metadata", "continue"))
            if not token:
                self._version = text(at(page, "metadata", "resourceVersion"))
                yield Listed(self._version)
                return

    def _page(self, token: str) -> Mapping[str, Any]:
        query = [("limit", _PAGE), *self._selected()]
        if token:
            query.append(("continue", token))
        response = self._transport.send(self._request(query, 30.0, "List"))
        if response.status != _OK:
            raise refused(f"list of {self}", response)
        return mapping(orjson.loads(response.body))

    def _follow(self) -> Iterator[Observation]:
        stream = self._open()
        try:
            yield Following()
            heard = False
            for line in stream:
                if not line:
                    yield Following()
                    continue
                heard, self._failures = True, 0
                yield from self._event(line)
            if not heard:  # a proxy that ends every watch at once
                self._failures += 1
        finally:
            stream.close()
            with self._lock:
                self._stream = None

    def _open(self) -> Stream:
        # As client-go: 30 to 60 minutes, by chance, so that watches are not opened together.
        seconds = random.randint(1800, 3600)  # noqa: S311  # no secret
        query = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self._version),
            ("timeoutSeconds", str(seconds)),
            *self._selected(),
        ]
        stream = self._transport.stream(self._request(query, self._liveness))
        with self._lock:
            self._stream = stream
        if self._closing.is_set():
            stream.close()
        return stream

    def _event(self, line: bytes) -> Iterator[Observation]:
        try:
            event = mapping(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise ClusterError(f"watch of {self}: the server sent no JSON: {error}") from error
        subject = mapping(event.get("object"))
        match event.get("type"):
            case "ERROR":
                says = from_status(subject)
                raise RefusedError(f"watch of {self}: {says.reason}: {says.message}", says)
            case "BOOKMARK":
                self._has_bookmarks = True
            case "DELETED":
                yield Gone(self._named(subject))
            case "ADDED" | "MODIFIED":
                yield Seen(self._named(subject))
            case _:
                return
        self._version = text(at(subject, "metadata", "resourceVersion")) or self._version

    def _named(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Give an object its own kind: a list leaves it out, metadata have one of their own."""
        return {**item, "apiVersion": self.scope.api_version, "kind": self.scope.info.kind}

    def _selected(self) -> list[tuple[str, str]]:
        return [("labelSelector", self.scope.selector)] if self.scope.selector else []

    def _request(self, query: list[tuple[str, str]], timeout: float, form: str = "") -> Request:
        return Request(
            "GET",
            path(self.scope.info, self.scope.version, self.scope.namespace),
            tuple(query),
            accept=_METADATA.format(list=form) if self.scope.metadata_only else "application/json",
            timeout=timeout,
        )


def _status(error: ClusterError) -> int:
    return error.status if isinstance(error, RefusedError) else 0


def _is_expired(error: ClusterError) -> bool:
    """Whether only a new list helps: 410, or a version from the future of a restored etcd."""
    if not isinstance(error, RefusedError):
        return False
    too_large = any(cause.reason == _TOO_LARGE for cause in error.says.causes)
    return error.status == _EXPIRED or too_large
