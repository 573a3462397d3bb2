"""The whole agent on the sandbox, one step at a time: its process may die, its world goes on.

The wiring is the agent's own; only what it touches is simulated.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from agent.assemble.cluster import user_agent
from agent.assemble.outside import Outside
from agent.assemble.running import Running
from agent.core.errors import AgentError
from agent.edges.kube.seam import Request, Response
from agent.edges.metrics import Metrics
from agent.sandbox.api import Sandbox
from agent.settings import Settings
from campaign.faults import Faults, Killed
from campaign.git import Disk, Mirror, Publisher, Repository
from campaign.stepping import Alarms, Clock, Inline, Loops, chosen
from campaign.wire import Wire

if TYPE_CHECKING:
    import random
    import threading
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from campaign.judge import Judge

INSTANCE = "default"
CLUSTER = "sim"
AGENT = user_agent(INSTANCE)
SETTINGS = Settings("memory:", CLUSTER, interval=timedelta(seconds=30))
SCHEMAS: dict[str, Any] = {}
"""Address of a document → what was made of it; an address never changes its content."""
MOST_STEPS = 6000
"""In one `run`: an agent that still moves then is moving in a circle."""


class Circling(AssertionError):  # noqa: N818 - reads as what happened
    """The agent does not come to rest."""


class Renders(dict[str, bytes]):
    """What was rendered, in memory; see `agent.edges.render.cache`."""

    def put(self, key: str, content: bytes) -> None:
        """Keep content under a digest."""
        self[key] = content


@dataclass(slots=True)
class Process:
    """One life of the agent's process."""

    running: Running
    loops: Loops
    alarms: Alarms


@dataclass(slots=True)
class World:
    """Clock, cluster and repository, which stay; and the process, which comes and goes."""

    folder: Path
    judge: Judge
    faults: Faults = field(default_factory=Faults)
    dice: random.Random | None = None
    """Who moves next; None: always the first who can."""
    settings: Settings = SETTINGS
    clock: Clock = field(default_factory=Clock)
    repository: Repository = field(default_factory=Repository)
    disk: Disk = field(default_factory=Disk)
    races: Callable[[Repository], None] | None = None
    cluster: Sandbox = field(init=False)
    process: Process | None = None
    starts: int = 0
    deaths: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self.cluster = Sandbox(self.clock.now, journal=self.judge.asked)
        self.faults.now = self.clock.now
        self.judge.look_at(self)

    @property
    def identity(self) -> str:
        """What the process that was started last calls itself, at the Lease and to the server."""
        return f"agent-{self.starts}"

    # --- the process -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the agent; it may die, or give up, on the way."""
        self.starts += 1
        loops = Loops(self.clock, self._is_ready)
        alarms = Alarms(self.clock)
        wire = Wire(
            self.cluster, f"{AGENT} {self.identity}", self.faults, self.clock, loops, self._wait
        )
        running = Running(self.settings, self.folder, self._outside(wire, loops, alarms))
        running._cluster.schemas._converted = SCHEMAS
        self.process = Process(running, loops, alarms)
        self._guarded(running.start)

    def _outside(self, wire: Wire, loops: Loops, alarms: Alarms) -> Outside:
        return Outside(
            transport=wire,
            mirror=Mirror(self.repository, self.disk, self.faults, self.judge.read),
            renders=Renders(),
            publisher=Publisher(self.repository, self.faults, self.races),
            metrics=Metrics(),
            timers=alarms,
            starts=loops,
            executor=Inline(),  # type: ignore[arg-type]
            identity=self.identity,
            key=bytes(32),
            now=self.clock.now,
            monotonic=self.clock.monotonic,
            pause=self._pause,
        )

    def kill(self) -> None:
        """Let the process be no more: nothing is said, nothing is given back."""
        self.process = None
        self.deaths += 1
        self.judge.died()

    def _guarded(self, step: Callable[[], Any]) -> None:
        try:
            step()
        except Killed:
            self.kill()
        except AgentError as error:
            logging.getLogger(__name__).info("the agent gave up: %s", error)
            self.process = None

    def _wait(self, seconds: float) -> bool:
        self.clock.later(seconds)
        self._step_cluster()
        return False

    def _step_cluster(self) -> None:
        """Let controllers work; what they write is nobody's fault."""
        self.cluster.step()
        self.judge.catch_up()

    def _pause(self, _: threading.Event, seconds: float) -> bool:
        return self._wait(seconds)

    def _is_ready(self, worker: str) -> bool:
        assert self.process is not None
        agent = self.process.running.agent
        queue: Any = agent.packages if worker.startswith("package") else agent.slow
        ready = list(queue._ready)
        if len(ready) > 1 and self.dice is not None:
            queue._ready.move_to_end(self.dice.choice(ready), last=False)
        return bool(ready)

    # --- time ------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let the world go on for so long; a process that died stays dead."""
        end = self.clock.at + timedelta(seconds=seconds)
        for _ in range(MOST_STEPS):
            moves = self._moves()
            if moves:
                self.steps += 1
                self._guarded(chosen(self.dice, moves))
                continue
            instant = self._next()
            if instant is None or instant > end:
                self.clock.at = max(self.clock.at, end)
                return
            self.clock.at = max(self.clock.at, instant)
        raise Circling(f"still moving at {self.clock.at}: {self.faults.crossings[-20:]}")

    def _moves(self) -> list[Callable[[], Any]]:
        cluster: Any = self.cluster
        moves: list[Callable[[], Any]] = [self._step_cluster] if cluster.is_due() else []
        if self.process is not None:
            alarms, loops = self.process.alarms, self.process.loops
            moves += [lambda key=key: alarms.ring(key) for key in alarms.due()]
            moves += [lambda turn=turn: loops.move(turn) for turn in loops.movable()]
        return moves

    def _next(self) -> datetime | None:
        instants = [self.cluster.due()]
        if self.process is not None:
            instants += [self.process.alarms.next(), self.process.loops.next()]
        return min((each for each in instants if each is not None), default=None)

    # --- other people ----------------------------------------------------------------------------

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, kind: str = ""
    ) -> dict[str, Any]:
        """Send a request as kubectl would; {} where there is no such object."""
        content = {"merge": "application/merge-patch+json"}.get(kind, "application/json")
        data = orjson.dumps(body) if body is not None else b""
        answer = self.cluster.handle(
            Request(method, path, (), data, content if data else ""), "kubectl"
        )
        assert isinstance(answer, Response)
        assert answer.status < 300 or answer.status == 404, answer
        return dict(orjson.loads(answer.body)) if answer.status < 300 else {}
