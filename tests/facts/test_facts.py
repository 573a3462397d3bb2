"""Every case in this folder: what happened in, the whole decision out, as a text tree.

A case is named by its verdict. `simulated.story` says how one is written; to add one, leave
`expect` empty and copy what the failure prints, after reading it as if somebody else wrote it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from simulated.story import facts_of, told
from simulated.tree import tree

from agent.passes.package import consider

CASES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_decision(path: Path) -> None:
    """What the agent decides is what the case says, whole."""
    case = yaml.safe_load(path.read_text())
    world = told(case)
    facts, decision = consider(facts_of(case, world), world.cluster)
    assert tree(facts, decision) == case["expect"], case["promise"]
