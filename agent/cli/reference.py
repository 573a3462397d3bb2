"""The reference pages of the command line and of the settings, made from what the code says.

    python -m agent.cli.reference docs/reference

writes them again; a test compares them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.cli import main
from agent.cli.exits import MEANINGS
from agent.cli.group import FAMILIES
from agent.settings import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

_MADE: Final = "<!-- Made by `python -m agent.cli.reference docs/reference`; do not edit. -->"


def cli() -> str:
    """Return the page of all verbs."""
    context = click.Context(main, info_name="tidegate")
    lines = [_MADE, "", "# The command line", "", *_introduction()]
    for family, verbs in FAMILIES.items():
        lines += [f"## {family}", ""]
        for name in verbs:
            command = main.get_command(context, name)
            assert command is not None  # noqa: S101 - the table names it
            lines += _verb(command, context)
    return "\n".join(lines).rstrip() + "\n"


def _introduction() -> Iterator[str]:
    yield "Data goes to stdout, talk to stderr. Every option can be given as a variable too."
    yield "PKG is `namespace/name`. Colours follow the terminal, `NO_COLOR` and `FORCE_COLOR`."
    yield ""
    yield "## Exit codes"
    yield ""
    yield from _table(
        ("Code", "Name", "Meaning"),
        *((str(code.value), code.name, says) for code, says in MEANINGS.items()),
    )


def _verb(command: click.Command, parent: click.Context) -> Iterator[str]:
    with click.Context(command, info_name=command.name, parent=parent) as context:
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"### tidegate {command.name}"
        yield ""
        yield f"`tidegate {command.name} {usage}`"
        yield ""
        yield from _paragraphs(command.help or "")
        rows = [_option(each, context) for each in command.params]
        yield from _table(("Option", "Variable", "Default", "Meaning"), *filter(None, rows))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("\b"):
            yield from ("```", *paragraph.splitlines()[1:], "```", "")
        else:
            yield from (" ".join(paragraph.split()), "")


def _option(parameter: click.Parameter, context: click.Context) -> tuple[str, ...] | None:
    if not isinstance(parameter, click.Option):
        return None
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    value = "" if parameter.is_flag else f" {parameter.make_metavar(context)}"
    default = parameter.default if isinstance(parameter.default, str) else ""
    return (
        _code(f"{names}{value}"),
        _code(str(parameter.envvar or "")),
        _code(default),
        parameter.help or "",
    )


def settings() -> str:
    """Return the page of all settings."""
    lines = [_MADE, "", "# Settings", ""]
    lines += ["What `tidegate run` takes, and other verbs where it concerns them.", ""]
    rows = (
        (
            _code(each.flag if each.is_flag else f"{each.flag} {each.metavar}"),
            _code(each.variable),
            _code(each.default or ""),
            each.help,
            each.why,
        )
        for each in OPTIONS
    )
    lines += _table(("Option", "Variable", "Default", "Meaning", "Why this default"), *rows)
    return "\n".join(lines).rstrip() + "\n"


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""


def _table(head: tuple[str, ...], *rows: tuple[str, ...] | None) -> Iterator[str]:
    found = [row for row in rows if row]
    if not found:
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in found:
        yield f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |")
    yield ""


PAGES: Final = {"cli.md": cli, "settings.md": settings}

if __name__ == "__main__":
    for name, page in PAGES.items():
        Path(sys.argv[1], name).write_text(page())
