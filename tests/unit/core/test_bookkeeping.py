"""What the inventory says after a pass, where no case of a whole decision shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from facts_builder import (
    NOW,
    declared,
    facts_of,
    inventory_of,
    key_of,
    later,
    remembered,
    removed,
    synced,
    wanted,
)

from agent.core.admit import standings
from agent.core.decide import decide
from agent.core.effects import bookkeeping
from agent.core.policies import Match, Suspension
from agent.core.prune import earlier_runs
from agent.core.values import (
    Desired,
    Entry,
    Facts,
    Finished,
    Grade,
    Intent,
    Inventory,
    Key,
    Policies,
    Reason,
    Unknown,
)

LABELS = {"tier": "tin"}
WEB = wanted("ConfigMap", "web", data={"a": "1"})
BROKEN = Unknown(Reason.RENDER_FAILED, "broken")


def kept(facts: Facts) -> Inventory:
    """Return the inventory as it is kept after planning."""
    held = standings(facts, facts.now)
    return bookkeeping(decide(facts).plan, facts, held)


def test_labels_are_let_in_with_the_revision() -> None:
    """Where nothing holds, the declared labels are those that count next time."""
    assert kept(synced(WEB, declaration=declared(labels=LABELS))).labels == LABELS


@pytest.mark.parametrize(
    "policies",
    [
        Policies(valid=False, says="freeze.yaml:3: no such zone"),
        Policies(suspensions=(Suspension("s", (Match(),), "why", frozenset({Grade.UPGRADES})),)),
    ],
)
def test_labels_wait_while_the_revision_does(policies: Policies) -> None:
    """Unknown policies and held upgrades let no relabelling in."""
    facts = synced(WEB, declaration=declared(labels=LABELS), policies=policies)
    assert kept(facts).labels == {}


def test_labels_wait_while_history_is_rewritten() -> None:
    """Labels of a revision that does not count do not count either."""
    facts = synced(WEB, declaration=declared(labels=LABELS), rewritten=True)
    assert kept(facts).labels == {}


def test_an_unreadable_revision_closes_no_replacement() -> None:
    """What we deleted is still to be put back when the revision can be read again."""
    intents = {WEB.key: Intent("uid-old", "sha256:x")}
    facts = facts_of(new=BROKEN, inventory=inventory_of(WEB, intents=intents))
    assert kept(facts).intents == intents


def test_a_replacement_that_was_put_back_is_over() -> None:
    """Another uid under the key ends the intent."""
    inventory = inventory_of(WEB, intents={WEB.key: Intent("uid-old", WEB.digest)})
    assert kept(synced(WEB, inventory=inventory)).intents == {}


def test_a_gone_job_of_a_removed_package_is_remembered_for_a_while() -> None:
    """Five minutes in which a revert does not run it again; then it is forgotten."""
    job = wanted("Job", "migrate", spec={"template": {}})
    tombstone = {job.key: remembered(job, tombstone=NOW)}
    facts = removed(job, live={}, inventory=inventory_of(job, entries=tombstone))
    assert job.key in kept(facts).entries
    assert kept(replace(facts, now=later(minutes=5))).entries == {}


def test_nothing_wanted_is_forgotten_while_nobody_can_read_it() -> None:
    """An entry whose object is gone stays while the revision is unknown."""
    facts = facts_of(new=BROKEN, inventory=inventory_of(WEB))
    assert WEB.key in kept(facts).entries


# --- generated names -----------------------------------------------------------------------------


def generated(history: int) -> Desired:
    """Return a wanted Job whose name is its content's."""
    job = wanted("Job", f"run-{'f' * 8}")
    rules = replace(job.rules, job_history=history)
    return replace(job, manifest={"metadata": {"generateName": "run-"}}, rules=rules)


def run(digits: str) -> tuple[Key, Entry]:
    """Return one earlier run, ended as many minutes ago as its digits say."""
    at = NOW - timedelta(minutes=int(digits))
    key = key_of("Job", f"run-{digits}{'0' * 6}")
    return key, Entry("uid", "sha256:d", finished=Finished("sha256:d", "Complete", at))


@pytest.mark.parametrize(("history", "newest"), [(0, []), (1, ["10"]), (2, ["10", "20"])])
def test_the_newest_earlier_runs_are_kept(history: int, newest: list[str]) -> None:
    """As many as job-history says, by when they ended."""
    job = generated(history)
    entries = dict(run(digits) for digits in ("30", "10", "20"))
    facts = facts_of(job, inventory=inventory_of(job, entries=entries))
    assert earlier_runs([job], facts) == {run(digits)[0] for digits in newest}


def test_a_job_of_another_name_is_no_earlier_run() -> None:
    """Only eight digits after the generated prefix make one."""
    job = generated(history=3)
    other = key_of("Job", "run-somejobx")
    facts = facts_of(job, inventory=inventory_of(job, entries={other: run("10")[1]}))
    assert earlier_runs([job], facts) == frozenset()
