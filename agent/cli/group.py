"""The command itself: verbs by family, each imported only when it is called.

Never imports more than click: `tidegate --help` has to come at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from agent.cli.failures import guarded


class Verb(NamedTuple):
    """Where a verb is defined, and the line that `--help` shows of it."""

    module: str
    help: str


FAMILIES: Final = {
    "Look": {
        "status": Verb("status", "Show what is synced, drifted, held or failing."),
        "explain": Verb("explain", "Say why a package is (not) syncing, and what to do."),
        "diff": Verb("compare", "Show what differs between Git and the cluster."),
        "plan": Verb("compare", "Show what the agent would do now, or with another revision."),
    },
    "Act": {
        "sync": Verb("sync", "Ask the agent to look at a package now."),
        "suspend": Verb("hold", "Hold packages, by a commit or in the cluster."),
        "resume": Verb("hold", "End a suspension."),
    },
    "Write declarations": {
        "init": Verb("init", "Write a small repository to start from."),
        "lint": Verb("lint", "Check declarations in a folder, offline."),
    },
    "Run": {
        "demo": Verb("demo", "Show what Tidegate does; needs no cluster."),
        "run": Verb("run", "Run the agent."),
        "check": Verb("check", "Check connection, permissions, repository and renderers."),
        "replay": Verb("replay", "Show what a recorded pass decides."),
        "completion": Verb("about", "Print the completion script of a shell."),
        "version": Verb("about", "Print the version."),
    },
}
VERBS: Final = {name: verb for family in FAMILIES.values() for name, verb in family.items()}


class LazyGroup(click.Group):
    """A group whose verbs live in modules of their own: verb `x` is the function `x` there."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all verbs."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb."""
        del ctx
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = getattr(import_module(f"agent.cli.{verb.module}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or the one that was probably meant."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

            meant = get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {meant[0]!r}?" if meant else ""
            ctx.fail(f"No such verb {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs by family, without importing them."""
        del ctx
        for family, verbs in FAMILIES.items():
            with formatter.section(family):
                formatter.write_dl([(name, verb.help) for name, verb in verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a verb, without importing any."""
        verbs = [
            CompletionItem(name, help=verb.help)
            for name, verb in VERBS.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a verb and exit with its code; Ctrl-C is 130."""
        standalone = extra.pop("standalone_mode", True)

        def verb() -> Any:
            return super(LazyGroup, self).main(*args, **{**extra, "standalone_mode": False})

        return sys.exit(guarded(verb)) if standalone else verb()
