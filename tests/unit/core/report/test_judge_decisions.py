"""Real decisions, judged: from facts through every stage to the word that people read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from facts_builder import (
    NOW,
    OLDER,
    created,
    declared,
    facts_of,
    inventory_of,
    kept,
    later,
    lively,
    pruned,
    remembered,
    removed,
    rendered,
    result_of,
    synced,
    unhealthy,
    updated,
    wanted,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import words
from agent.core.decide import decide
from agent.core.policies import Match, Suspension
from agent.core.report.explain import document, explain
from agent.core.report.judge import judge
from agent.core.report.reference import CONDITIONS
from agent.core.report.status import entry, printed, status
from agent.core.report.transitions import advance
from agent.core.values import (
    Action,
    Complete,
    Dependency,
    Grade,
    HealthStatus,
    Held,
    Hold,
    PackageName,
    Policies,
    Reason,
    Result,
    State,
    Step,
    Unknown,
    Verdict,
    WasApplied,
    WasDeleted,
)

if TYPE_CHECKING:
    from agent.core.report.values import Report
    from agent.core.values import Facts

WEB = wanted("Deployment", "web", spec={"replicas": 2})
OLD_WEB = wanted("Deployment", "web", spec={"replicas": 1})
CONFIG = wanted("ConfigMap", "settings", data={"a": "1"})


def _looked(facts: Facts) -> Report:
    """Judge what a pass would find that writes nothing."""
    return judge(Result(facts, decide(facts)), facts.inventory)


def _word(facts: Facts) -> tuple[State, Reason, int]:
    report = _looked(facts)
    return report.state, report.reason, report.waiting


def _upgrade(**fields: Any) -> Facts:
    """Return facts of a package with a new revision that changes one object."""
    facts = synced(
        OLD_WEB,
        base=rendered(OLD_WEB, commit=OLDER),
        inventory=inventory_of(OLD_WEB, commit=OLDER),
        new=rendered(WEB),
    )
    return replace(facts, **fields)


def _suspension(*grades: Grade) -> Policies:
    held = Suspension("stop", (Match(),), "INC-1", holds=frozenset(grades))
    return Policies(suspensions=(held,))


def test_a_first_install_is_progressing():
    """Nothing is live, nothing holds it."""
    assert _word(facts_of(CONFIG)) == (State.PROGRESSING, Reason.PROGRESSING, 0)


def test_what_is_as_it_was_applied_is_synced():
    """No step, no hold, no wake."""
    report = _looked(synced(CONFIG, WEB))
    assert (report.state, report.reason, report.next) == (State.SYNCED, Reason.SYNCED, None)


def test_an_upgrade_under_a_suspension_waits():
    """By annotation on the declaration, and by a Suspension of everything."""
    annotated = declared(annotations={words.SUSPEND: "true"})
    assert _word(_upgrade(declaration=annotated)) == (State.SUSPENDED, Reason.SUSPENDED, 1)
    assert _word(_upgrade(policies=_suspension(Grade.ALL)))[0] is State.SUSPENDED


def test_an_unreadable_suspension_suspends_with_its_own_reason():
    """Whoever wrote it meant to stop something."""
    annotated = declared(annotations={words.SUSPEND: "maybe"})
    assert _word(synced(CONFIG, declaration=annotated))[:2] == (
        State.SUSPENDED,
        Reason.SUSPEND_UNREADABLE,
    )


def test_a_revision_under_a_suspension_of_upgrades_is_counted():
    """No step is held; the newer revision waits as a whole."""
    report = _looked(_upgrade(policies=_suspension(Grade.UPGRADES)))
    assert (report.state, report.waiting) == (State.SUSPENDED, 1)


def test_a_dependency_that_is_not_ready_is_waited_for():
    """The message names it."""
    cache = PackageName("shop", "cache")
    facts = _upgrade(
        declaration=declared(depends_on=(cache,)),
        dependencies=(Dependency(cache, ready=False, says="it is Failed"),),
    )
    assert _looked(facts).message == "waits for shop/cache: it is Failed; 1 object waits"


def test_policies_that_were_never_read_hold_everything():
    """And say so."""
    facts = _upgrade(policies=Policies(valid=False, says="policies/a.yaml:1:1: not YAML"))
    assert _word(facts) == (State.WAITING, Reason.POLICY_INVALID, 1)


def test_a_removed_package_waits_for_its_delay():
    """Five minutes, in which it may come back."""
    report = _looked(removed(CONFIG))
    assert (report.state, report.reason, report.next) == (
        State.DELETING,
        Reason.PRUNE_HELD,
        later(minutes=5),
    )


def test_a_removed_package_under_a_suspension_keeps_its_objects():
    """DeletionHeld with the reason of the suspension."""
    facts = removed(CONFIG, policies=_suspension(Grade.ALL))
    entries = {CONFIG.key: remembered(CONFIG, tombstone=later(hours=-1))}
    report = _looked(replace(facts, inventory=replace(facts.inventory, entries=entries)))
    assert (report.state, report.reason) == (State.DELETING, Reason.DELETION_HELD)
    assert "INC-1" in report.message


objects = st.sampled_from([WEB, CONFIG, wanted("Job", "migrate"), wanted("Secret", "login")])
makers = st.sampled_from([kept, updated, created, pruned])
gates = st.sampled_from(["suspension", "windows", "dependencies", "budget", "server", "prune"])
holds = st.builds(Hold, gates, st.sampled_from(list(Reason)), st.just("not now"))


@st.composite
def passes(draw: st.DrawFn) -> Result:
    """Any steps, held, done or pending in any way, over objects in any health."""
    steps: dict[Any, Step] = {}
    for desired in draw(st.lists(objects, unique_by=lambda one: one.key)):
        steps[desired.key] = draw(makers)(desired)
    keys = st.frozensets(st.sampled_from(sorted(steps)) if steps else st.nothing())
    held = [
        replace(one, whole=one.whole and one.hold.gate != "server")
        for one in draw(st.lists(st.builds(Held, holds, keys, st.booleans()), max_size=4))
    ]
    outcomes = [
        WasDeleted(step.key, step.uid)
        if step.action is Action.PRUNE
        else WasApplied(step.key, step.digest, lively(CONFIG, key=step.key))
        for step in steps.values()
        if step.action is not Action.KEEP and draw(st.booleans())
    ]
    health = unhealthy(draw(st.sampled_from(HealthStatus)))
    wanted_objects = [WEB, CONFIG]
    facts = draw(st.sampled_from([synced, facts_of, removed]))(
        *wanted_objects, live={one.key: lively(one, health=health) for one in wanted_objects}
    )
    if draw(st.booleans()) and isinstance(facts.new, Complete) and facts.declaration:
        facts = replace(facts, new=Unknown(draw(st.sampled_from(list(Reason))), "unreadable"))
    return result_of(
        facts, *steps.values(), verdict=Verdict((), tuple(held)), outcomes=tuple(outcomes)
    )


@given(passes())
@settings(deadline=None, max_examples=150)
def test_there_is_always_one_word_and_it_can_be_told(result: Result):
    """Whatever happened: a state, known conditions, each once, and every way of telling works."""
    report = judge(result, result.facts.inventory)
    kinds = [one.type for one in report.conditions]
    ready = next(one for one in report.conditions if one.type == "Ready")
    assert report.message
    assert len(kinds) == len(set(kinds))
    assert set(kinds) <= set(CONDITIONS)
    assert report.is_ready == (report.state is State.SYNCED)
    if report.state is not State.SUSPENDED:
        assert (ready.status == "True") == report.is_ready
    assert ("Stalled" in kinds) == (report.state is State.FAILED)
    assert set(report.holds) == {one.hold for one in result.decision.verdict.held}
    told = advance(result.facts.inventory.told, report, NOW)
    assert printed(entry(report, told, str))
    assert printed(status(report, replace(result.facts.inventory, told=told), 1))
    assert printed(document(explain(result, report)))
