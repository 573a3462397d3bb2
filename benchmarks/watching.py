"""An observer of its own: one watch per kind, with the time of each event.

Never uses the agent's code, so that what it measures is what any client would see.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPSConnection

    from control_plane.client import Client
    from control_plane.server import ControlPlane

_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Watching:
    """Watches collections until the block ends; safe from any thread."""

    def __init__(
        self, plane: ControlPlane, paths: list[str], selector: str = "", *, whole: bool = False
    ) -> None:
        self._plane = plane
        self._client: Client = plane.client()
        self._paths = paths
        self._selector = selector
        self._accept = "application/json" if whole else _METADATA
        self._changed = threading.Condition()
        self._connections: list[HTTPSConnection] = []
        self.seen: dict[str, tuple[float, dict[str, Any]]] = {}
        """`kind namespace/name` → (monotonic seconds of the newest event, the object)."""
        self.last = 0.0
        self.log: list[tuple[float, dict[str, Any]]] = []
        """All events of whole objects, with their times."""

    def __enter__(self) -> Self:
        for path in self._paths:
            found = self._client.get(f"{path}?limit=1")
            version = found.body["metadata"]["resourceVersion"]
            query = f"watch=1&resourceVersion={version}{self._selected()}"
            connection = self._client._connect(timeout=None)  # noqa: SLF001 - the one door to it
            headers = {**self._client._headers, "Accept": self._accept}  # noqa: SLF001
            connection.request("GET", f"{path}?{query}", headers=headers)
            self._connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            if connection.sock is not None:
                connection.sock.close()

    def wait_for(
        self, claim: Callable[[], bool], seconds: float, check: Callable[[], None] = lambda: None
    ) -> float:
        """Wait for a claim and give the time of the last event then; `check` may raise meanwhile.

        Raises:
            TimeoutError: it did not come true.
        """
        end = time.monotonic() + seconds
        with self._changed:
            while not self._changed.wait_for(claim, 1):
                check()
                if time.monotonic() > end:
                    raise TimeoutError(f"not seen after {seconds} s ({len(self.seen)} objects)")
            return self.last

    def _selected(self) -> str:
        return f"&labelSelector={self._selector}" if self._selector else ""

    def _read(self, connection: HTTPSConnection) -> None:
        try:
            response = connection.getresponse()
            while line := response.readline():
                self._note(line)
        except (OSError, ValueError, AttributeError):
            return  # the block has ended

    def _note(self, line: bytes) -> None:
        now = time.monotonic()
        event = json.loads(line)
        found = event["object"]
        metadata = found["metadata"]
        key = f"{metadata.get('namespace', '')}/{metadata['name']} {metadata['uid']}"
        with self._changed:
            if event["type"] == "DELETED":
                self.seen.pop(key, None)
            else:
                self.seen[key] = (now, found)
            self.last = now
            if self._accept == "application/json":
                self.log.append((now, found))
            self._changed.notify_all()
