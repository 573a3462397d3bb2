"""A sandbox with a clock of the test's own, and short words for what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sandbox import cases

from agent.core import encode
from agent.edges.kube.seam import Request, Response
from agent.sandbox.api import Sandbox

if TYPE_CHECKING:
    from agent.sandbox.watch import WatchStream

Object = dict[str, Any]
BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Cluster:
    """One sandbox whose time stands still until somebody says `later`."""

    now: datetime = BEGIN
    seed: int = 0
    sandbox: Sandbox = field(init=False)

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(lambda: self.now, seed=self.seed)
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": cases.SPACE}})

    def ask(
        self, method: str, path: str, body: Any = None, content_type: str = cases.JSON, **query: str
    ) -> tuple[int, Object]:
        """Send one request."""
        answer = self.handle(method, path, body, content_type, **query)
        assert isinstance(answer, Response)
        return answer.status, orjson.loads(answer.body)

    def handle(
        self, method: str, path: str, body: Any = None, content_type: str = cases.JSON, **query: str
    ) -> Response | WatchStream:
        """Send one request, and take whatever comes."""
        data = b"" if body is None else encode.body(body)
        path = path.replace("{space}", cases.SPACE)
        return self.sandbox.handle(
            Request(method, path, tuple(query.items()), data, content_type), "tester/1"
        )

    def apply(self, found: Object, manager: str = "one") -> Object:
        """Apply an object; it has to work."""
        path = cases.path(found, found["metadata"]["name"])
        code, body = self.ask("PATCH", path, found, cases.APPLY, fieldManager=manager, force="true")
        assert code in (200, 201), body
        return body

    def get(self, found: Object) -> Object | None:
        """Read an object, None where it is not there."""
        code, body = self.ask("GET", cases.path(found, found["metadata"]["name"]))
        return body if code == 200 else None

    def delete(self, found: Object, policy: str = "Background") -> None:
        """Delete an object."""
        path = cases.path(found, found["metadata"]["name"])
        code, body = self.ask("DELETE", path, {"propagationPolicy": policy})
        assert code == 200, body

    def list(self, found: Object, **query: str) -> list[Object]:
        """List the objects of a kind."""
        code, body = self.ask("GET", cases.path(found), **query)
        assert code == 200, body
        items: list[Object] = body["items"]
        return items

    def watch(self, found: Object, **query: str) -> WatchStream:
        """Watch the objects of a kind."""
        stream = self.handle("GET", cases.path(found), watch="1", **query)
        assert not isinstance(stream, Response), stream
        return stream

    def step(self) -> None:
        """Let the controllers work."""
        self.sandbox.step()

    def later(self, seconds: float) -> None:
        """Let time pass, and the controllers work."""
        self.now += timedelta(seconds=seconds)
        self.sandbox.step()


def events(stream: WatchStream) -> list[tuple[str, Object]]:
    """Take what a watch has to tell now."""
    found = [orjson.loads(line) for line in stream.take()]
    return [(each["type"], each["object"]) for each in found]
