"""What a package wants, as its pass finds it."""

from __future__ import annotations

from dataclasses import replace

from facts_builder import COMMIT, OLDER, PAYMENTS, synced

from agent.core.declared import Declared, Snapshot
from agent.core.values import Applied, Complete, Facts
from agent.passes.observe import wanted


def snapshot_of(facts: Facts) -> Snapshot:
    """The newest commit, which says what the facts say."""
    assert facts.declaration is not None
    declared = Declared(commit=COMMIT, packages={PAYMENTS: facts.declaration}, complete=True)
    return Snapshot(declared, {PAYMENTS: facts.new}, {PAYMENTS: COMMIT})


def test_what_is_applied_keeps_its_commit_over_a_restart():
    """A newer commit that says the same is no news: else a start would tell it of everyone."""
    facts = synced()
    assert isinstance(facts.new, Complete)
    inventory = replace(facts.inventory, applied=Applied(OLDER, facts.new.digest))
    _, found = wanted(PAYMENTS, snapshot_of(facts), inventory)
    assert found == replace(facts.new, commit=OLDER)
