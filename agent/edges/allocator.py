"""Asks the C library to give memory back, once, before threads are started.

By default each of the agent's thirty threads may hold an arena of its own, and what was freed stays
in them: measured at 1,000 objects, 6 to 8 MiB of 75. Never changes what a program sees.
"""

from __future__ import annotations

from typing import Final

# mallopt(3); glibc's malloc.h has the numbers.
_TRIM_THRESHOLD: Final = -1
_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_TRIM_BYTES: Final = 128 * 1024
"""The default, but one that stays: unset, it grows with the largest block that was ever freed."""


def give_back() -> bool:
    """Hold little of what is freed; False where the C library knows no such thing, as musl."""
    import ctypes  # noqa: PLC0415 - only who runs for long needs it

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_ARENA_MAX, _ARENAS), (_TRIM_THRESHOLD, _TRIM_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
