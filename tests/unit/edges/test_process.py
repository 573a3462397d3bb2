"""Programs: what they get, how they end, and that none is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.edges import process
from agent.edges.process import Finished, Limits, ProcessFailed, ProcessTimeout, SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(process.__file__).parents[2]
PYTHON = (sys.executable, "-I", "-S", "-c")


def _exited(pid: int) -> bool:
    """Wait until a process that is not our child is gone."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 20)[0])
    finally:
        os.close(watched)


def _hear(end: int) -> bytes:
    """Read what a program wrote; a program that never does fails the test."""
    assert select.select([end], [], [], 20)[0]
    return os.read(end, 100)


def _hear_pids(end: int, count: int) -> list[int]:
    """Read that many process ids, however many come with one reading; a space ends each."""
    heard = b""
    while heard.count(b" ") < count:
        heard += _hear(end)
    return [int(pid) for pid in heard.split()]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe by which a grandchild tells its process id."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_input_and_both_outputs_arrive_whole():
    """More than a pipe holds, in all three directions, and the code is only reported."""
    program = "import sys; t=sys.stdin.read(); print(t, end=''); sys.stderr.write('e'); sys.exit(7)"
    done = process.run([*PYTHON, program], stdin=b"x" * 300_000)
    assert done == Finished(7, b"x" * 300_000, b"e")


def test_a_program_that_ignores_its_input_is_fine():
    """A closed pipe is no error of ours."""
    assert process.run(["true"], stdin=b"x" * 300_000) == Finished(0, b"", b"")


def test_nothing_is_inherited(monkeypatch: pytest.MonkeyPatch):
    """The agent's variables stay with the agent."""
    monkeypatch.setenv("SECRET", "canary")
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.delenv("TMPDIR", raising=False)
    done = process.run(["env"], env={"GIVEN": "1"})
    assert sorted(done.stdout.decode().split()) == [
        "GIVEN=1",
        "LC_ALL=C.UTF-8",
        f"PATH={os.defpath}",
        "TZ=UTC",
    ]


def test_a_missing_program_is_named():
    """The error says what to install."""
    with pytest.raises(ProcessFailed, match="'no-such-program' was not found"):
        process.run(["no-such-program"])


def test_the_deadline_kills_the_whole_group(pipe: tuple[int, int]):
    """A grandchild in the background does not survive its grandparent's timeout."""
    hears, says = pipe
    with pytest.raises(ProcessTimeout, match=r"sh was killed after 0\.5 seconds"):
        process.run(
            ["sh", "-c", f"sleep 600 & echo $! >/dev/fd/{says}; wait"],
            timeout=0.5,
            keep_open=[says],
        )
    assert _exited(int(_hear(hears)))


def test_a_grandchild_neither_delays_nor_survives_the_end():
    """The run ends with the program, though something it started holds the output open."""
    done = process.run(["sh", "-c", "sleep 600 & echo $!"], timeout=60)
    assert _exited(int(done.stdout))


def test_too_much_output_is_cut_off():
    """A program that never stops talking does not fill the memory."""
    with pytest.raises(ProcessFailed, match="more than 1000 bytes"):
        process.run(["yes"], output_cap=1000)


def test_shutdown_kills_what_runs(pipe: tuple[int, int]):
    """At stop, a run in another thread ends with an error at once; later runs work."""
    hears, says = pipe
    failures: list[ProcessFailed] = []

    def wait_for_ever() -> None:
        try:
            process.run(["sh", "-c", f"echo >/dev/fd/{says}; sleep 600"], keep_open=[says])
        except ProcessFailed as why:
            failures.append(why)

    thread = threading.Thread(target=wait_for_ever)
    thread.start()
    _hear(hears)
    process.shutdown()
    thread.join()
    assert [str(why) for why in failures] == ["sh was killed because the agent stops"]
    assert process.run(["true"]).code == 0


def test_runs_in_many_threads_leave_each_others_descriptors_alone():
    """A descriptor closed twice would be somebody else's the second time."""
    failures: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(30):
                with Path(os.devnull).open("rb") as mine:
                    process.run(["true"])
                    os.fstat(mine.fileno())
        except (OSError, ProcessFailed) as why:
            failures.append(why)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("network", [True, False])
def test_nothing_survives_a_killed_agent(pipe: tuple[int, int], *, network: bool):
    """After kill -9 of the agent the kernel kills its programs, and theirs."""
    hears, says = pipe
    # It speaks when its input has ended, which comes after it was put on its leash.
    inner = (
        "import os, signal; os.read(0, 1); os.fork();"
        f"os.write({says}, b'%d ' % os.getpid()); signal.pause()"
    )
    program = (
        "import sys; from agent.edges import process; process.run("
        f"[sys.executable, '-c', {inner!r}], keep_open=[{says}], network={network}, timeout=600)"
    )
    agent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, pass_fds=[says])
    pids = _hear_pids(hears, 2)
    agent.kill()
    agent.wait()
    assert [_exited(pid) for pid in pids] == [True, True]


def test_a_program_runs_beside_us_until_it_is_told_to_end(tmp_path: Path):
    """Both streams go to one file, SIGTERM reaches it, and its own code comes back."""
    program = (
        "import os, signal; signal.signal(signal.SIGTERM, lambda *_: os._exit(7));"
        "os.write(2, b'one '); os.write(1, b'two'); signal.pause()"
    )
    output = tmp_path / "output"
    with process.background([*PYTHON, program], output=output, cwd=tmp_path) as running:
        assert (running.wait(0), running.code) == (None, None)
        with output.open("rb") as written:
            while written.read() != b"one two":
                written.seek(0)
        assert (running.stop(20), running.code) == (7, 7)


def test_a_program_beside_us_that_does_not_listen_is_killed(tmp_path: Path):
    """Whoever asked it to end gets to know."""
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    output = tmp_path / "output"
    argv = [*PYTHON, f"{program}; signal.pause()"]
    with process.background(argv, output=output, cwd=tmp_path) as running:
        with output.open("rb") as written:
            while not written.read():
                written.seek(0)
        with pytest.raises(ProcessTimeout, match="killed"):
            running.stop(0)
        assert running.code == -signal.SIGKILL


def test_a_program_beside_us_does_not_outlive_the_block(pipe: tuple[int, int], tmp_path: Path):
    """Nor do those that it started itself."""
    hears, says = pipe
    end = f"os.open('/proc/{os.getpid()}/fd/{says}', os.O_WRONLY)"
    program = f"import os, signal; os.fork(); os.write({end}, b'%d ' % os.getpid()); signal.pause()"
    with process.background([*PYTHON, program], output=tmp_path / "output", cwd=tmp_path):
        pids = _hear_pids(hears, 2)
    assert [_exited(pid) for pid in pids] == [True, True]


def test_the_sandbox_works_here():
    """The self-test passes on every machine that runs this suite."""
    assert process.sandbox_works() == process.SandboxTest(works=True)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_UNIX"])
def test_no_socket_can_be_made(family: str):
    """Whatever the family: no network, and no way to a daemon next door."""
    program = f"import _socket; _socket.socket(_socket.{family}, _socket.SOCK_DGRAM)"
    done = process.run([*PYTHON, program], network=False)
    assert (done.code, done.stderr.decode().splitlines()[-1]) == (
        1,
        "PermissionError: [Errno 13] Permission denied",
    )


def test_the_sandbox_keeps_a_program_in_its_group():
    """Killing the group ends a run, so leaving it is denied."""
    done = process.run([*PYTHON, "import os; os.fork() or os.setsid(); os.wait()"], network=False)
    assert b"PermissionError: [Errno 1] Operation not permitted" in done.stderr


@pytest.mark.parametrize("call", ["unshare(0x10000000)", "unshare(0x40000000)", "chroot(b'/')"])
def test_no_namespace_or_root_of_its_own(call: str):
    """Capabilities can't be had back by way of a user namespace."""
    program = (
        "import ctypes; library = ctypes.CDLL(None, use_errno=True);"
        f"library.{call}; print(ctypes.get_errno())"
    )
    assert process.run([*PYTHON, program], network=False).stdout == b"1\n"


def test_threads_and_children_still_work_in_the_sandbox():
    """What the C library does for a thread (clone3, then clone) is not in the way."""
    program = (
        "import _thread, os; l = _thread.allocate_lock(); l.acquire();"
        "_thread.start_new_thread(l.release, ()); l.acquire(); print(os.system('true'))"
    )
    assert process.run([*PYTHON, program], network=False) == Finished(0, b"0\n", b"")


def test_memory_is_limited():
    """A renderer that wants too much dies, not the agent."""
    limits = Limits(memory=128 * process.MEBIBYTE)
    done = process.run([*PYTHON, "b'x' * (512 * 1024 * 1024)"], limits=limits)
    assert done.stderr.decode().splitlines()[-1] == "MemoryError"


def test_file_size_is_limited(tmp_path: Path):
    """A renderer can't fill the disk with one file."""
    tmp_path.chmod(0o777)
    limits = Limits(file_size=1000)
    done = process.run(["dd", "if=/dev/zero", "of=out", "bs=2000"], limits=limits, cwd=tmp_path)
    assert done.code == -signal.SIGXFSZ


def test_root_becomes_nobody_where_nobody_can_read():
    """Started by root in a folder that all can read, the program is nobody."""
    expected = 65534 if os.geteuid() == 0 else os.geteuid()
    assert process.run(["id", "-u"], network=False).stdout == f"{expected}\n".encode()


def test_where_the_sandbox_fails_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """On a machine whose system calls we don't know, the program is refused, not let loose."""
    known = Path(process.__file__).with_name("launch.py").read_text()
    launcher = tmp_path / "launch.py"
    launcher.write_text(known.replace('"x86_64": M', '"a": M').replace('"aarch64": M', '"b": M'))
    monkeypatch.setattr(process, "_LAUNCHER", str(launcher))
    with pytest.raises(SandboxUnavailable, match=r"echo was not started.*no system call table"):
        process.run(["echo", "canary"], network=False)
    assert not process.sandbox_works().works
