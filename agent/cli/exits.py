"""The exit codes of every verb, and the one exception that ends a verb with one.

Never chooses a code: whoever stops says which.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What a script may rely on (the contract)."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    FAILED = 3
    FORBIDDEN = 4
    NOT_FOUND = 5
    HELD = 6
    TIMEOUT = 7
    INTERRUPTED = 130


MEANINGS: Final = {
    Exit.OK: "done; nothing to report",
    Exit.FINDINGS: "differences or findings (`diff`, `plan`, `lint`)",
    Exit.USAGE: "usage or invalid configuration",
    Exit.FAILED: "the operation failed",
    Exit.FORBIDDEN: "not allowed",
    Exit.NOT_FOUND: "not found",
    Exit.HELD: "blocked by a gate",
    Exit.TIMEOUT: "the time was up",
    Exit.INTERRUPTED: "interrupted",
}


class Stop(Exception):  # noqa: N818 - it ends a verb, which need not be an error of anybody
    """Ends a verb: what, where, what to do, and the exit code."""

    def __init__(self, code: Exit, what: str, *, where: str = "", do: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.where = where
        self.do = do
