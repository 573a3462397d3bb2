"""The only place that starts programs: clean environment, own process group, limits, deadline.

Never leaves a program behind: each dies with its deadline, with `shutdown`, or with the agent.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from agent.core.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MEBIBYTE: Final = 1024 * 1024
OUTPUT_CAP: Final = 64 * MEBIBYTE
ERRORS_KEPT: Final = 64 * 1024
_CHUNK: Final = 64 * 1024
_LAUNCHER: Final = str(Path(__file__).with_name("launch.py"))

_KEPT_VARIABLES: Final = ("PATH", "TMPDIR")


class ProcessFailed(AgentError):  # noqa: N818 - reads as what happened, as its neighbours do
    """A program could not be started, said too much, or was ended by us."""


class ProcessTimeout(ProcessFailed):
    """A program was killed, with its whole group, at its deadline."""


class SandboxUnavailable(ProcessFailed):
    """This system does not let us take network and rights from a program; it was not started."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sandboxed program may use; bytes, seconds, counts.

    Memory is RLIMIT_DATA: Go programs reserve far more address space than they use and die
    under RLIMIT_AS. Processes counts all threads of the *user*, so it is off unless asked for.
    """

    memory: int = 1024 * MEBIBYTE
    cpu_seconds: int = 60
    file_size: int = 256 * MEBIBYTE
    open_files: int = 256
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended by itself; a non-zero code is the caller's to judge."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class SandboxTest:
    """Whether programs can be shut in here, and if not, why."""

    works: bool
    why: str = ""


# Groups that are running, by the descriptor of their leash. Single dictionary operations are
# atomic, and `_stops` tells a run that a shutdown came between its start and its entry here.
_running: dict[int, subprocess.Popen[bytes]] = {}
_stops = 0


def shutdown() -> None:
    """Kill every program that is running, each with its group; their runs raise ProcessFailed."""
    global _stops  # noqa: PLW0603 - one process, one set of children
    _stops += 1
    for child in tuple(_running.values()):
        _kill(child)


def run(  # noqa: PLR0913 - each is one property of the child, all but argv have a default
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 60.0,
    limits: Limits | None = None,
    network: bool = True,
    output_cap: int = OUTPUT_CAP,
    keep_open: Sequence[int] = (),
) -> Finished:
    """Run a program to its end and return what it wrote.

    Args:
        argv: the program, looked up in PATH, and its arguments; never a shell.
        stdin: what it reads; it may stop reading early.
        env: added to PATH, TMPDIR and a C.UTF-8 locale; nothing else is inherited.
        cwd: where it runs; the root folder unless said.
        timeout: seconds until its whole process group is killed.
        limits: started through the launcher: limited, without new privileges, as nobody if root.
        network: False denies every socket, through the launcher too.
        output_cap: bytes of standard output after which it is killed.
        keep_open: descriptors that the program inherits, a held lock for example.

    Raises:
        ProcessTimeout: the deadline passed.
        SandboxUnavailable: the sandbox could not be made, so nothing was started.
        ProcessFailed: no such program, too much output, or ended by `shutdown`.
    """
    stops = _stops
    environment = _environment(env)
    program = _find(argv[0], environment["PATH"])
    with _refusals() as (hears, says):
        command = [program, *argv[1:]]
        inherited = list(keep_open)
        if limits is not None or not network:
            command = _launched(command, limits or Limits(), network=network, says=says.fileno())
            inherited.append(says.fileno())
        with _started(command, environment, cwd, inherited, subprocess.PIPE) as child:
            says.close()
            if stops != _stops:
                _kill(child)
            talk = _Talk(child, stdin, time.monotonic() + timeout, output_cap)
            output = talk.until_the_end(argv[0], timeout)
        _raise_refusal(hears, argv[0])
    if stops != _stops and child.returncode == -signal.SIGKILL:
        raise ProcessFailed(f"{argv[0]} was killed because the agent stops")
    return Finished(child.returncode, output, bytes(talk.errors))


class Background:
    """A program that runs beside us; made by `background`."""

    def __init__(self, child: subprocess.Popen[bytes], name: str) -> None:
        self._child = child
        self._name = name

    @property
    def code(self) -> int | None:
        """How it ended, as `Popen.returncode`; None: it runs."""
        return self._child.poll()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until it ends by itself; None: it still runs after that time."""
        if self._child.poll() is None:
            with selectors.DefaultSelector() as streams, _exit_of(self._child) as ended:
                streams.register(ended, selectors.EVENT_READ)
                streams.select(seconds)
        return self._child.poll()

    def stop(self, seconds: float) -> int:
        """Ask it to end (SIGTERM), and give its code.

        Raises:
            ProcessTimeout: it did not end in time, and was killed with its group.
        """
        if self._child.poll() is None:
            self._child.terminate()
        code = self.wait(seconds)
        if code is None:
            _end(self._child)
            raise ProcessTimeout(f"{self._name} was killed {seconds:g} seconds after SIGTERM")
        return code


@contextmanager
def background(
    argv: Sequence[str], *, output: Path, env: Mapping[str, str] | None = None, cwd: Path
) -> Iterator[Background]:
    """Run a program while the block runs; at its end, or ours, what is left of it is killed.

    Args:
        argv: the program, looked up in PATH, and its arguments; never a shell.
        output: a file that gets all it writes, on both streams.
        env: added to PATH, TMPDIR and a C.UTF-8 locale; nothing else is inherited.
        cwd: where it runs.

    Raises:
        ProcessFailed: no such program.
    """
    environment = _environment(env)
    command = [_find(argv[0], environment["PATH"]), *argv[1:]]
    with output.open("ab") as stream, _started(command, environment, cwd, (), stream) as child:
        yield Background(child, argv[0])


def sandbox_works() -> SandboxTest:
    """Start a program in the sandbox that tries to open a socket; say whether it was denied."""
    attempt = (
        "import _socket\n"
        "for family in (_socket.AF_INET, _socket.AF_INET6, _socket.AF_UNIX):\n"
        "    try: _socket.socket(family)\n"
        "    except PermissionError: continue\n"
        "    raise SystemExit(f'a socket of family {family} was allowed')\n"
    )
    try:
        done = run([sys.executable, "-I", "-S", "-c", attempt], network=False, timeout=20)
    except ProcessFailed as why:
        return SandboxTest(works=False, why=str(why))
    return SandboxTest(works=done.code == 0, why=done.stderr.decode(errors="replace").strip())


def pause(seconds: float) -> None:
    """Wait between two tries at a program; a retry has no event that could end it earlier."""
    with selectors.DefaultSelector() as nothing:
        nothing.select(seconds)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", **kept, **(extra or {})}


@cache
def _find(program: str, path: str) -> str:
    found = shutil.which(program, path=path)
    if found is None:
        raise ProcessFailed(f"program {program!r} was not found in {path}: install it")
    return found


def _launched(command: list[str], limits: Limits, *, network: bool, says: int) -> list[str]:
    orders = {
        "refuse": says,
        "nobody": 1,
        "data": limits.memory,
        "cpu": limits.cpu_seconds,
        "fsize": limits.file_size,
        "nofile": limits.open_files,
    }
    if limits.processes is not None:
        orders["nproc"] = limits.processes
    if not network:
        orders["offline"] = 1
    text = ",".join(f"{name}={value}" for name, value in orders.items())
    return [sys.executable, "-I", "-S", _LAUNCHER, text, "--", *command]


@contextmanager
def _refusals() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """A pipe by which the launcher says why it did not start the program; exec closes it.

    File objects, because `says` is closed early: closing a bare descriptor a second time would
    close what another thread has opened meanwhile.
    """
    ends = os.pipe()
    with open(ends[0], "rb", buffering=0) as hears, open(ends[1], "wb", buffering=0) as says:  # noqa: PTH123 - descriptors
        yield hears, says


def _raise_refusal(hears: BinaryIO, program: str) -> None:
    os.set_blocking(hears.fileno(), False)
    why = hears.read(1000)
    if why:
        raise SandboxUnavailable(
            f"{program} was not started: the sandbox can't be made here: {why.decode()}"
        )


@contextmanager
def _started(
    command: list[str],
    env: dict[str, str],
    cwd: Path | None,
    keep_open: Sequence[int],
    output: int | BinaryIO,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the program as the leader of a group that dies with this process.

    PR_SET_PDEATHSIG alone is not enough: it follows the starting *thread*, needs code between
    fork and exec, and misses grandchildren (`git fetch` runs git-remote-https, which outlives
    it on a silent server). Instead the kernel is asked to send SIGKILL to the group when the
    other end of a pipe closes, which is what the death of this process does (fcntl(2), F_SETSIG,
    F_SETOWN). The group holds the watched end open, so it has effect as long as one lives.
    """
    piped = output == subprocess.PIPE
    watched, held = os.pipe()
    try:
        fcntl.fcntl(watched, fcntl.F_SETSIG, signal.SIGKILL)
        try:
            child = subprocess.Popen(  # noqa: S603 - argv only, found by us, never a shell
                command,
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=output,
                stderr=output if piped else subprocess.STDOUT,
                env=env,
                cwd=cwd or "/",
                start_new_session=True,
                pass_fds=(watched, *keep_open),
            )
        except OSError as why:
            raise ProcessFailed(f"{command[0]} could not be started: {why}") from why
        fcntl.fcntl(watched, fcntl.F_SETOWN, -child.pid)
        flags = fcntl.fcntl(watched, fcntl.F_GETFL)
        fcntl.fcntl(watched, fcntl.F_SETFL, flags | os.O_ASYNC)
        _running[held] = child
        try:
            yield child
        finally:
            _running.pop(held, None)
            _end(child)
    finally:
        os.close(watched)
        os.close(held)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill the group. Its leader may be gone; its number stays taken until it is waited for."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave nothing of the group, whether the leader ended by itself or not."""
    _kill(child)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
    child.wait()


@contextmanager
def _exit_of(child: subprocess.Popen[bytes]) -> Iterator[int]:
    """A descriptor that becomes readable when the program ends; it stays a zombie until then."""
    ended = os.pidfd_open(child.pid)
    try:
        yield ended
    finally:
        os.close(ended)


class _Talk:
    """The exchange with one running program: feeds it, reads both outputs, watches the clock."""

    def __init__(
        self, child: subprocess.Popen[bytes], stdin: bytes, deadline: float, cap: int
    ) -> None:
        self.child = child
        self.unsaid = memoryview(stdin)
        self.deadline = deadline
        self.cap = cap
        self.said = 0
        self.output: list[bytes] = []
        self.errors = bytearray()

    def until_the_end(self, name: str, timeout: float) -> bytes:
        """Return the standard output as it stands when the program itself has ended.

        The end of the outputs is not waited for: a grandchild (a credential cache) may hold
        them open.
        """
        with selectors.DefaultSelector() as streams, _exit_of(self.child) as ended:
            streams.register(ended, selectors.EVENT_READ)
            self._watch(streams)
            while True:
                left = self.deadline - time.monotonic()
                if left <= 0:
                    raise ProcessTimeout(f"{name} was killed after {timeout:g} seconds")
                ready = {key.fileobj: key.data for key, _ in streams.select(left)}
                is_over = ready.pop(ended, True) is None
                for move in ready.values():
                    move(streams)
                if self.said > self.cap:
                    raise ProcessFailed(f"{name} was killed: more than {self.cap} bytes")
                if is_over and not ready:
                    return b"".join(self.output)

    def _watch(self, streams: selectors.BaseSelector) -> None:
        child = self.child
        assert child.stdin is not None  # noqa: S101 - all three are pipes, for the type checker
        assert child.stdout is not None  # noqa: S101
        assert child.stderr is not None  # noqa: S101
        for stream in (child.stdin, child.stdout, child.stderr):
            os.set_blocking(stream.fileno(), False)
        streams.register(child.stdout, selectors.EVENT_READ, self._read_output)
        streams.register(child.stderr, selectors.EVENT_READ, self._read_errors)
        if self.unsaid:
            streams.register(child.stdin, selectors.EVENT_WRITE, self._write)
        else:
            child.stdin.close()

    def _write(self, streams: selectors.BaseSelector) -> None:
        stream = self.child.stdin
        assert stream is not None  # noqa: S101
        try:
            written = os.write(stream.fileno(), self.unsaid[:_CHUNK])
            self.unsaid = self.unsaid[written:]
        except BrokenPipeError:
            self.unsaid = self.unsaid[:0]
        if not self.unsaid:
            streams.unregister(stream)
            stream.close()

    def _read_output(self, streams: selectors.BaseSelector) -> None:
        chunk = self._read(streams, self.child.stdout)
        self.output.append(chunk)
        self.said += len(chunk)

    def _read_errors(self, streams: selectors.BaseSelector) -> None:
        self.errors += self._read(streams, self.child.stderr)
        del self.errors[:-ERRORS_KEPT]

    @staticmethod
    def _read(streams: selectors.BaseSelector, stream: object) -> bytes:
        assert hasattr(stream, "fileno")  # noqa: S101
        chunk = os.read(stream.fileno(), _CHUNK)
        if not chunk:
            streams.unregister(stream)
        return chunk
