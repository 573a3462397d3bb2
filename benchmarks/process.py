"""One process under measurement: its CPU and memory, from /proc, with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TICKS = os.sysconf("SC_CLK_TCK")


class Measured:
    """A program that runs until `stop`."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.started = time.monotonic()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._log = log

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Make sure that it still runs.

        Raises:
            RuntimeError: it has ended; the message holds the end of its log.
        """
        if self._process.poll() is not None:
            raise RuntimeError(f"ended with {self._process.returncode}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """Give the last lines of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def cpu(self) -> float:
        """Give the CPU seconds so far: its own, and those of children that have ended."""
        return cpu(self.pid)

    def memory(self) -> tuple[float, float]:
        """Give MiB resident now and at most."""
        return memory(self.pid)

    def stop(self, seconds: float = 15) -> float:
        """Ask it to end, then make it; give the seconds that took."""
        begin = time.monotonic()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - begin

    def kill(self) -> None:
        """End it as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def cpu(pid: int) -> float:
    """Give the CPU seconds of a process and of its children that have ended (proc(5), `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS


def memory(pid: int) -> tuple[float, float]:
    """Give MiB resident now and at most (proc(5), `status`)."""
    status = Path(f"/proc/{pid}/status").read_text()
    values = dict(line.split(":", 1) for line in status.splitlines())
    return tuple(int(values[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]
