"""An object goes from one package to another, and the agent dies on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from facts_builder import CLUSTER, INSTANCE, PAYMENTS
from simulated.story import package_of, rendered
from simulated.world import Killed, World, new_world

from agent.core import words
from agent.core.identity import owner
from agent.core.values import PackageName
from agent.passes.observe import observe

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = PackageName("shop", "other")
MOVING = {"kind": "ConfigMap", "name": "moving", "data": {"value": "1"}}
STAYS = {"kind": "ConfigMap", "name": "stays", "data": {"value": "1"}}
HERE: Mapping[PackageName, list[dict[str, object]]] = {OTHER: [MOVING, STAYS], PAYMENTS: []}
THERE: Mapping[PackageName, list[dict[str, object]]] = {OTHER: [STAYS], PAYMENTS: [MOVING]}


def commit(world: World, wanted: Mapping[PackageName, list[dict[str, object]]]) -> None:
    """Declare both packages."""
    world.git.commit_of()
    for name, objects in wanted.items():
        package = package_of(name, {})
        world.git.declare(package, rendered(package, objects))


def moved(death: int) -> World:
    """Move the object, dying at one step of it."""
    world = new_world()
    commit(world, HERE)
    world.run()
    commit(world, THERE)
    world.steps, world.die_at = 0, death
    try:
        world.run()
    except Killed:
        world.restart()
        world.run()
    return world


STEPS = moved(0).steps


@pytest.mark.parametrize("death", range(STEPS + 1))
def test_a_move_deletes_nothing_whenever_the_agent_dies(death: int) -> None:
    """The receiver has it, the giver forgot it, and it is the very same object."""
    world = moved(death)
    key = next(key for key in world.api.objects if key.name == "moving")
    annotations = world.api.objects[key]["metadata"]["annotations"]
    assert [write.verb for write in world.api.writes if write.verb == "delete"] == []
    assert annotations[words.OWNER] == owner(INSTANCE, CLUSTER, PAYMENTS)
    assert key in world.inventory(PAYMENTS).entries
    assert key not in world.inventory(OTHER).entries


def test_what_is_removed_with_its_package_can_be_taken_over() -> None:
    """A package that leaves Git while another one declares its object hands it over."""
    world = moved(0)
    world.git.commit_of()
    world.git.remove(PAYMENTS)
    package = package_of(OTHER, {})
    world.git.declare(package, rendered(package, [MOVING, STAYS]))
    world.run()
    world.later(minutes=5)
    world.run()
    key = next(key for key in world.api.objects if key.name == "moving")
    assert world.api.objects[key]["metadata"]["annotations"][words.OWNER] == owner(
        INSTANCE, CLUSTER, OTHER
    )
    assert PAYMENTS not in world.disk


@pytest.mark.parametrize("restarts", [False, True])
def test_what_holds_the_giver_holds_the_move(*, restarts: bool) -> None:
    """Whoever is looked at first: after a restart, and at the very revision that suspends it."""
    world = new_world()
    commit(world, HERE)
    world.run()
    world.git.commit_of()
    giver = package_of(OTHER, {"annotations": {words.SUSPEND: "true"}})
    world.git.declare(giver, rendered(giver, [STAYS]))
    taker = package_of(PAYMENTS, {})
    world.git.declare(taker, rendered(taker, [MOVING]))
    if restarts:
        world.restart()
    facts = observe(PAYMENTS, world, world.clock())
    assert facts is not None
    (inherited,) = facts.inherited
    assert [key.name for key in inherited.keys or ()] == ["moving"]
    assert inherited.hold.reason == "Suspended"
