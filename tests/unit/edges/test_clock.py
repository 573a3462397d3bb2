"""The clock: the machine's time, unless a test begins it at another instant."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.core.errors import SettingError
from agent.edges import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTUMN = datetime(2026, 10, 25, 0, 29, 50, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _real_time() -> Iterator[None]:
    yield
    clock.begin("")


def machine() -> datetime:
    """The machine's own time."""
    return datetime.now(UTC)  # noqa: TID251 - what the clock is compared with


def test_the_time_is_the_machines_unless_somebody_moves_it(caplog: pytest.LogCaptureFixture):
    """Nothing is added, and nothing is said."""
    before, told, after = machine(), clock.now(), machine()
    clock.warn_if_moved()
    assert before <= told <= after
    assert (clock.on_machine(AUTUMN), caplog.messages) == (AUTUMN, [])


@pytest.mark.parametrize("text", ["2026-10-25T00:29:50Z", "2026-10-25T02:29:50.0+02:00"])
def test_a_clock_begins_where_it_is_told_and_goes_on(text: str):
    """It is that instant now; all others are as far from the machine's time as this one."""
    before = machine()
    clock.begin(text)
    after = machine()
    assert before <= clock.on_machine(AUTUMN) <= after
    assert clock.on_machine(clock.now()) >= after
    second = timedelta(seconds=1)
    assert clock.on_machine(AUTUMN + second) - clock.on_machine(AUTUMN) == second


def test_a_moved_clock_is_told(caplog: pytest.LogCaptureFixture):
    """Nobody runs a real agent at another time without a warning in its log."""
    clock.begin("2026-10-25T00:29:50Z")
    with caplog.at_level(logging.WARNING):
        clock.warn_if_moved()
    assert caplog.text.count("TIDEGATE_CLOCK is set") == 1


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2026-10-25",
        "2026-10-25T00:29:50",
        "20261025T002950Z",
        "2026-10-25 00:29:50Z",
        "2026-10-25T00:29:50+0200",
        "2026-10-25T25:29:50Z",
        "0001-01-01T00:00:00+02:00",
    ],
)
def test_what_is_no_instant_is_an_error(text: str):
    """Date, time and offset, or nothing: a guessed time would prove nothing."""
    with pytest.raises(SettingError, match=r"TIDEGATE_CLOCK='.*' is not an instant"):
        clock.begin(text)


def test_a_wrong_variable_ends_the_command_with_its_name():
    """`tidegate run` says what to write, and ends as with any wrong setting."""
    given = {"TIDEGATE_CLOCK": "soon", "PATH": os.environ["PATH"], "HOME": os.devnull}
    done = subprocess.run(
        [sys.executable, "-m", "agent", "run", "--repo=/nowhere", "--cluster=one"],
        env=given,
        cwd=Path(clock.__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (
        2,
        "",
        [
            (
                "error: TIDEGATE_CLOCK='soon' is not an instant: write date, time and offset "
                "(RFC 3339), such as 2026-10-25T00:29:50Z"
            ),
            "  exit:  2 (usage or invalid configuration)",
        ],
    )
