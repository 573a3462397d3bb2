"""Many deletions under one Override, and the agent dies, or Git goes on, between them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from facts_builder import NOW, PAYMENTS
from simulated.story import package_of, rendered
from simulated.world import Killed, World, new_world

from agent.core.policies import Override
from agent.core.values import Policies, Reason, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.passes.package import Passed

HOUR = timedelta(hours=1)
MANY = 40
WAVES = 4


def config(number: int, **fields: Any) -> dict[str, Any]:
    """Shorthand of one of many ConfigMaps, in one of four waves."""
    wave = {"wave": number % WAVES}
    return {"kind": "ConfigMap", "name": f"c{number:02}", "set": wave, "data": {"a": "1"}, **fields}


STAYING = [config(number) for number in range(MANY, MANY + 3)]
GOING = [config(number) for number in range(MANY)]


def declared(world: World, objects: Sequence[dict[str, Any]]) -> None:
    """Commit these objects as the package's newest revision."""
    package = package_of(PAYMENTS, {})
    world.git.commit_of()
    world.git.declare(package, rendered(package, objects))


def waiting() -> tuple[World, str]:
    """Return a world in which forty deletions wait, and the digest of their plan."""
    world = new_world()
    declared(world, [*STAYING, *GOING])
    world.run()
    declared(world, STAYING)
    world.run()
    report = world.passed[PAYMENTS].report
    assert (report.state, report.reason) == (State.WAITING, Reason.BUDGET_EXCEEDED)
    return world, report.plan_digest


def let(world: World, plan: str, until: timedelta) -> None:
    """Commit an Override of that plan."""
    word = Override("o", ("shop/*",), ("Budget",), "CHG-1", NOW + until, plan=plan)
    world.git.policies = Policies(overrides=(word,))


def left(world: World) -> int:
    """Count the objects that are there."""
    return len(world.api.objects)


def begun() -> World:
    """Return a world in which the first of four groups of deletions was carried out."""
    world, plan = waiting()
    let(world, plan, HOUR)
    world.look(PAYMENTS)
    assert left(world) == MANY - MANY // WAVES + len(STAYING)
    return world


def looked(world: World) -> Passed:
    """Run until nothing moves; return the last pass."""
    world.run()
    return world.passed[PAYMENTS]


def test_one_word_is_enough_for_the_whole_plan() -> None:
    """Deletions in four groups change the plan three times, and nobody is asked again."""
    world = begun()
    report = looked(world).report
    assert (left(world), report.state) == (len(STAYING), State.SYNCED)
    assert world.inventory(PAYMENTS).cleared is None


@pytest.mark.parametrize("death", range(1, 2 * MANY, 3))
def test_one_word_outlives_a_kill(death: int) -> None:
    """Killed at any place between the first deletion and the last, it goes on where it was."""
    world, plan = waiting()
    let(world, plan, HOUR)
    world.steps, world.die_at = 0, death
    with pytest.raises(Killed):
        world.run()
    world.die_at = 0
    world.restart()
    world.run()
    deleted = [write.uid for write in world.api.writes if write.verb == "delete"]
    assert (left(world), len(deleted), len(set(deleted))) == (len(STAYING), MANY, MANY)


def test_one_more_deletion_is_another_plan() -> None:
    """What left Git meanwhile was seen by nobody: it waits, and so does the rest."""
    world = begun()
    declared(world, STAYING[1:])
    there = left(world)
    passed = looked(world)
    assert (left(world), passed.report.reason) == (there, Reason.BUDGET_EXCEEDED)
    assert "1 of them not in the plan that was let happen" in passed.report.message
    assert passed.report.plan_digest in passed.report.message


def test_the_plan_goes_on_when_the_other_deletion_is_taken_back() -> None:
    """With the object back in Git, what is left was let happen as it is."""
    world = begun()
    declared(world, STAYING[1:])
    world.run()
    declared(world, STAYING)
    world.run()
    assert left(world) == len(STAYING)


def test_other_changes_of_git_stop_no_deletion() -> None:
    """The budget is about deletions: an update meanwhile is none."""
    world = begun()
    declared(world, [config(MANY, data={"a": "2"}), *STAYING[1:]])
    world.run()
    assert left(world) == len(STAYING)


def test_without_the_override_the_rest_waits() -> None:
    """Whoever takes the word back, or lets its time run out, stops what is left."""
    taken = begun()
    taken.git.policies = Policies()
    over = begun()
    over.later(hours=1)
    for world in (taken, over):
        there = left(world)
        assert looked(world).report.reason is Reason.BUDGET_EXCEEDED
        assert left(world) == there
