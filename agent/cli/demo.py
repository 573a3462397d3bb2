"""`demo`: the whole story on an embedded sandbox; hands over to `agent.demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agent.cli.exits import Exit, Stop
from agent.cli.options import option
from agent.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from agent.demo.ground import Ground
    from agent.demo.stage import FailedError


@click.command()
@option("--step", is_flag=True, help="Wait for Enter between two steps.")
@option("--keep", is_flag=True, help="Leave all running at the end, until Ctrl-C.")
@option("--fast", is_flag=True, help="No pauses, and a window that opens sooner.")
def demo(*, step: bool, keep: bool, fast: bool) -> Exit:
    """Show what Tidegate does, on a cluster and a repository made for it; only git is needed.

    It starts an embedded Kubernetes API on this machine and the real agent, and walks through
    install, drift, suspension, windows, Jobs, a budget and status. Every ✓ was verified: 3 means
    that something did not come true. Nothing is left behind.
    """

    def sandbox(folder: Path) -> AbstractContextManager[Ground]:
        from agent.demo.stage import sandbox_ground  # noqa: PLC0415 - heavy

        return sandbox_ground(folder)

    return show(sandbox, step=step, keep=keep, fast=fast)


def show(
    ground: Callable[[Path], AbstractContextManager[Ground]], *, step: bool, keep: bool, fast: bool
) -> Exit:
    """Tell the story on a ground that is made in a folder; that goes away at the end.

    Raises:
        Stop: it did not come true.
    """
    from agent.demo.ending import interruptible  # noqa: PLC0415

    with interruptible():
        from agent.demo import stage  # noqa: PLC0415 - heavy
        from agent.demo.pace import Pace  # noqa: PLC0415
        from agent.demo.voice import Voice  # noqa: PLC0415

        pace = Pace(step=step, fast=fast)
        with stage.scratch() as folder, ground(folder) as made:
            try:
                stage.perform(made, Voice(pace.between), pace, keep=keep)
            except stage.FailedError as failed:
                raise _stopped(failed) from failed
    return Exit.OK


def _stopped(failed: FailedError) -> Stop:
    if failed.tail:
        say(f"--- the end of the agent's log\n{failed.tail}\n---")
    do = "the agent's log may say why" if failed.log else ""
    return Stop(Exit.FAILED, failed.why, where=failed.log, do=do)
