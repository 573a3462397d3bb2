"""What the server said is found again by value; who left is remembered until Git knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from facts_builder import NOW, PAYMENTS, facts_of, later, lively, result_of, wanted

from agent.core.report.judge import judge
from agent.core.report.transitions import advance
from agent.core.values import Answer, Ask, Found
from agent.passes.package import Passed
from agent.runtime.memory import Memory

WEB = wanted("ConfigMap", "web")


def passed(*answers: Answer, at: timedelta = timedelta()) -> Passed:
    """Give a pass that heard these answers."""
    result = result_of(facts_of(WEB, now=NOW + at))
    inventory = result.facts.inventory
    return Passed(result, judge(result, inventory), inventory, saved=True, answers=answers)


def test_an_answer_that_holds_an_object_keeps_its_end():
    """Hearing of the same foreign object again does not ask again later and later."""
    found = Answer(WEB.key, Ask.READ, "", Found(lively(WEB)))
    same = replace(found, says=Found(lively(WEB)))
    memory = Memory()

    first = memory.put(passed(found), ())
    second = memory.put(passed(same, at=timedelta(seconds=5)), ())

    assert (first, second) == (later(seconds=10), later(seconds=10))
    assert memory.answers(PAYMENTS, later(seconds=5)) == (found,)
    assert memory.answers(PAYMENTS, later(seconds=10)) == ()


def gone() -> Passed:
    """Give the last pass of a package, whose end nobody was told."""
    before = passed()
    told = advance(before.inventory.told, before.report, NOW)
    inventory = replace(before.inventory, entries={}, gone=NOW, told=told)
    return replace(before, inventory=inventory, over=True)


def test_a_package_that_left_is_remembered_until_git_was_told():
    """Its transitions outlive it: they are to be pushed, and its return continues their count."""
    memory, last = Memory(), gone()
    memory.put(passed(), ())
    memory.put(last, ())
    assert memory.packages() == frozenset()
    assert memory.departed() == {PAYMENTS: last.inventory}
    assert memory.inventory(PAYMENTS).told == last.inventory.told
    assert memory.forgettable() == ()

    memory.pushed(PAYMENTS, last.inventory.told.seq)

    assert memory.forgettable() == (PAYMENTS,)


def test_a_package_that_left_before_a_restart_is_still_told_of():
    """What a killed agent could not push, the next one does; it is no package any more."""
    memory, last = Memory(), gone()
    memory.load({PAYMENTS: last.inventory})
    assert memory.packages() == frozenset()
    assert memory.departed() == {PAYMENTS: last.inventory}
