"""Exceptions → what people read on stderr and the exit code; never hides one.

The agent's own exceptions are looked at by their attributes, so that nothing heavy is imported.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final

import click

from agent.cli.exits import MEANINGS, Exit, Stop
from agent.core.errors import AgentError, DeclarationError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

_BY_STATUS: Final = {401: Exit.FORBIDDEN, 403: Exit.FORBIDDEN, 404: Exit.NOT_FOUND}
_BY_REASON: Final = {
    "AuthFailed": Exit.FORBIDDEN,
    "HostKey": Exit.FORBIDDEN,
    "NotFound": Exit.NOT_FOUND,
    "NoBranch": Exit.NOT_FOUND,
    "NoObject": Exit.NOT_FOUND,
    "TimedOut": Exit.TIMEOUT,
}
"""What `GitError.reason` says."""
_ADVICE: Final = {
    Exit.FORBIDDEN: "`tidegate check` names what is missing",
    Exit.TIMEOUT: "try again, or give it longer",
}


def guarded(verb: Callable[[], Any]) -> int:
    """Run a verb and give its exit code; whatever it raises is told on stderr."""
    try:
        return int(verb() or Exit.OK)
    except Stop as stop:
        tell(stop)
        return stop.code
    except click.Abort:
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except AgentError as error:
        code = code_of(error)
        tell(Stop(code, str(error), do=_ADVICE.get(code, "")))
        return code
    except Exception as error:  # noqa: BLE001 - the last resort: people need a word, we the trace
        click.echo(traceback.format_exc(), err=True, nl=False)
        tell(Stop(Exit.FAILED, f"an error inside Tidegate: {error}", do="report the lines above"))
        return Exit.FAILED


def code_of(error: AgentError) -> Exit:
    """Return the exit code that says what kind of failure it is."""
    if isinstance(error, DeclarationError | SettingError):
        return Exit.USAGE
    status = getattr(error, "status", 0)
    reason = str(getattr(error, "reason", ""))
    return _BY_STATUS.get(status) or _BY_REASON.get(reason) or Exit.FAILED


def tell(stop: Stop) -> None:
    """Write what, where and what to do on stderr, and the code they end with."""
    click.echo(f"error: {stop.what}", err=True)
    for name, text in (("where", stop.where), ("do", stop.do)):
        if text:
            click.echo(f"  {name + ':':<7}{text}", err=True)
    click.echo(f"  {'exit:':<7}{stop.code.value} ({MEANINGS[stop.code]})", err=True)
