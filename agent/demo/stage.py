"""Sets a story up and takes it down: repository, sandbox, agent, folder; never tells the story.

Whatever happens — the end, a step that fails, Ctrl-C — nothing is left but, after a failure, the
agent's log.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import __version__
from agent.core.errors import AgentError
from agent.demo.agent import Agent
from agent.demo.ending import deaf
from agent.demo.example import RENDERINGS, prepare
from agent.demo.ground import TEMPORARY, Ground
from agent.demo.place import Place, View
from agent.demo.story import STORY
from agent.demo.witness import NotTrueError, Witness
from agent.edges import clock, process
from agent.edges.kube.transport import connect
from agent.runtime.serving import Serving
from agent.sandbox.api import Sandbox
from agent.sandbox.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.demo.pace import Pace
    from agent.demo.voice import Voice

_TAIL: Final = 25
_READY: Final = timedelta(seconds=0.5)
"""How long a Pod of the sandbox needs, so that it can be seen."""
_RUNS: Final = timedelta(seconds=1)
"""How long a Job of the sandbox runs."""


class FailedError(AgentError):
    """The story did not come true: why, the end of the agent's log, and where all of it is."""

    def __init__(self, why: str, tail: str, log: str) -> None:
        super().__init__(why)
        self.why = why
        self.tail = tail
        self.log = log


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder that goes away with the block."""
    with tempfile.TemporaryDirectory(prefix="tidegate-demo-") as name:
        folder = Path(name).resolve()
        (folder / TEMPORARY).mkdir()
        yield folder


@contextmanager
def sandbox_ground(folder: Path) -> Iterator[Ground]:
    """Serve a sandbox on loopback, and make an empty repository.

    Raises:
        ProcessFailed: there is no git.
    """
    bare = folder / "clusters.git"
    # The machine's own settings could ask for templates or hooks.
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    process.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], env=quiet)
    server = Server(Sandbox(clock.now, pods_ready_after=_READY, jobs_done_after=_RUNS))
    kubeconfig = server.write_kubeconfig(folder / "kubeconfig")
    serving = Serving(server)
    with deaf():
        serving.start()
    try:
        yield Ground(folder, bare, bare.as_uri(), kubeconfig)
    finally:
        serving.stop()


def perform(ground: Ground, voice: Voice, pace: Pace, *, keep: bool = False) -> None:
    """Tell the whole story on a ground.

    Args:
        ground: with an empty repository and an empty cluster.
        voice: says it.
        pace: how long people get to look.
        keep: leave all running at the end, until a signal comes.

    Raises:
        FailedError: a step did not come true.
    """
    begun = clock.monotonic()
    environment = ground.environment(voice.width)
    try:
        _seed(ground, voice, environment)
        with ExitStack() as running:
            transport = connect(str(ground.kubeconfig), None, f"tidegate-demo/{__version__}")
            running.callback(transport.close)
            agent = running.enter_context(Agent(ground, environment))
            view = View(agent, Witness(transport, agent), transport)
            place = Place(ground, voice, pace, view)
            for step in STORY:
                step(place)
            voice.end(f"Everything came true, in {clock.monotonic() - begun:.0f} s.")
            if keep:
                _wait(place)
    except AgentError as error:
        raise FailedError(str(error), *_saved(ground.log)) from error


def _seed(ground: Ground, voice: Voice, environment: Mapping[str, str]) -> None:
    """Put the example into the repository."""
    missing = tuple(each for each in RENDERINGS if ground.find(each.program) is None)
    if missing:
        names = " and no ".join(each.program for each in missing)
        voice.why(f"(no {names} here: what they make of the example is committed as plain YAML)")
    tree = ground.folder / "seed"
    prepare(tree, missing)
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("commit", "--quiet", "--message=Begin with the example"),
        ("push", "--quiet", str(ground.bare), "main"),
    ):
        done = process.run(["git", *command], env=environment, cwd=tree)
        if done.code != 0:
            raise NotTrueError(f"git {command[0]}: {done.stderr.decode(errors='replace')}")
    shutil.rmtree(tree)


def _wait(place: Place) -> None:
    """Start the agent again, and leave all running until a signal comes."""
    # First, so that a Ctrl-C that answers what is said finds nothing half begun.
    place.agent.start()
    place.voice.end("It runs on. Look around from another terminal; Ctrl-C here ends it all:")
    for name, value in place.ground.exports().items():
        place.voice.command(f"export {name}={value}")
    place.voice.command(f"cd {place.ground.tree}")
    place.voice.why(f"The agent writes to {place.ground.log}.")
    raise NotTrueError(f"the agent has ended with {place.agent.wait()}")


def _saved(log: Path) -> tuple[str, str]:
    """Give the log's end, and put it where it outlives the story."""
    if not log.exists():
        return "", ""
    number, path = tempfile.mkstemp(prefix="tidegate-demo-", suffix=".log")
    os.close(number)
    shutil.copy(log, path)
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL:]), path
