"""A writer over an API server, assembled as the agent does it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scripted_api import Fence

from agent import __version__
from agent.core.identity import Home
from agent.edges.kube.discovery import Discovery
from agent.edges.kube.failures import NoAnswerError
from agent.edges.kube.groundwork import Groundwork
from agent.edges.kube.notebook import Notebook
from agent.edges.kube.sending import Record, Sender
from agent.edges.kube.telling import Teller
from agent.edges.kube.transport import connect
from agent.edges.kube.writer import Writer, served_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from control_plane.server import ControlPlane

    from agent.core.values import Effect, Outcome, PackageName
    from agent.edges.kube.seam import Request, Response, Stream, Transport

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


@dataclass
class Tap:
    """Passes requests on and notes them."""

    transport: Transport
    sent: list[Request] = field(default_factory=list)
    loses: int = 0
    """How many answers to writes are lost from here on: the server has carried them out."""

    def send(self, request: Request) -> Response:
        """Pass on."""
        self.sent.append(request)
        answer = self.transport.send(request)
        if request.method != "GET" and self.loses:
            self.loses -= 1
            raise NoAnswerError("the connection broke", sent=True)
        return answer

    def stream(self, request: Request) -> Stream:
        """Pass on."""
        self.sent.append(request)
        return self.transport.stream(request)


@dataclass
class Desk:
    """The parts that write, for one agent whose memory is in `home.namespace`."""

    transport: Tap
    home: Home
    executor: ThreadPoolExecutor
    fence: Fence = field(default_factory=Fence)
    journal: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender = Sender(self.transport, self.fence, lambda _: None, self.journal.append)
        self.notebook = Notebook(self.transport, self.sender, self.home)
        self.teller = Teller(self.sender, self.home, str)
        self.groundwork = Groundwork(self.transport, self.sender, self.home, str, __version__)
        self.writer = Writer(
            transport=self.transport,
            sender=self.sender,
            notebook=self.notebook,
            executor=self.executor,
            paths=served_paths(Discovery(self.transport).find),
            home=self.home,
            redact=str,
        )

    def perform(
        self, package: PackageName, *effects: Effect, impersonate: str = ""
    ) -> tuple[Outcome, ...]:
        """Perform effects without a deadline."""
        return self.writer.perform(package, effects, None, lambda: NOW, impersonate)


@contextmanager
def at_desk(transport: Transport, namespace: str) -> Iterator[Desk]:
    """Give an agent that writes through a transport and remembers in that namespace."""
    with ThreadPoolExecutor(4) as executor:
        yield Desk(Tap(transport), Home("default", "prod-1", namespace), executor)


@contextmanager
def desk(
    plane: ControlPlane, namespace: str, user_agent: str = "tidegate/0 (test)"
) -> Iterator[Desk]:
    """Give an agent on a real server that may do everything and remembers in that namespace."""
    with (
        closing(connect(str(plane.kubeconfig()), None, user_agent)) as transport,
        at_desk(transport, namespace) as found,
    ):
        yield found
