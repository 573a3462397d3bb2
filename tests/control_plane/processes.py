"""Starts programs that can not outlive this process; never restarts one.

A test run that is killed takes its servers with it: each child asks the kernel to be killed when
its parent dies (prctl(2), PR_SET_PDEATHSIG). The kernel means the parent *thread*, so a server must
be started from a thread that lives as long as the server is needed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# A wrapper instead of preexec_fn: running Python between fork and exec can deadlock where the
# parent has threads, and warns from Python 3.12 on.
_BOUND = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent died first")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerDiedError(Exception):
    """A server ended by itself; the message holds the end of its log."""


class Server:
    """One running program with a log file, in a process group of its own."""

    def __init__(self, program: Path, arguments: list[str], log: Path) -> None:
        self.name = program.name
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOUND, str(os.getpid()), program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is the id of its group too."""
        return self._process.pid

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            ServerDiedError: it ended.
        """
        if (code := self._process.poll()) is not None:
            raise ServerDiedError(f"{self.name} ended with code {code}:\n{self.log_tail()}")

    def log_tail(self, lines: int = 20) -> str:
        """Give the last lines of the log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """End it at once: nothing that a test server holds is worth a farewell."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def free_ports(count: int) -> list[int]:
    """Give loopback ports that were free a moment ago; who uses them must be ready to try again."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
