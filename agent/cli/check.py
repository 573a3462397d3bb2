"""`check`: whether an agent could work here, and what to do where not; changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from agent.cli.options import CLUSTER, RENDERERS, REPOSITORY, chosen, option, output, settings
from agent.cli.output import emit, progress

if TYPE_CHECKING:
    from agent.cli.exits import Exit

CHECK_SCHEMA: Final = "tidegate.check/v1"
_WORDS: Final = {"ok": "✔ ok", "warning": "! look", "failed": "✖ failed"}


@click.command()
@option(
    "--as",
    "acting",
    default="",
    metavar="USER",
    help="Ask for the rights of another user, such as"
    " system:serviceaccount:tidegate-system:tidegate.",
)
@settings(*REPOSITORY, *CLUSTER, *RENDERERS, "observe")
@output("table", "json", "yaml")
def check(output: str, acting: str, **given: Any) -> Exit:
    """Check connection, versions, permissions, repository and renderers.

    Exits with 4 if a permission is missing, with 3 if something else is.
    """
    from agent.cli.checks import examine, exit_of  # noqa: PLC0415 - heavy

    with progress("checking"):
        found = examine(chosen(given), acting)
    document = {
        "schema": CHECK_SCHEMA,
        "checks": [
            {"name": e.name, "level": e.level.value, "message": e.says, "do": e.do} for e in found
        ],
    }
    lines = (f"{_WORDS[e.level]:<9} {e.name:<13} {e.says}\n{_do(e.do)}" for e in found)
    emit(output, document, text=lambda: "".join(lines))
    return exit_of(found)


def _do(advice: str) -> str:
    return f"{'':<24}do: {advice}\n" if advice else ""
