"""`sync`: ask the agent to look at a package now, and say what came of it; never syncs itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from agent.cli.exits import Exit, Stop
from agent.cli.options import CLUSTER, chosen, option, output, settings
from agent.cli.output import emit, progress, say, state_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from agent.core.values import PackageName
    from agent.edges.kube.seam import Transport

SYNC_SCHEMA: Final = "tidegate.sync/v1"
PAUSE: Final = 0.5
"""Seconds between two looks at the Package."""
_HOLDING: Final = frozenset({"Suspended", "Waiting", "Drifted", "Interrupted", "Hibernated"})
_SETTLED: Final = {"Synced": Exit.OK, "Failed": Exit.FAILED}


@click.command()
@click.argument("package", metavar="PKG")
@option("--wait", is_flag=True, help="Wait until it is synced and healthy, held, or failed.")
@settings("timeout", *CLUSTER, timeout="How long to wait for the agent's answer.")
@output("text", "json", "yaml")
def sync(output: str, package: str, **given: Any) -> Exit:
    """Ask for a sync of PKG (namespace/name) now, and wait for the agent's answer.

    A package that is held stays held: then this says why, and exits with 6.
    """
    from agent.cli.where import cache_folder, connect, package_name  # noqa: PLC0415
    from agent.core import words  # noqa: PLC0415
    from agent.edges import clock  # noqa: PLC0415
    from agent.edges.kube import asking  # noqa: PLC0415

    name, chosen_settings = package_name(package), chosen(given)
    transport = connect(chosen_settings, cache_folder(chosen_settings)).transport
    asked = nanoseconds(clock.now())
    asking.annotate(transport, name, {words.SYNC_REQUESTED_AT: asked})
    with progress(f"asked for {name}, waiting for the agent"):
        told = _until_told(transport, name, asked, given["timeout"], settled=given["wait"])
    code = code_of(told)
    emit(output, _document(name, asked, told, code), text=lambda: f"{_line(name, told)}\n")
    if code is Exit.HELD:
        say(f"ignored: {told.get('message', '')}")
        say(f"  do:    `tidegate explain {name}` says what holds it")
    return code


def nanoseconds(when: datetime) -> str:
    """Return RFC 3339 with nine digits, so that two requests in a second differ."""
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}000Z"


def _until_told(
    transport: Transport, name: PackageName, asked: str, limit: timedelta, *, settled: bool
) -> Mapping[str, Any]:
    """Look at the Package until its agent answered, and where asked until it is settled.

    Raises:
        Stop: the time is up, or the Package is gone.
    """
    from agent.edges import clock  # noqa: PLC0415
    from agent.edges.kube import asking  # noqa: PLC0415
    from agent.edges.process import pause  # noqa: PLC0415

    end = clock.monotonic() + limit.total_seconds()
    while True:
        found = asking.read(transport, name)
        if found is None:
            raise Stop(Exit.NOT_FOUND, f"Package {name} is gone", do="see `tidegate status`")
        told: Mapping[str, Any] = found.get("status") or {}
        answered = told.get("lastHandledSync") == asked
        if answered and (not settled or is_settled(told)):
            return told
        if clock.monotonic() >= end:
            raise _late(name, told, limit, answered=answered)
        pause(PAUSE)


def _late(name: PackageName, told: Mapping[str, Any], limit: timedelta, *, answered: bool) -> Stop:
    seconds = int(limit.total_seconds())
    if answered:
        says = f"{name} is still {told.get('state')} after {seconds} s: {told.get('message')}"
        return Stop(Exit.TIMEOUT, says, do=f"`tidegate explain {name}`")
    says = f"no agent answered for {name} within {seconds} s"
    return Stop(Exit.TIMEOUT, says, do="is an agent running? see `tidegate check`")


def is_settled(told: Mapping[str, Any]) -> bool:
    """Whether waiting longer changes nothing by itself: synced, failed, or held."""
    return told.get("state") in _SETTLED or code_of(told) is Exit.HELD


def code_of(told: Mapping[str, Any]) -> Exit:
    """Return how a status ends this verb."""
    state = str(told.get("state", ""))
    return Exit.HELD if state in _HOLDING else _SETTLED.get(state, Exit.OK)


def _document(name: PackageName, asked: str, told: Mapping[str, Any], code: Exit) -> dict[str, Any]:
    return {
        "schema": SYNC_SCHEMA,
        "package": str(name),
        "requestedAt": asked,
        "ignored": code is Exit.HELD,
        "state": told.get("state", ""),
        "reason": told.get("reason", ""),
        "message": told.get("message", ""),
        "holds": told.get("holds", []),
    }


def _line(name: PackageName, told: Mapping[str, Any]) -> str:
    return f"{name}   {state_words(str(told.get('state', '')))}: {told.get('message', '')}"
