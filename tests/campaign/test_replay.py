"""A seed is one life, byte for byte, in whatever process it is lived."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.lives import lived

if TYPE_CHECKING:
    import pytest

SEEDS = range(7, 13)


def digests(hashes: str) -> list[str]:
    """Live some seeds in a fresh interpreter whose sets have another order."""
    program = [sys.executable, "-m", "campaign", "digests", str(SEEDS.start), str(SEEDS.stop)]
    environment = {"PYTHONHASHSEED": hashes, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_seed_replays_byte_for_byte() -> None:
    """Two processes with other hashes of text send the same requests at the same instants."""
    first, second = digests("1"), digests("2")
    assert first == second
    assert len(set(first)) == len(SEEDS)


def test_a_life_does_not_depend_on_those_before_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nothing that a process remembers of one life reaches into the next one."""
    folder = tmp_path_factory.mktemp("agent")
    alone = lived(SEEDS.start, folder).judge.digest()
    lived(SEEDS.start + 1, folder)
    assert lived(SEEDS.start, tmp_path_factory.mktemp("other")).judge.digest() == alone
