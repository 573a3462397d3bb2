"""The whole decision of a pass, on one screen: facts in, a decision out, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.admit import admit, standings
from agent.core.effects import effects
from agent.core.plan import plan
from agent.core.target import aim
from agent.core.values import Decision

if TYPE_CHECKING:
    from agent.core.values import Facts


def decide(facts: Facts) -> Decision:
    """What the agent will do with one package, given all that it knows.

    While there are questions the plan rests on an assumption, so nothing is done yet.
    """
    in_force = standings(facts, facts.now)
    steered = aim(facts, in_force)
    planned, questions = plan(facts, steered, in_force)
    verdict = admit(planned, facts, facts.now)
    doing = () if questions else effects(planned, verdict, facts, in_force)
    return Decision(planned, verdict, questions, doing)
