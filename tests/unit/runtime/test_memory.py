"""What the server said is found again by value, whatever it said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from facts_builder import NOW, PAYMENTS, facts_of, later, lively, result_of, wanted

from agent.core.report.judge import judge
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
