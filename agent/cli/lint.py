"""`lint`: what is wrong, or looks wrong, in a folder of declarations; never leaves the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.exits import Exit, Stop
from agent.cli.options import output, settings
from agent.cli.output import emit, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.cli.findings import Finding

LINT_SCHEMA = "tidegate.lint/v1"


@click.command()
@click.argument("folder", metavar="[PATH]", default=".", type=click.Path(path_type=Path))
@settings(
    "path",
    "policies",
    "cluster",
    cluster="Judge the packages of this cluster together; default: those of every cluster.",
)
@output("text", "json", "yaml", "sarif", "github")
def lint(folder: Path, output: str, path: str, policies: str, cluster: str | None) -> Exit:
    """Check the declarations in PATH, the root of a repository, without a cluster.

    Each finding is one line, `path:line:column: what is wrong and what to write instead`.
    Exits with 1 if there is any.
    """
    from agent.cli.findings import examine  # noqa: PLC0415 - reads declarations
    from agent.core.declare import Layout  # noqa: PLC0415

    if not folder.is_dir():
        if folder.exists():
            raise Stop(Exit.USAGE, f"{folder} is a file", do="name the root of the repository")
        raise Stop(Exit.NOT_FOUND, f"{folder} is not there", do="name the root of the repository")
    found = examine(folder, Layout(path, policies, cluster or ""))
    emit(output, _document(found), text=lambda: _text(output, found))
    if output not in {"json", "yaml", "sarif"}:
        say(_summary(found))
    return Exit.FINDINGS if found else Exit.OK


def _document(found: Sequence[Finding]) -> dict[str, Any]:
    return {
        "schema": LINT_SCHEMA,
        "findings": [
            {
                "path": each.path,
                "line": each.line,
                "column": each.column,
                "level": each.level,
                "rule": each.rule,
                "message": each.message,
            }
            for each in found
        ],
    }


def _text(output: str, found: Sequence[Finding]) -> str:
    from agent.cli import findings  # noqa: PLC0415

    match output:
        case "sarif":
            return findings.sarif(found)
        case "github":
            return "".join(f"{findings.annotation(each)}\n" for each in found)
        case _:
            return "".join(f"{each}\n" for each in found)


def _summary(found: Sequence[Finding]) -> str:
    if not found:
        return "no findings"
    files, count = len({each.path for each in found}), len(found)
    return f"{count} finding{'s' * (count > 1)} in {files} file{'s' * (files > 1)}"
