"""What the C library is asked to do with memory that is free."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Each thread holds a block while all others ask for one: as many arenas as the library allows.
HEAPS = """
import ctypes, re, sys, tempfile, threading
from agent.edges.allocator import give_back
if sys.argv[1] == "asked":
    print(give_back())
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fflush.argtypes = [ctypes.c_void_p]
all_hold = threading.Barrier(12)
def hold():
    block = libc.malloc(4000)
    all_hold.wait()
    libc.free(block)
threads = [threading.Thread(target=hold) for _ in range(12)]
[each.start() for each in threads]
[each.join() for each in threads]
with tempfile.TemporaryFile("w+b") as file:
    stream = libc.fdopen(file.fileno(), b"w")
    libc.malloc_info(0, stream)
    libc.fflush(stream)
    file.seek(0)
    print(len(re.findall(rb"<heap nr", file.read())))
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")


def heaps(how: str) -> list[str]:
    """Run the script in an interpreter of its own, for what is asked stays asked."""
    command = [sys.executable, "-c", HEAPS, how]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@glibc
def test_many_threads_share_two_arenas() -> None:
    """Unasked, the library makes more of them."""
    (unasked,) = heaps("unasked")
    assert (int(unasked) > 2, heaps("asked")) == (True, ["True", "2"])
