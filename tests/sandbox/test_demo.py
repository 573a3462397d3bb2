"""`tidegate demo` as people meet it: installed, alone with git, interrupted, with a dead agent."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest
from sandbox import cases
from sandbox.conftest import served
from sandbox.transcript import recorded, told

from agent.demo.kubectl import kubectl
from agent.edges import clock
from agent.edges.kube.seam import Request
from agent.edges.kube.transport import connect
from agent.sandbox.api import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from control_plane.build import Assets

    from agent.edges.kube.seam import Transport

ROOT = Path(__file__).parents[2]
DEMO = ("-m", "agent", "demo", "--fast")
SPACE = ("-n", "kube-public")
SHORT = (
    "from agent.demo import stage, story; stage.STORY = (story.begin,);"
    "from agent.cli import main; main(['demo', *__import__('sys').argv[1:]])"
)
"""The demo with its first step only."""


class Ended(NamedTuple):
    """How a demo ended."""

    code: int
    stdout: str
    stderr: str


class Audience:
    """Starts a demo in an environment with next to nothing, and sees what is left of it."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "tmp"
        self.programs = folder / "programs"
        self.home = folder / "home"
        for each in (self.temporary, self.programs, self.home):
            each.mkdir()
        for program in ("git", "sh"):
            found = shutil.which(program)
            assert found
            (self.programs / program).symlink_to(found)
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, python: str = sys.executable) -> subprocess.Popen[str]:
        """Start Python on something, in a terminal that is 80 columns wide."""
        environment = {
            "PATH": str(self.programs),
            "TMPDIR": str(self.temporary),
            "HOME": str(self.home),
            "COLUMNS": "80",
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody: as in an office, seen from a train
            "PYTHONUNBUFFERED": "1",
        }
        started = subprocess.Popen(
            [python, *arguments],
            env=environment,
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(started)
        return started

    def see(self, demo: subprocess.Popen[str], text: str) -> str:
        """Read what it says until a text came; gives that line."""
        assert demo.stdout is not None
        seen = []
        for line in demo.stdout:
            seen.append(line)
            if text in line:
                return line
        raise AssertionError("".join(seen) + demo.communicate()[1])

    def end(self, demo: subprocess.Popen[str]) -> Ended:
        """Wait for its end."""
        stdout, stderr = demo.communicate(timeout=300)
        return Ended(demo.returncode, stdout, stderr)

    def processes(self) -> list[tuple[int, str]]:
        """Id and command of all that was started by the demo and still runs."""
        own = {str(each.pid) for each in self._running}
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            try:
                environment = (each / "environ").read_bytes()
                command = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended meanwhile, or is somebody else's
                continue
            if str(self.temporary).encode() in environment and each.name not in own:
                found.append((int(each.name), command))
        return found

    def left(self) -> tuple[list[str], list[str], list[tuple[int, str]]]:
        """What is there after a demo: temporary files, files of the user, processes."""
        temporary, home = (sorted(map(str, each.iterdir())) for each in (self.temporary, self.home))
        return temporary, home, self.processes()

    def close(self) -> None:
        """End what a failed test has left."""
        for each in self._running:
            each.kill()
            each.communicate()


NOTHING: tuple[list[str], list[str], list[tuple[int, str]]] = ([], [], [])


@pytest.fixture
def audience(tmp_path: Path) -> Iterator[Audience]:
    """Give an empty corner of the machine, where git is the only program."""
    found = Audience(tmp_path)
    yield found
    found.close()


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """Install the wheel into a fresh environment, beside the locked dependencies; its Python."""
    built = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    fresh = tmp_path / "fresh"
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", fresh), check=True)
    python = fresh / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    subprocess.run((*pip, "--no-deps", "--no-index", str(wheel)), check=True)
    (packages,) = (fresh / "lib").glob("python*/site-packages")
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib"))
    return str(python)


def test_installed_it_tells_the_whole_story_with_git_alone(
    audience: Audience, installed: str
) -> None:
    """Step by step as the README has it, from a wheel; nothing is left behind."""
    where = audience.start("-c", "import agent; print(agent.__file__)", python=installed)
    assert str(ROOT) not in audience.end(where).stdout
    ended = audience.end(audience.start(*DEMO, python=installed))
    assert ended.code == 0, ended
    assert told(ended.stdout) == told(recorded()), "record it again: tests/sandbox/transcript.py"
    shown = ended.stdout.replace(str(audience.temporary), "/tmp")  # noqa: S108 - its usual length
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert (ended.stderr, audience.left()) == ("", NOTHING)


@pytest.mark.parametrize("moment", ["$ tidegate lint", "2. Install", "3. Drift"])
def test_interrupted_at_any_moment_it_leaves_nothing(audience: Audience, moment: str) -> None:
    """Ctrl-C, twice by the impatient: 130, no process, no file."""
    demo = audience.start(*DEMO)
    audience.see(demo, moment)
    demo.send_signal(signal.SIGINT)
    demo.send_signal(signal.SIGINT)
    ended = audience.end(demo)
    assert (ended.code, ended.stderr, audience.left()) == (130, "\ninterrupted\n", NOTHING)


def test_where_the_agent_is_killed_it_says_so_and_keeps_the_log(audience: Audience) -> None:
    """Nobody waits for what can't come any more; the log is all that is left."""
    demo = audience.start(*DEMO)
    audience.see(demo, "shop/namespace is Synced")
    (agent,) = [pid for pid, command in audience.processes() if "agent run" in command]
    os.kill(agent, signal.SIGKILL)
    ended = audience.end(demo)
    assert ended.code == 3
    assert "error: the agent has ended before this came true: " in ended.stderr
    (log,) = audience.temporary.iterdir()
    assert f"where: {log}" in ended.stderr
    assert log.read_text().splitlines()[-1] in ended.stderr
    assert audience.processes() == []


def test_it_waits_for_enter_between_steps(audience: Audience) -> None:
    """With --step somebody else sets the pace."""
    demo = audience.start(*DEMO, "--step")
    audience.see(demo, "tidegate run")
    assert demo.stdin is not None
    assert demo.stdout is not None
    assert demo.stdout.read(len("\n   [Enter] ")) == "\n   [Enter] "
    demo.stdin.write("\n")
    demo.stdin.flush()
    audience.see(demo, "2. Install")
    demo.send_signal(signal.SIGINT)
    assert audience.end(demo).code == 130


def test_kept_it_runs_on_until_ctrl_c(audience: Audience) -> None:
    """What is exported is enough to look around, for others than the demo too."""
    demo = audience.start("-c", SHORT, "--fast", "--keep")
    audience.see(demo, "It runs on.")
    kubeconfig = audience.see(demo, "KUBECONFIG=").strip().partition("=")[2]
    audience.see(demo, "agent.log")
    transport = connect(kubeconfig, None, "test")
    assert "NAME" in kubectl(transport, ["get", "deployments", "-A"])
    transport.close()
    demo.send_signal(signal.SIGINT)
    assert (audience.end(demo).code, audience.left()) == (130, NOTHING)


def test_without_git_it_says_so(audience: Audience) -> None:
    """Before anything is started."""
    (audience.programs / "git").unlink()
    ended = audience.end(audience.start(*DEMO))
    assert re.match(r"error: program 'git' was not found in \S+: install it\n", ended.stderr)
    assert (ended.code, ended.stdout, audience.left()) == (3, "", NOTHING)


@pytest.mark.real
@pytest.mark.parametrize(
    "command",
    [
        ("get", "deployments", "-A"),
        (*SPACE, "get", "deployments"),
        (*SPACE, "patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replicas":5}}'),
    ],
)
def test_our_client_says_what_kubectl_says(
    assets: Assets, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Where kubectl is missing the audience sees the same."""
    now = clock.now()

    def theirs(config: Path, _: Transport) -> str:
        own = {"KUBECONFIG": str(config), "HOME": str(tmp_path), "KUBECTL_KUBERC": "false"}
        argv = (assets.program("kubectl"), *command)
        return subprocess.run(argv, env=own, capture_output=True, text=True, check=True).stdout

    def ours(_: Path, transport: Transport) -> str:
        return kubectl(transport, command)

    assert _answered(ours, tmp_path, now) == _answered(theirs, tmp_path, now)


def _answered(ask: Callable[[Path, Transport], str], folder: Path, now: datetime) -> str:
    """Ask about a Deployment of a sandbox in which no time passes."""
    sandbox = Sandbox(lambda: now)
    where = "/apis/apps/v1/namespaces/kube-public/deployments"
    body = orjson.dumps(cases.DEPLOYMENT)
    sandbox.handle(Request("POST", where, (), body, "application/json"))
    while sandbox.step():
        pass
    with served(sandbox) as server:
        config = server.write_kubeconfig(folder / "config")
        transport = connect(str(config), None, "test")
        said = ask(config, transport)
        transport.close()
    assert "web" in said
    return said
