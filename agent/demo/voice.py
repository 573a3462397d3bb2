"""What the audience reads: steps, reasons, commands, their output, and what came true.

Never decides whether something is true.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_NARROWEST: Final = 40
_WIDEST: Final = 100
"""Prose in longer lines is hard to read."""
_BOLD, _DIM, _GREEN, _CYAN = "1", "2", "32", "36"


class Voice:
    """Writes lines that fit the terminal; with colours where they are wanted."""

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        """`between` is called between two steps: it may wait."""
        self.width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._between = between
        self._step = 0

    def title(self, text: str) -> None:
        """Begin a step."""
        if self._step:
            self._between()
        self._step += 1
        self._say(f"{self._step}. {text}", "", _BOLD, before="\n")

    def why(self, text: str) -> None:
        """Say what is going on."""
        self._say(text, "   ", "")

    def end(self, text: str) -> None:
        """Say how it ended, or how it goes on."""
        self._say(text, "", _BOLD, before="\n")

    def command(self, text: str) -> None:
        """Show what a person would type; a long line is continued as shells have it."""
        self._say(f"$ {text}", "   ", _CYAN, continued=" \\")

    def output(self, text: str) -> None:
        """Show what came back."""
        for line in text.rstrip().splitlines():
            self._say(line, "     ", _DIM)

    def true(self, text: str) -> None:
        """Say that something came true."""
        self._say(f"✓ {text}", "   ", _GREEN)

    def _say(
        self, text: str, indent: str, style: str, *, before: str = "", continued: str = ""
    ) -> None:
        own = indent + " " * (len(text) - len(text.lstrip()))
        lines = textwrap.wrap(
            text.lstrip(),
            self.width - len(continued),
            initial_indent=own,
            subsequent_indent=f"{own}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines = [*(f"{line}{continued}" for line in lines[:-1]), *lines[-1:]]
        for line in lines or [""]:
            painted = f"\033[{style}m{line}\033[0m" if self._colour and style else line
            sys.stdout.write(f"{before}{painted}\n")
            before = ""
        sys.stdout.flush()
