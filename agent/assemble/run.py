"""`tidegate run`: starts one agent, and ends it when it is told to, or when all has settled."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from agent.assemble.outside import machine
from agent.assemble.running import Running
from agent.edges import clock, logs
from agent.runtime import once, signals
from agent.settings import state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.settings import Settings

INTERRUPTED = 130


def run(
    settings: Settings,
    environment: Mapping[str, str],
    show: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> int:
    """Run the agent until it is told to stop, or once; returns the exit code of the contract.

    With `--once`, `show` gets what every package is doing at the end (`tidegate.status/v1`).
    """
    folder = state_folder(settings, environment)
    folder.mkdir(parents=True, exist_ok=True)
    running = Running(settings, folder, machine(settings, folder))
    logs.configure(as_json=not sys.stderr.isatty(), redact=running.redaction.text)
    clock.warn_if_moved()
    stopped = threading.Event()
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        stopped.set()
        running.settling.stop()

    with signals.listening((signal.SIGTERM, signal.SIGINT), stop):
        try:
            running.start()
            if not settings.once:
                stopped.wait()
                return _ended(received, 0)
            code = _once(running, settings)
            show(running.told())
            return _ended(received, code)
        finally:
            running.stop()


def _ended(received: Sequence[int], code: int) -> int:
    """Ctrl-C interrupts; SIGTERM is how a run is meant to end."""
    return INTERRUPTED if signal.SIGINT in received else code


def _once(running: Running, settings: Settings) -> int:
    """Converge as far as possible within the timeout."""
    end = clock.monotonic() + settings.timeout.total_seconds()

    def left() -> float:
        return max(0.0, end - clock.monotonic())

    agent, settling = running.agent, running.settling
    settled = settling.wait(agent, left(), observing=settings.observe)
    while settled and once.is_refused(once.reports(agent).values()):
        before = once.words(agent)
        settling.wait_while(agent, before, min(left(), once.GRACE.total_seconds()))
        settled = settling.wait(agent, left(), observing=settings.observe)
        if once.words(agent) == before:
            break
    return once.exit_code(agent, observing=settings.observe)
