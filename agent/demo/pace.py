"""How fast the story goes: for people who read along, step by step, or for nobody at all."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from agent.edges import process

_TO_READ: Final = 1.5
"""Seconds between two steps."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the flags of the command ask for."""

    step: bool = False
    """Wait for Enter between two steps."""
    fast: bool = False
    """No pauses."""

    @property
    def window(self) -> float:
        """Seconds until the window opens; it has to be committed and seen before."""
        return 4 if self.fast else 9

    def between(self) -> None:
        """Give people time; where stdin has ended nobody is waited for."""
        if self.step:
            sys.stdout.write("\n   [Enter] ")
            sys.stdout.flush()
            sys.stdin.readline()
        elif not self.fast:
            process.pause(_TO_READ)
