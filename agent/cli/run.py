"""`run`: the agent; reads its settings and hands over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from agent.cli.exits import Exit, Stop
from agent.cli.options import chosen, settings
from agent.cli.output import say, write
from agent.settings import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@settings(*(each.name for each in OPTIONS))
def run(**given: Any) -> int:
    """Run the agent: follow the repository, and keep the cluster as it says.

    With --once it converges as far as possible and exits: 0 all synced, 6 something is held,
    3 something failed, 7 the time was up. SIGTERM ends it with 0.
    """
    for name in ("repo", "cluster"):
        if not given[name]:
            variable = f"TIDEGATE_{name.upper()}"
            raise Stop(Exit.USAGE, f"--{name} is missing", do=f"give --{name} or set {variable}")
    from agent.edges.allocator import give_back  # noqa: PLC0415

    give_back()
    from agent.assemble.run import run as run_agent  # noqa: PLC0415 - heavy

    return run_agent(chosen(given), os.environ, _show)


def _show(told: Mapping[str, Any]) -> None:
    """Say how `--once` ended: a line per package, and why where one is not synced."""
    from agent.cli.status import rows, summary  # noqa: PLC0415
    from agent.edges import clock  # noqa: PLC0415

    now = clock.now()
    write(rows(told["packages"], now, wide=False))
    for package in told["packages"]:
        if package["state"] != "Synced":
            say(f"{package['namespace']}/{package['name']}: {package['message']}")
    say(summary(told, now))
