"""Seeded lives: commits, holds, people, faults and kills by dice; at the end everything heals.

One seed is one life, byte for byte.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from campaign.faults import Faults
from campaign.judge import PACKAGES, THEIRS, Judge
from campaign.model import (
    SPACE,
    Model,
    Object,
    Package,
    Window,
    config_map,
    deployment,
    job,
    path_of,
    service,
)
from campaign.world import Circling, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from campaign.git import Repository

NAMES = ("a", "b")
ROUNDS = 8
REST = 65.0
"""Seconds between two looks at the end: two polls."""
LOOKS = 20
"""After so many everything has to be done: a failing pass is tried again in ten minutes."""


@dataclass(slots=True)
class Life:
    """One life under way."""

    dice: random.Random
    world: World
    judge: Judge
    model: Model
    version: int = 0
    story: list[str] = field(default_factory=list)

    def fresh(self) -> str:
        """Return a value that was never there before."""
        self.version += 1
        return f"v{self.version}"

    def commit(self, model: Model, *, parent: str | None = None) -> None:
        """Commit what a model says."""
        self.model = model
        name = self.world.repository.commit(model.files(), parent=parent)
        self.judge.knows(name, model)


def begun(seed: int, folder: Path, faults: Faults | None = None) -> Life:
    """Begin a life with two packages and the faults of its seed."""
    dice = random.Random(seed)  # noqa: S311 - a campaign, no secret
    random.seed(seed)  # the agent's own jitter
    judge = Judge()
    chosen = faults or Faults(dice, odds=dice.choice((0.0, 0.01, 0.05)), kill_odds=0.0)
    world = World(folder, judge, chosen, dice)
    world.ask("POST", "/api/v1/namespaces", {"metadata": {"name": SPACE}})
    life = Life(dice, world, judge, Model())
    for name in NAMES:
        jobs = dice.choice(("RecreateFinished", "Recreate", "Once"))
        spec = {"jobs": jobs, "replace": "Recreate"}
        kept = {path_of("ConfigMap", f"{name}-kept"): config_map(f"{name}-kept", one="v")}
        life.model = life.model.with_package(name, Package(kept, spec))
    changes(life)
    changes(life)
    return life


# --- what people do in Git -----------------------------------------------------------------------


def made(life: Life, kind: str, name: str) -> Object:
    """Make up an object."""
    wave = life.dice.randrange(2)
    match kind:
        case "Job":
            return job(name, life.fresh(), wave)
        case "Deployment":
            return deployment(name, life.fresh(), life.dice.randrange(1, 3), wave)
        case "Service":
            address = f"10.0.{len(life.model.packages)}.{life.dice.randrange(2, 250)}"
            return service(name, address, life.dice.randrange(80, 90))
        case _:
            return config_map(name, wave, **{key: life.fresh() for key in ("one", "two")})


def changes(life: Life) -> None:
    """Change, add or drop some objects of one package."""
    name = life.dice.choice(NAMES)
    package = life.model.packages.get(name) or Package(
        {path_of("ConfigMap", f"{name}-kept"): config_map(f"{name}-kept", one="v")},
        {"jobs": "Once", "replace": "Recreate"},
    )
    objects = dict(package.objects)
    for _ in range(life.dice.randrange(1, 4)):
        kind = life.dice.choice(("ConfigMap", "ConfigMap", "Deployment", "Job", "Service"))
        own = f"{name}{life.dice.randrange(2)}"
        path = path_of(kind, own)
        if path in objects and life.dice.random() < 0.3:
            del objects[path]
        elif life.model.wants(path) in ("", name):
            objects[path] = made(life, kind, own)
    life.commit(life.model.with_package(name, replace(package, objects=objects, is_broken=False)))


def moves(life: Life) -> None:
    """Move an object from one package to the other."""
    giver = life.model.packages.get("a")
    taker = life.model.packages.get("b")
    if giver is None or taker is None:
        return
    movable = [path for path in giver.objects if "/configmaps/a" in path and "-" not in path]
    if movable:
        path = life.dice.choice(movable)
        rest = {each: giver.objects[each] for each in giver.objects if each != path}
        model = life.model.with_package("a", replace(giver, objects=rest))
        gained = {**taker.objects, path: giver.objects[path]}
        life.commit(model.with_package("b", replace(taker, objects=gained)))


def breaks(life: Life) -> None:
    """Commit a manifest that nobody can read, or a declaration that might be any package."""
    if life.dice.random() < 0.5:
        life.commit(replace(life.model, is_known=not life.model.is_known))
        return
    name = life.dice.choice(NAMES)
    package = life.model.packages.get(name)
    if package is not None:
        life.commit(life.model.with_package(name, replace(package, is_broken=True)))


def leaves(life: Life) -> None:
    """Take a package out of Git, not both: that would need an approval."""
    if len(life.model.packages) == len(NAMES):
        life.commit(life.model.with_package(life.dice.choice(NAMES), None))


def suspends(life: Life) -> None:
    """Hold everything, or some of it; or lift what there is."""
    grades: frozenset[str] = frozenset()
    if not life.model.suspended:
        grades = frozenset({life.dice.choice(("All", "All", "Apply", "Prune", "Jobs"))})
    life.commit(replace(life.model, suspended=grades))


def freezes(life: Life) -> None:
    """Close a window, now or in some minutes, for a while."""
    start = life.world.clock.at.replace(microsecond=0)
    start += timedelta(seconds=life.dice.choice((-60, 31, 90)))
    end = start + timedelta(seconds=life.dice.choice((60, 300, 3600)))
    life.commit(replace(life.model, window=Window(start, end)))


def rewrites(life: Life) -> None:
    """Replace the newest commit by another, as a force push does."""
    repository = life.world.repository
    parent = repository.commits[repository.head].parent
    if parent:
        life.commit(life.model, parent=parent)


# --- what people do in the cluster ---------------------------------------------------------------


def edits(life: Life) -> None:
    """Change what is live, beside ours and in it."""
    for kind, change in (
        ("ConfigMap", {"data": {THEIRS: life.fresh()}}),
        ("ConfigMap", {"data": {"one": life.fresh()}}),
        ("Deployment", {"spec": {"replicas": life.dice.randrange(1, 5)}}),
    ):
        name = f"{life.dice.choice(NAMES)}{life.dice.randrange(2)}"
        path = path_of(kind, name)
        if life.world.ask("GET", path):
            life.world.ask("PATCH", path, change, "merge")


def deletes(life: Life) -> None:
    """Delete something live; a Job only when it is over and known to be."""
    name = f"{life.dice.choice(NAMES)}{life.dice.randrange(2)}"
    kind = life.dice.choice(("ConfigMap", "Deployment", "Service"))
    path = path_of(kind, name)
    if life.world.ask("GET", path):
        life.world.ask("DELETE", path)


def stops(life: Life) -> None:
    """Suspend a package in the cluster, as on call does; or let it go on."""
    name = life.dice.choice(NAMES)
    value = None if name in life.judge.live_holds else "true"
    if not life.world.ask("GET", f"{PACKAGES}/{name}"):
        return
    _mark(life, name, value)
    # The watch has to tell it first: it is a promise once the agent has come to rest.
    life.world.run(25)
    if value and life.world.process is not None and life.world.ask("GET", f"{PACKAGES}/{name}"):
        life.judge.live_holds.add(name)


def _mark(life: Life, name: str, value: str | None) -> None:
    marks = {"tidegate.io/suspend": value, "tidegate.io/suspend-reason": value}
    patch = {"metadata": {"annotations": marks}}
    life.judge.live_holds.discard(name)
    life.world.ask("PATCH", f"{PACKAGES}/{name}", patch, "merge")


def forgets(life: Life) -> None:
    """Compact etcd, or lose the agent's disk."""
    life.world.judge.catch_up()
    life.world.cluster.compact()
    if life.dice.random() < 0.3:
        life.world.disk.tip = ""
        life.world.disk.pins.clear()


def parts(life: Life) -> None:
    """Cut Git off, or bring it back."""
    life.world.repository.reachable = not life.world.repository.reachable


def vanishes(life: Life) -> None:
    """Delete the branch, or push it again."""
    life.world.repository.has_branch = not life.world.repository.has_branch


def waits(life: Life) -> None:
    """Let the machine sleep: time jumps, and nobody did anything meanwhile."""
    life.world.clock.later(life.dice.choice((40.0, 400.0, 4000.0)))


def raced(repository: Repository) -> None:
    """Push to the status branch first, as another agent would."""
    files = dict(repository.status or {})
    path = "history/other/package/2026-10.jsonl"
    line = b'{"instance":"other","seq":%d}\n' % (repository.pushes + 1)
    repository.status = {**files, path: files.get(path, b"") + line}
    repository.pushes += 1


EVENTS: tuple[tuple[int, Callable[[Life], None]], ...] = (
    (8, changes),
    (2, moves),
    (1, breaks),
    (1, leaves),
    (3, suspends),
    (2, freezes),
    (1, rewrites),
    (4, edits),
    (2, deletes),
    (1, stops),
    (1, forgets),
    (1, parts),
    (1, vanishes),
    (2, waits),
)
_WEIGHTS = [weight for weight, _ in EVENTS]
_EVENTS = [event for _, event in EVENTS]


# --- living --------------------------------------------------------------------------------------


def lived(seed: int, folder: Path) -> Life:
    """Live one life to its end, and judge it."""
    life = begun(seed, folder)
    world, dice = life.world, life.dice
    world.races = raced if dice.random() < 0.3 else None
    kills = dice.choice((0.0, 0.0, 0.01, 0.03))
    try:
        for _ in range(ROUNDS):
            world.faults.kill_odds = kills
            _run(life, dice.choice((10.0, 35.0, 70.0)))
            event = dice.choices(_EVENTS, _WEIGHTS)[0]
            life.story.append(event.__name__)
            event(life)
        heal(life)
    except Circling as error:
        life.judge.faults.append(str(error))
    return life


def _run(life: Life, seconds: float) -> None:
    """Run for a while, with the process started again soon after it ended."""
    world = life.world
    if world.process is None:
        life.story.append("starts")
        world.start()
    world.run(seconds)


def heal(life: Life) -> None:
    """Let no more faults happen, lift what holds, and wait until everything is as Git says."""
    world, judge = life.world, life.judge
    world.faults.heal()
    world.repository.reachable = world.repository.has_branch = True
    for name in NAMES:
        if world.ask("GET", f"{PACKAGES}/{name}"):
            _mark(life, name, None)
    packages = {name: replace(each, is_broken=False) for name, each in life.model.packages.items()}
    head = world.repository.head
    ended = Model(packages, forgives=head, since=world.clock.at)
    life.commit(ended)
    for _ in range(LOOKS):
        _run(life, REST)
        if not judge.undone(ended):
            break
    judge.end(ended)
    _run(life, REST)  # what is still to be told of it
    judge.rests_from_here()
    _run(life, REST)
    judge.rested()


def told(life: Life) -> dict[str, Any]:
    """Sum a life up, for a report."""
    return {
        "faults": life.judge.faults,
        "story": life.story,
        "starts": life.world.starts,
        "deaths": life.world.deaths,
        "crossings": life.world.faults.count,
        "writes": life.judge.workload_writes,
        "digest": life.judge.digest(),
    }
