"""What goes to stdout: tables, JSON, YAML, names; and the talk on stderr meanwhile.

Never mixes the two, and never says a state by colour alone.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from agent.core.report.words import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_COLOURS: Final = {
    "Synced": "green",
    "Progressing": "cyan",
    "Pending": "cyan",
    "Waiting": "yellow",
    "Drifted": "yellow",
    "Interrupted": "yellow",
    "Suspended": "magenta",
    "Hibernated": "blue",
    "Failed": "red",
    "Deleting": "red",
}
NONE: Final = "-"
_GAP: Final = "   "
SHORT: Final = 7
"""Characters of a commit id."""


def has_colour() -> bool:
    """Whether stdout shows colours; `NO_COLOR` and `FORCE_COLOR` have the last word."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def is_person() -> bool:
    """Whether somebody can be asked: stdin and stderr are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def write(text: str) -> None:
    """Write data on stdout, as it is."""
    click.echo(text, nl=False, color=has_colour())


def say(text: str) -> None:
    """Talk on stderr."""
    click.echo(text, err=True)


def emit(
    output: str,
    document: Any,
    *,
    text: Callable[[], str],
    names: Callable[[], Sequence[str]] = lambda: (),
) -> None:
    """Write a result in the format that was asked for.

    Args:
        output: json, yaml, name; anything else is made by `text`.
        document: the result, of JSON types.
        text: makes the result for people, with a newline at its end.
        names: makes the lines of `-o name`.
    """
    match output:
        case "json":
            write(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        case "yaml":
            import yaml  # noqa: PLC0415 - only where it is asked for

            write(yaml.safe_dump(document, allow_unicode=True, sort_keys=True))
        case "name":
            write("".join(f"{name}\n" for name in names()))
        case _:
            write(text())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns; the last one is never padded. No rows: nothing, not even a header."""
    if not rows:
        return ""
    lines = (tuple(header), *map(tuple, rows))
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "".join(_GAP.join(_padded(line, widths)).rstrip() + "\n" for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for text, width in zip(line, widths, strict=True):
        yield _tinted(text) + " " * (width - len(text))


def state_words(state: str) -> str:
    """Return a state as people see it: symbol and word."""
    return f"{SYMBOLS.get(state, '?')} {state}"


def _tinted(text: str) -> str:
    """Colour a cell that is a state; the colours vanish where stdout shows none."""
    symbol, _, word = text.partition(" ")
    colour = _COLOURS.get(word) if SYMBOLS.get(word) == symbol else None
    return click.style(text, fg=colour) if colour else text


def short(commit: str) -> str:
    """Return the first characters of a commit id, a dash for none."""
    return commit[:SHORT] or NONE


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show that something takes its time: a spinner for people, a plain line for logs."""
    if not is_person():
        say(what)
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - costs 70 ms
    from rich.text import Text  # noqa: PLC0415

    with Console(stderr=True).status(Text(what)):
        yield
