"""The judge bites: whatever safeguard is taken out of the agent, a short story finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from campaign.mutants import MUTANTS, Mutant
from campaign.trials import TRIALS, tried

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from campaign.kills import Story


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.__name__)
def test_the_agent_keeps_its_promises(trial: Callable[[Story], None], tmp_path: Path) -> None:
    """No promise is broken in the very stories that mutants stumble over."""
    assert tried(trial, tmp_path) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_missing_safeguard_is_found(mutant: Mutant, tmp_path: Path) -> None:
    """Without it the judge names the very promise that it keeps."""
    with mutant.entered():
        broken = tried(mutant.trial, tmp_path)
    assert [promise for promise in broken if mutant.says in promise]


def test_every_story_is_needed() -> None:
    """Each one finds a mutant that nobody else was asked to find."""
    assert {mutant.trial for mutant in MUTANTS} == set(TRIALS)
