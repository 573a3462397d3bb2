"""Tests neither sleep, nor see this machine's settings, nor leave servers behind."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import control_plane
import pytest

_SERVER = "import signal; print('up', flush=True); signal.pause()"
_RUN = """
import sys, threading
from pathlib import Path
from control_plane.processes import Server
log = Path(sys.argv[1])
server = Server(Path(sys.executable), ["-c", sys.argv[2]], log)
while not log.read_text():
    threading.Event().wait(0.01)
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_sleeping_fails() -> None:
    """A test that sleeps is told to wait for an event."""
    with pytest.raises(AssertionError, match="wait for an event"):
        time.sleep(0)  # noqa: TID251  # the ban is what is tested


def test_own_settings_are_out_of_sight() -> None:
    """Neither a kubeconfig nor git's settings of this machine are seen."""
    seen = subprocess.run(
        ["git", "config", "--list", "--show-scope"], capture_output=True, text=True, check=True
    )
    scopes = {line.split("\t")[0] for line in seen.stdout.splitlines()}
    assert os.environ["KUBECONFIG"] == os.devnull
    assert scopes <= {"local", "worktree"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_servers_die_with_a_killed_run(tmp_path: Path) -> None:
    """A run that is killed takes its servers with it."""
    script = [sys.executable, "-c", _RUN, str(tmp_path / "log"), _SERVER]
    tests = str(Path(control_plane.__file__).parents[1])
    pipe = subprocess.PIPE
    with subprocess.Popen(script, stdin=pipe, stdout=pipe, env={"PYTHONPATH": tests}) as run:
        assert run.stdout
        server = os.pidfd_open(int(run.stdout.readline()))
        run.kill()
    ended, _, _ = select.select([server], [], [], 10)
    os.close(server)
    assert ended == [server]
