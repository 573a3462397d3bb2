"""`replay`: a recorded pass as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facts_builder import facts_of, later, wanted

from agent.core.policies import Match, Subject, Suspension
from agent.core.record import dump
from agent.core.values import Policies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

MATCH = (Match(packages=Subject(names=("*",))),)


def test_a_recorded_pass_is_shown_as_a_tree(call: Callable[..., Result], tmp_path: Path):
    """Plan and holds, without any cluster."""
    held = Suspension("move", MATCH, "CHG-1", until=later(hours=1))
    facts = facts_of(wanted("ConfigMap", "web"), policies=Policies(suspensions=(held,)))
    (tmp_path / "pass.json").write_bytes(dump(facts, b"key"))

    result = call("replay", str(tmp_path / "pass.json"))

    assert result.stdout == (
        "shop/payments at 2026-11-20T12:00:00+00:00, revision a1b2c3d4a1b2\n"
        "  plan\n"
        "    Create ConfigMap shop/web\n"
        "      Git\n"
        "  held\n"
        "    suspension Suspended until 2026-11-20T13:00:00+00:00 (Suspension move: CHG-1):"
        " everything\n"
        "  next 2026-11-20T13:00:00+00:00\n"
    )


def test_a_file_that_is_none_says_so(call: Callable[..., Result], tmp_path: Path):
    """3: it can't be replayed; 5: it is not there."""
    (tmp_path / "no.json").write_text("{}")

    assert call("replay", str(tmp_path / "no.json")).exit_code == 3
    assert call("replay", str(tmp_path / "gone.json")).exit_code == 5
