"""Options: every setting once, variables, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner, Result

from agent.cli.options import chosen, ends
from agent.cli.options import settings as settings_options
from agent.settings import OPTIONS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALL = [each.name for each in OPTIONS]


def parsed(*arguments: str, **environment: str) -> Settings:
    """Read all settings as a verb that takes them all would."""
    found: list[Settings] = []

    @click.command()
    @settings_options(*ALL)
    def verb(**given: Any) -> None:
        found.append(chosen(given))

    result = CliRunner(env=environment).invoke(verb, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]


def test_defaults_of_options_are_those_of_settings():
    """One table, one truth."""
    assert parsed() == Settings("", "")


def test_options_and_variables_mean_the_same():
    """`--state-dir` is `TIDEGATE_STATE_DIR`; an option wins."""
    assert parsed(
        "--cluster", "b", TIDEGATE_CLUSTER="a", TIDEGATE_STATE_DIR="/s", TIDEGATE_ONCE="true"
    ) == Settings("", "b", state_dir=Path("/s"), once=True)


def test_durations_are_read():
    """In the units of declarations."""
    assert parsed("--interval", "1m30s").interval == timedelta(seconds=90)


@pytest.mark.parametrize(
    "arguments",
    [
        ("suspend", "shop/web", "--for", "2h"),
        ("suspend", "--for", "2h", "--reason", "x"),
        ("suspend", "shop/web", "-n", "shop", "--for", "2h", "--reason", "x"),
        ("suspend", "-n", "shop", "--reason", "x"),
        ("suspend", "shop/web", "--for", "2", "--reason", "x"),
        ("suspend", "shop/web", "--until", "2026-11-21T06:00:00", "--reason", "x"),
        ("suspend", "shop/web", "--until", "2020-01-01T00:00:00Z", "--reason", "x"),
        ("suspend", "shop/web", "--for", "1h", "--until", "2099-01-01T00:00:00Z", "--reason", "x"),
        ("suspend", "-n", "shop", "--live", "--for", "2h", "--reason", "x"),
        ("resume", "Suspension/x", "--live"),
    ],
)
def test_what_makes_no_sense_is_usage(call: Callable[..., Result], arguments: tuple[str, ...]):
    """2, before anything is read or written."""
    assert call(*arguments).exit_code == 2


def test_an_end_is_in_whole_seconds():
    """People read it in a file."""
    assert ends(timedelta(hours=2), None, NOW.replace(microsecond=7)) == NOW + timedelta(hours=2)
