"""Three APIs behind one fixture: the sandbox in process, the same over HTTPS, a real server."""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agent.core import encode
from agent.edges import clock
from agent.edges.kube.seam import Request, Response
from agent.edges.kube.transport import connect
from agent.runtime.serving import Serving
from agent.sandbox.api import Sandbox
from agent.sandbox.server import Server
from agent.sandbox.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.edges.kube.seam import Transport

Object = dict[str, Any]
NAMESPACES = "/api/v1/namespaces"
JSON = "application/json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass
class Api:
    """One API and a namespace of the test's own."""

    kind: str
    open: Callable[[str], Transport]
    """Give one more connection, that says it is this user agent."""
    namespace: str = field(default_factory=lambda: f"test-{secrets.token_hex(5)}")

    def __post_init__(self) -> None:
        self.transport = self.open("one/1")
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        code, _ = self.ask("POST", NAMESPACES, body)
        assert code == 201

    def ask(
        self, method: str, path: str, body: Any = None, content_type: str = JSON, **query: str
    ) -> tuple[int, Object]:
        """Send one request; gives code and body."""
        data = b"" if body is None else encode.body(body)
        request = Request(method, path, tuple(query.items()), data, content_type)
        answer = self.transport.send(request)
        return answer.status, orjson.loads(answer.body)

    def path(self, resource: str, name: str = "") -> str:
        """Name a place in the namespace: `configmaps`, `apps/v1/deployments`."""
        group, _, plural = resource.rpartition("/")
        prefix = f"/apis/{group}" if group else "/api/v1"
        return f"{prefix}/namespaces/{self.namespace}/{plural}/{name}".rstrip("/")

    def apply(
        self, resource: str, body: Object, manager: str = "one", **query: str
    ) -> tuple[int, Object]:
        """Apply an object."""
        path = self.path(resource, body["metadata"]["name"])
        return self.ask("PATCH", path, body, APPLY, fieldManager=manager, **query)

    def create(self, resource: str, body: Object, manager: str = "one") -> Object:
        """Create an object; it has to work."""
        code, made = self.ask("POST", self.path(resource), body, fieldManager=manager)
        assert code == 201, made
        return made

    def get(self, resource: str, name: str) -> Object:
        """Read an object that is there."""
        code, found = self.ask("GET", self.path(resource, name))
        assert code == 200, found
        return found

    def names(self, resource: str) -> list[str]:
        """Name what there is in the namespace."""
        _, listed = self.ask("GET", self.path(resource))
        names: list[str] = [each["metadata"]["name"] for each in listed["items"]]
        return names

    def delete(self, resource: str, name: str) -> None:
        """Delete an object that is there."""
        code, said = self.ask("DELETE", self.path(resource, name))
        assert code == 200, said

    def merge(self, resource: str, name: str, patch: Object) -> tuple[int, Object]:
        """Patch an object."""
        return self.ask("PATCH", self.path(resource, name), patch, MERGE)

    def config(self, name: str = "web", **parts: Any) -> Object:
        """Write a ConfigMap."""
        metadata = {"name": name, "namespace": self.namespace, **parts.pop("metadata", {})}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **parts}


@contextmanager
def stepped(sandbox: Sandbox) -> Iterator[Sandbox]:
    """Step the controllers of a sandbox meanwhile, as its server does."""
    stop = threading.Event()

    def step() -> None:
        while not stop.wait(0.02):
            sandbox.step()

    thread = threading.Thread(target=step, name="controllers")
    thread.start()
    try:
        yield sandbox
    finally:
        stop.set()
        thread.join()
        sandbox.close()


@contextmanager
def served(sandbox: Sandbox) -> Iterator[Server]:
    """Serve a sandbox over HTTPS meanwhile."""
    server = Server(sandbox)
    serving = Serving(server)
    serving.start()
    try:
        yield server
    finally:
        assert serving.stop()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a sandbox whose controllers run by the real clock."""
    with stepped(Sandbox(clock.now)) as found:
        yield found


REAL = pytest.param("real", marks=pytest.mark.real)
only_real = pytest.mark.parametrize("api", [REAL], indirect=True)
"""Marks what the sandbox refuses, as docs/reference/sandbox.md says."""


@pytest.fixture(params=["in process", "https", REAL])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Give each of the three APIs in turn."""
    with ExitStack() as running:
        if request.param == "in process":
            found = running.enter_context(stepped(Sandbox(clock.now)))
            yield Api(request.param, lambda agent: InProcess(found, agent))
            return
        if request.param == "https":
            server = running.enter_context(served(Sandbox(clock.now)))
            config = server.write_kubeconfig(tmp_path_factory.mktemp("api") / "kubeconfig")
        else:
            config = request.getfixturevalue("control_plane").kubeconfig()

        def opened(agent: str) -> Transport:
            transport = connect(str(config), None, agent)
            running.callback(transport.close)
            return transport

        yield Api(request.param, opened)


__all__ = ["Api", "Response", "api", "only_real"]
