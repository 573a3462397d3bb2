"""Seeded lives: a fixed range of them, and as many more as `TIDEGATE_LIVES` says."""

from __future__ import annotations

import os

import pytest

from campaign.lives import lived

LIVES = int(os.environ.get("TIDEGATE_LIVES", "240"))
CHUNKS = 12
"""Of all seeds, so that several workers share them."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_life_breaks_a_promise(chunk: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever fails, is killed, held or changed by hand: no wrong write, and an end as in Git."""
    folder = tmp_path_factory.mktemp("agent")
    broken = {
        seed: life.judge.faults
        for seed in range(chunk, LIVES, CHUNKS)
        if (life := lived(seed, folder)).judge.faults
    }
    assert broken == {}, "make simulate SEED=<seed> shows the whole life"
