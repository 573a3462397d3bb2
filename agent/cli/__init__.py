"""The command line: reads options, calls what is asked for, prints; never decides.

stdout is data, stderr is talk. Verbs are imported when they are called.
"""

from __future__ import annotations

import click

from agent.cli.group import LazyGroup

__all__ = ["main"]


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 differences or findings, 2 usage, 3 failed, 4 not allowed,"
    " 5 not found, 6 blocked by a gate, 7 timeout, 130 interrupted.",
)
def main() -> None:
    """Tidegate syncs Git to Kubernetes, and knows when not to.

    Every option can be given as a variable too: --repo is TIDEGATE_REPO.
    """
