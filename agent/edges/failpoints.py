"""Named places around every side effect, where a test makes the agent die or fail.

Never does anything unless `TIDEGATE_FAILPOINT` or `arm` says so.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from typing import Final

from agent.core.errors import AgentError, SettingError

VARIABLE: Final = "TIDEGATE_FAILPOINT"

NAMES: Final = tuple(
    f"{effect}:{side}"
    for effect in (
        "remember",
        "apply",
        "adopt",
        "delete",
        "tell",
        "event",
        "lease",
        "fetch",
        "publish",
    )
    for side in ("before", "after")
)
"""Every failpoint there is: a campaign kills the agent at each, once before and once after."""

_SPELLING: Final = re.compile(
    r"(?P<name>[a-z]+:[a-z]+):(?P<how>kill|error)(?:@(?P<turn>[1-9]\d*))?"
)


class FailpointReached(AgentError):  # noqa: N818 - reads as what happened
    """The error that an armed `…:error` failpoint raises."""


@dataclass(slots=True)
class _Armed:
    name: str
    how: str
    turns_left: int


def _parse(text: str) -> _Armed | None:
    if not text:
        return None
    found = _SPELLING.fullmatch(text)
    if found is None or found["name"] not in NAMES:
        raise SettingError(
            f"{VARIABLE}={text!r} is not a failpoint: write NAME:kill, NAME:kill@TURN or "
            f"NAME:error with NAME one of {', '.join(NAMES)}"
        )
    return _Armed(found["name"], found["how"], int(found["turn"] or 1))


def arm(text: str) -> None:
    """Set the failpoint as the variable would; the empty text disarms.

    Raises:
        SettingError: no such failpoint.
    """
    global _armed  # noqa: PLW0603 - one process, one failpoint, as the variable has it
    _armed = _parse(text)


_armed: _Armed | None = _parse(os.environ.get(VARIABLE, ""))


def reach(name: str) -> None:
    """Say that the agent is at this place; costs one comparison while nothing is armed.

    Raises:
        FailpointReached: this place is armed with `error` and its turn has come.
    """
    if _armed is not None:
        _strike(_armed, name)


def _strike(armed: _Armed, name: str) -> None:
    if name not in NAMES:
        raise AgentError(f"failpoint {name!r} is not registered in failpoints.NAMES")
    if name != armed.name:
        return
    armed.turns_left -= 1
    if armed.turns_left != 0:
        return
    if armed.how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise FailpointReached(f"failpoint {name} was reached ({VARIABLE})")
