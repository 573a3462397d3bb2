"""A change of a package's labels is a step that people see, and that changes no plan's digest."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from facts_builder import declared, facts_of, inventory_of, synced, wanted

from agent.core.admit import standings
from agent.core.decide import decide
from agent.core.effects import bookkeeping
from agent.core.policies import LabelSelector, Match, Subject, Suspension
from agent.core.redact import Redactor
from agent.core.relabel import relabelling
from agent.core.report import explain, present
from agent.core.report.judge import judge
from agent.core.values import Facts, Grade, Policies, Reason, Result, State

WEB = wanted("ConfigMap", "web", data={"a": "1"})
BACKEND = LabelSelector((("tier", "backend"),))
RELABELLED = synced(
    WEB,
    declaration=declared(labels={"tier": "canary"}),
    inventory=inventory_of(WEB, labels={"tier": "backend"}),
)


def stopped(grade: Grade) -> Facts:
    """Return the relabelling under a suspension of one grade."""
    stop = Suspension("stop", (Match(),), "why", frozenset({grade}))
    return synced(
        WEB,
        declaration=RELABELLED.declaration,
        inventory=RELABELLED.inventory,
        policies=Policies(suspensions=(stop,)),
    )


def looked(facts: Facts) -> Result:
    """Return a pass that writes nothing but what it remembers."""
    return Result(facts, decide(facts))


@pytest.mark.parametrize("grade", [Grade.ALL, Grade.APPLY, Grade.UPGRADES])
def test_what_holds_new_revisions_holds_a_relabelling(grade: Grade) -> None:
    """The hold names the Package, and the package says that one object waits."""
    result = looked(stopped(grade))
    (held,) = result.decision.verdict.held
    report = judge(result, RELABELLED.inventory)
    assert [str(key) for key in held.keys] == ["Package shop/payments"]
    assert (report.state, report.reason, report.waiting) == (State.SUSPENDED, Reason.SUSPENDED, 1)


@pytest.mark.parametrize(
    ("match", "state"),
    [(Match(packages=Subject(selector=BACKEND)), State.SUSPENDED), (Match(), State.SYNCED)],
)
def test_what_chose_the_package_by_its_labels_holds_them(match: Match, state: State) -> None:
    """A suspension of repairs alone is not got around by two commits; any other stays in force."""
    stop = Suspension("stop", (match,), "why", frozenset({Grade.DRIFT}))
    facts = replace(RELABELLED, policies=Policies(suspensions=(stop,)))
    result = looked(facts)
    known = bookkeeping(result.decision.plan, facts, standings(facts, facts.now))
    assert judge(result, known).state is state
    assert (known.labels == {"tier": "canary"}) is (state is State.SYNCED)


def test_a_relabelling_that_is_let_in_leaves_nothing_to_do() -> None:
    """Labels are remembered in the same pass, so the package is Synced and not on its way."""
    result = looked(RELABELLED)
    standing = standings(RELABELLED, RELABELLED.now)
    known = bookkeeping(result.decision.plan, RELABELLED, standing)
    assert judge(result, known).state is State.SYNCED
    assert result.decision.effects == ()


def test_the_first_labels_are_no_relabelling() -> None:
    """Before any were let in there is nothing to slip away from."""
    assert relabelling(facts_of(WEB, declaration=declared(labels={"tier": "a"}))) is None


def test_labels_are_no_part_of_the_plan_digest() -> None:
    """Who approved a plan approved its objects: labels let in before them void nothing."""
    assert decide(RELABELLED).plan.digest == decide(synced(WEB)).plan.digest


def test_a_plan_names_the_labels_and_what_holds_them() -> None:
    """Old and new value stand in the line of the Package."""
    decision = looked(stopped(Grade.ALL)).decision
    assert present.plan_table(decision.plan, decision.verdict).splitlines()[0] == (
        "~ update  Package shop/payments  Git labels: tier: backend → canary "
        "held by suspension: Suspended: Suspension stop: why"
    )


def test_a_diff_names_each_label_once() -> None:
    """The label is a field like any other, with where its change comes from."""
    told = present.diff_text(looked(RELABELLED), Redactor())
    assert told.splitlines()[:2] == [
        "Package shop/payments (update)",
        '  G metadata.labels.tier: "backend" → "canary"',
    ]


def test_an_explanation_names_the_labels_that_wait() -> None:
    """Whoever asks why the package is held reads which change waits."""
    result = looked(stopped(Grade.ALL))
    told = explain.explain(result, judge(result, RELABELLED.inventory))
    waits = "  update Package shop/payments (labels: tier: backend → canary)"
    assert waits in explain.text(told, ZoneInfo("UTC")).splitlines()
