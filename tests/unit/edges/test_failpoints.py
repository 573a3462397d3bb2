"""Failpoints: silent unless armed, and then exact."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.core.errors import AgentError
from agent.edges import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def test_nothing_happens_unless_armed():
    """All places can be passed."""
    for name in failpoints.NAMES:
        failpoints.reach(name)


def test_an_error_comes_at_its_turn_only():
    """`@2` lets the first pass, fails the second, and lets the third pass again."""
    failpoints.arm("publish:before:error@2")
    failpoints.reach("publish:before")
    failpoints.reach("publish:after")
    with pytest.raises(failpoints.FailpointReached, match="publish:before"):
        failpoints.reach("publish:before")
    failpoints.reach("publish:before")


def test_the_variable_kills():
    """`kill` is SIGKILL: no handler, no clean-up."""
    program = "from agent.edges import failpoints; failpoints.reach('apply:after')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"TIDEGATE_FAILPOINT": "apply:after:kill"},
        cwd=Path(failpoints.__file__).parents[2],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("text", ["apply", "apply:before", "nowhere:before:kill", "apply:after:x"])
def test_a_misspelt_failpoint_is_an_error(text: str):
    """A campaign that kills nowhere would prove nothing."""
    with pytest.raises(AgentError, match="is not a failpoint"):
        failpoints.arm(text)


def test_an_unregistered_place_is_an_error():
    """Code and the list of names can't drift apart unseen while one is armed."""
    failpoints.arm("apply:after:error@9")
    with pytest.raises(AgentError, match="not registered"):
        failpoints.reach("apply:during")
