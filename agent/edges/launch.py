"""A tiny program that gives up rights and then becomes the program it was asked to start.

It never imports from the agent and never forks: `python -I -S launch.py ORDERS -- PROGRAM …`.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys

TYPE_CHECKING = False  # typing takes longer to import than all the rest
if TYPE_CHECKING:
    from typing import Final, NoReturn

NOBODY: Final = 65534

PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_SECCOMP: Final = 22
SECCOMP_MODE_FILTER: Final = 2
SIGKILL, SIGPIPE, SIGXFSZ = 9, 13, 25

# linux/filter.h and linux/seccomp.h
LOAD_WORD: Final = 0x20
JUMP_IF_EQUAL: Final = 0x15
JUMP_IF_AT_LEAST: Final = 0x35
JUMP_IF_ANY_BIT: Final = 0x45
RETURN: Final = 0x06
ALLOW: Final = 0x7FFF0000
FAIL: Final = 0x00050000
KILL: Final = 0x80000000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16

EPERM, EACCES, ENOSYS = 1, 13, 38

NEW_NAMESPACES: Final = 0x7E020000
"""All CLONE_NEW… flags: a user namespace would give the child its capabilities back."""

X32: Final = 0x40000000
"""Numbers from here on are the x32 calls of x86_64: the same calls under other numbers."""


# Same numbers on both: io_uring_{setup,enter,register}, open_tree, move_mount, fsopen, fsconfig,
# fsmount, pidfd_getfd.
_SHARED: Final = (425, 426, 427, 428, 429, 430, 431, 432, 438)


class Machine:
    """The system call numbers of one architecture (asm/unistd.h)."""

    def __init__(self, audit: int, socket: int, clone: int, denied: tuple[int, ...]) -> None:
        self.audit, self.socket, self.clone = audit, socket, clone
        self.denied = denied + _SHARED


# In order: ptrace, setpgid, setsid, pivot_root, chroot, mount, umount2, add_key, request_key,
# keyctl, unshare, perf_event_open, open_by_handle_at, setns, process_vm_readv,
# process_vm_writev, bpf, userfaultfd. The session calls are here because killing the process
# group is how a run ends.
MACHINES: Final = {
    "x86_64": Machine(
        0xC000003E,
        41,
        56,
        (101, 109, 112, 155, 161, 165, 166, 248, 249, 250, 272, 298, 304, 308, 310, 311, 321, 323),
    ),
    "aarch64": Machine(
        0xC00000B7,
        198,
        220,
        (117, 154, 157, 41, 51, 40, 39, 217, 218, 219, 97, 241, 265, 268, 270, 271, 280, 282),
    ),
}
CLONE3: Final = 435


class RefusedError(Exception):
    """This system does not let us give up what we must give up."""


def _instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _deny(number: int, error: int) -> bytes:
    return _instruction(JUMP_IF_EQUAL, number, 0, 1) + _instruction(RETURN, FAIL | error)


def program(machine: Machine) -> bytes:
    """Return the filter: no socket of any family, no namespaces, no tracing, no mounts.

    Denying every family, AF_UNIX too, costs the renderers nothing and closes abstract sockets,
    which no file permission guards. clone3 answers ENOSYS, since a filter can't see its flags;
    the C library and Go then use clone.
    """
    parts = [
        _instruction(LOAD_WORD, ARCHITECTURE),
        _instruction(JUMP_IF_EQUAL, machine.audit, 1, 0),
        _instruction(RETURN, KILL),
        _instruction(LOAD_WORD, NUMBER),
        _instruction(JUMP_IF_AT_LEAST, X32, 0, 1),
        _instruction(RETURN, FAIL | ENOSYS),
        _deny(machine.socket, EACCES),
        _deny(CLONE3, ENOSYS),
        *(_deny(number, EPERM) for number in machine.denied),
        _instruction(JUMP_IF_EQUAL, machine.clone, 0, 3),
        _instruction(LOAD_WORD, FIRST_ARGUMENT),
        _instruction(JUMP_IF_ANY_BIT, NEW_NAMESPACES, 0, 1),
        _instruction(RETURN, FAIL | EPERM),
        _instruction(RETURN, ALLOW),
    ]
    return b"".join(parts)


def _prctl(*arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(*arguments) != 0:
        raise RefusedError(f"prctl{arguments[0]}: {os.strerror(ctypes.get_errno())}")


def forbid_network() -> None:
    """Install the filter on this process and all that it becomes or starts.

    Raises:
        RefusedError: unknown architecture, or a kernel without seccomp filters.
    """
    machine = MACHINES.get(os.uname().machine)
    if machine is None:
        raise RefusedError(f"no system call table for {os.uname().machine}")
    code = program(machine)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    fprog = Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(fprog), 0, 0)


def become_nobody(executable: str) -> None:
    """Drop root for good if nobody can work here: read the folder and run the program."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    able = os.access(".", os.R_OK | os.X_OK, effective_ids=True) and os.access(
        executable, os.X_OK, effective_ids=True
    )
    os.seteuid(0)
    os.setegid(0)
    if able:
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


LIMITS: Final = {
    "data": resource.RLIMIT_DATA,
    "cpu": resource.RLIMIT_CPU,
    "fsize": resource.RLIMIT_FSIZE,
    "nofile": resource.RLIMIT_NOFILE,
    "nproc": resource.RLIMIT_NPROC,
}


def _limit(orders: dict[str, str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, which in LIMITS.items():
        if name in orders:
            ceiling = resource.getrlimit(which)[1]
            wanted = int(orders[name])
            value = wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)
            resource.setrlimit(which, (value, value))


def _obey(orders: dict[str, str], executable: str) -> None:
    if "nobody" in orders:
        become_nobody(executable)
    # After the change of user, which clears it.
    _prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    _limit(orders)
    _prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if "offline" in orders:
        forbid_network()


def main(arguments: list[str]) -> NoReturn:
    """Obey the orders, then exec; a refusal is written to the descriptor named in `refuse`."""
    orders = dict(order.partition("=")[::2] for order in arguments[0].split(","))
    refuse = int(orders["refuse"])
    os.set_inheritable(refuse, False)  # noqa: FBT003 - the signature of os
    for ignored in (SIGPIPE, SIGXFSZ):  # by Python, and exec would pass it on
        ctypes.CDLL(None).signal(ignored, None)
    program_and_arguments = arguments[2:]
    try:
        _obey(orders, program_and_arguments[0])
        os.execv(program_and_arguments[0], program_and_arguments)  # noqa: S606 - that is the point
    except (RefusedError, OSError, ValueError) as why:
        os.write(refuse, str(why).encode()[:1000])
    os._exit(125)


if __name__ == "__main__":
    main(sys.argv[1:])
