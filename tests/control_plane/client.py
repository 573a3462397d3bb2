"""Speaks plain HTTP to the API server, so a test sends exactly what it means; never retries.

No client library stands between: what a test asserts about the server is not what a library makes
of it.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Object = dict[str, Any]
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """The status code and the parsed body (text that is not JSON stays text, under `text`)."""

    code: int
    body: Object


class Client:
    """One user with one user agent; a connection per request, so threads may share it."""

    def __init__(self, url: str, authority: Path, token: str, user_agent: str) -> None:
        self._address = urlsplit(url).netloc
        self._trust = ssl.create_default_context(cafile=str(authority))
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": user_agent}

    def request(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> Answer:
        """Send one request; `body` is sent as JSON, or as it is when it is a str or bytes."""
        connection = self._connect(timeout=30)
        try:
            headers = {**self._headers, "Content-Type": content_type}
            connection.request(method, path, _encode(body), headers)
            response = connection.getresponse()
            return Answer(response.status, _decode(response.read()))
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        """Read one object or collection."""
        return self.request("GET", path)

    def apply(self, path: str, manifest: object, manager: str = "test", query: str = "") -> Answer:
        """Send a server-side apply of `manifest` to the object's path; `query` as `dryRun=All`."""
        query = f"fieldManager={manager}&{query}".rstrip("&")
        return self.request("PATCH", f"{path}?{query}", manifest, APPLY)

    def merge(self, path: str, patch: Mapping[str, Any]) -> Answer:
        """Send a JSON merge patch."""
        return self.request("PATCH", path, patch, MERGE)

    @contextmanager
    def watch(self, path: str) -> Iterator[Watch]:
        """Open a watch; it ends with the block, or when another thread calls `close`."""
        connection = self._connect(timeout=None)
        try:
            connection.request("GET", path, headers=self._headers)
            yield Watch(connection)
        finally:
            connection.close()

    def wait_for(
        self, path: str, claim: Callable[[Object | None], bool], seconds: float = 30
    ) -> Object | None:
        """Give the object at `path` as soon as `claim` holds; `None` stands for its absence.

        Raises:
            TimeoutError: the claim did not come true; the message holds the last object seen.
        """
        collection, _, name = path.rpartition("/")
        found = self.get(path)
        latest = found.body if found.code == 200 else None
        if claim(latest):
            return latest
        version = self.get(f"{collection}?limit=1").body["metadata"]["resourceVersion"]
        found = self.get(path)
        latest = found.body if found.code == 200 else None
        query = f"watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion={version}"
        with self.watch(f"{collection}?{query}") as watch:
            limit = threading.Timer(seconds, watch.close)
            limit.start()
            try:
                while not claim(latest):
                    event = next(watch.events(), None)
                    if event is None:
                        raise TimeoutError(f"{path} is not as expected after {seconds} s: {latest}")
                    latest = None if event["type"] == "DELETED" else event["object"]
            finally:
                limit.cancel()
                limit.join()
        return latest

    def _connect(self, timeout: float | None) -> HTTPSConnection:
        return HTTPSConnection(self._address, context=self._trust, timeout=timeout)


class Watch:
    """The open answer to a watch."""

    def __init__(self, connection: HTTPSConnection) -> None:
        self._socket = connection.sock
        self._response: HTTPResponse = connection.getresponse()

    def events(self) -> Iterator[Object]:
        """Yield the events until the server or `close` ends the watch; a refusal is one `ERROR`."""
        try:
            if self._response.status != 200:
                yield {"type": "ERROR", "object": _decode(self._response.read())}
                return
            while line := self._response.readline():
                yield json.loads(line)
        except (OSError, ValueError, HTTPException):
            return  # closed by another thread in the middle of an event

    def close(self) -> None:
        """End the watch from any thread.

        The plain socket's shutdown wakes a blocked read; the TLS socket's own would pull its state
        away under the reader.
        """
        try:
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            return  # it has ended already


def _encode(body: object) -> str | bytes | None:
    return body if body is None or isinstance(body, str | bytes) else json.dumps(body)


def _decode(body: bytes) -> Object:
    try:
        parsed: Object = json.loads(body)
    except ValueError:
        return {"text": body.decode(errors="replace")}
    return parsed
