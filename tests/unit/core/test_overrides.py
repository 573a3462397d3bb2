"""Which revision an Override is for, also when the commit that brought it is a later one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from facts_builder import PAYMENTS, facts_of

from agent.core.overrides import passing
from agent.core.policies import Override
from agent.core.values import Complete, Facts, Policies

NAMED, LATER = "1" * 40, "2" * 40


def looked(gate: str, *, follows: bool, matches: bool) -> Facts:
    """Give facts at a later commit than an Override of this gate names."""
    seen = facts_of()
    override = Override(
        "pass", (str(PAYMENTS),), (gate,), "meant", seen.now + timedelta(hours=1), NAMED
    )
    return replace(
        seen,
        new=Complete(LATER, "d", ()),
        policies=Policies(overrides=(override,)),
        follows=frozenset({NAMED} if follows else ()),
        matches=frozenset({NAMED} if matches else ()),
    )


@pytest.mark.parametrize(
    ("gate", "follows", "matches", "counts"),
    [
        ("History", True, False, True),
        ("History", False, False, False),
        ("SyncWindow/freeze", True, True, True),
        ("SyncWindow/freeze", True, False, False),
    ],
)
def test_an_override_counts_for_what_follows(
    gate: str, *, follows: bool, matches: bool, counts: bool
) -> None:
    """History that was let in stays so; any other gate only while the package is as it was."""
    seen = looked(gate, follows=follows, matches=matches)
    assert (passing(seen, gate, seen.now) is not None) is counts
