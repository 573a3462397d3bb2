"""`version` and `completion`: about the command itself; never look at a cluster or repository."""

from __future__ import annotations

import platform

import click

from agent import __version__
from agent.cli.options import output
from agent.cli.output import emit

VERSION_SCHEMA = "tidegate.version/v1"


@click.command()
@output("text", "json", "yaml")
def version(output: str) -> None:
    """Print the version of tidegate and of what runs it."""
    told = {
        "schema": VERSION_SCHEMA,
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    emit(output, told, text=lambda: f"tidegate {__version__}\n")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    bash:  eval "$(tidegate completion bash)"
    zsh:   eval "$(tidegate completion zsh)"
    fish:  tidegate completion fish | source
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - click knows the three
    root = ctx.find_root().command
    # `source()` of bash would start bash to ask for its version: people have 4.4 or newer.
    script = complete(root, {}, "tidegate", "_TIDEGATE_COMPLETE")
    click.echo(script.source_template % script.source_vars())
