"""Killed before and after every effect, and restarted with nothing but what was written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from facts_builder import PAYMENTS
from simulated.story import package_of, rendered
from simulated.world import Killed, World, new_world

from agent.core.policies import Match, Suspension
from agent.core.values import Complete, Policies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CAMPAIGN = os.environ.get("TIDEGATE_CAMPAIGN", "")
"""Set to any number: as many random lives, and all pairs of kills."""
FREEZE = Suspension("freeze", (Match(),), "fire")
SPEC = {"jobs": "RecreateFinished", "replace": "Recreate"}


def config(name: str, value: str, **fields: Any) -> dict[str, Any]:
    """Shorthand of a ConfigMap."""
    return {"kind": "ConfigMap", "name": name, "data": {"value": value}, **fields}


def job(name: str, image: str, **fields: Any) -> dict[str, Any]:
    """Shorthand of a Job."""
    return {"kind": "Job", "name": name, "spec": {"template": {"image": image}}, **fields}


def service(address: str) -> dict[str, Any]:
    """Shorthand of a Service whose address can't be changed."""
    return {"kind": "Service", "name": "web", "spec": {"clusterIP": address}}


FIRST = [
    config("settings", "1"),
    config("old", "1"),
    job("migrate", "v1"),
    service("10.0.0.1"),
    {"kind": "Deployment", "name": "web", "set": {"wave": 1}, "spec": {"replicas": 2}},
]
SECOND = [
    config("settings", "2"),
    config("new", "1"),
    job("migrate", "v2"),
    service("10.0.0.2"),
    {"kind": "Deployment", "name": "web", "set": {"wave": 1}, "spec": {"replicas": 3}},
    job("after", "v1", set={"wave": 2}),
]


def declared(world: World, objects: Sequence[dict[str, Any]]) -> None:
    """Commit these objects as the package's newest revision."""
    package = package_of(PAYMENTS, SPEC)
    world.git.commit_of()
    world.git.declare(package, rendered(package, objects))


def drifted(world: World) -> None:
    """Edit one object, delete another, and let the time of finished Jobs run out."""
    keys = {key.name: key for key in world.api.objects}
    world.api.edit(keys["settings"], {"data": {"value": "9"}}, "kubectl-edit")
    world.api.delete(keys["old"], by="kubectl")
    world.api.expire(keys["migrate"])


def removed(world: World) -> None:
    """Take the package out of Git; its five minutes are over after the first look."""
    world.git.commit_of()
    world.git.remove(PAYMENTS)
    settled(world)
    world.later(minutes=5)


LIFE: Sequence[Callable[[World], None]] = (
    lambda world: declared(world, FIRST),
    drifted,
    lambda world: declared(world, SECOND),
    removed,
)


def settled(world: World) -> None:
    """Run until nothing moves, ending every Job that was started; a kill is followed by a start."""
    while True:
        try:
            world.run()
        except Killed:
            world.restart()
            continue
        running = [
            key
            for key, found in world.api.objects.items()
            if key.kind == "Job" and "status" not in found
        ]
        if not running:
            return
        for key in running:
            world.api.finish(key)


def lived(deaths: tuple[int, ...] = ()) -> tuple[World, list[Any]]:
    """Live the whole life, dying at these steps; returns what was there after each stage."""
    world = new_world()
    pending = list(deaths)

    def step(_where: str) -> None:
        world.steps += 1
        if pending and world.steps == pending[0]:
            pending.pop(0)
            raise Killed

    world.writer.step = step
    stages = []
    for stage in LIFE:
        stage(world)
        settled(world)
        stages.append(content(world))
    return world, stages


def content(world: World) -> Any:
    """What people would see: the objects without what the server counts, and who is in memory."""
    objects = {
        str(key): {name: found.get(name) for name in ("spec", "data")}
        for key, found in world.api.objects.items()
    }
    remembered = (
        sorted(map(str, world.inventory(PAYMENTS).entries)) if PAYMENTS in world.disk else []
    )
    return objects, remembered


REFERENCE, STAGES = lived()


def broken(world: World) -> Iterator[str]:
    """Say which promises a life broke."""
    runs = [f"{key} {what}" for key, what in world.api.runs]
    yield from (f"{run} ran twice" for run in set(runs) if runs.count(run) > 1)
    deleted = [write.uid for write in world.api.writes if write.verb == "delete"]
    yield from (f"{uid} was deleted twice" for uid in set(deleted) if deleted.count(uid) > 1)
    made = [w for w in world.api.writes if w.key.kind == "Service" and w.verb == "apply"]
    if len(made) != 2:
        yield f"the Service was made {len(made)} times, not once and once again"


def test_the_life_itself_keeps_every_promise() -> None:
    """Without a kill everything happens once, and at the end nothing is left."""
    assert list(broken(REFERENCE)) == []
    assert STAGES[-1] == ({}, [])


@pytest.mark.parametrize("death", range(1, REFERENCE.steps + 1))
def test_one_kill_changes_nothing_but_time(death: int) -> None:
    """Killed at any one place, every stage ends as if nothing had happened."""
    world, stages = lived((death,))
    assert (list(broken(world)), stages) == ([], STAGES)


def test_two_kills_change_nothing_but_time() -> None:
    """Killed again soon after the restart, too; a campaign tries all pairs near each other."""
    for first in range(1, REFERENCE.steps):
        for gap in range(1, 10) if CAMPAIGN else (1 + first % 4,):
            world, stages = lived((first, first + gap))
            assert (list(broken(world)), stages) == ([], STAGES), (first, gap)


def test_frozen_while_dead_it_puts_back_what_it_deleted_and_nothing_else() -> None:
    """Everything is suspended between the kill and the restart, at any one place of a change."""
    put_back = []
    for death in range(1, REFERENCE.steps):
        world = new_world()
        declared(world, FIRST)
        settled(world)
        declared(world, SECOND)
        world.die_at = world.steps + death
        try:
            world.run()
        except Killed:
            world.restart()
        else:
            break
        world.die_at, killed = 0, len(world.api.writes)
        world.git.policies = Policies(suspensions=(FREEZE,))
        world.run()
        assert sum(key.kind == "Service" for key in world.api.objects) == 1, death
        put_back += [(write.verb, write.key.kind) for write in world.api.writes[killed:]]
    assert set(put_back) == {("apply", "Service"), ("apply", "Job")}


def test_every_object_was_rendered() -> None:
    """The story is about what it seems to be about: no render in it failed."""
    assert all(isinstance(one, Complete) for one in REFERENCE.git._past.values())
