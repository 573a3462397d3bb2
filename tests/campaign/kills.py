"""One story without dice, killed at every crossing of a border, one by one and in pairs.

The story meets what a crash is hard on: replacements, waves, a move, prunes, a hold, a farewell.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from campaign.faults import Fault, Faults
from campaign.judge import PACKAGES, Judge
from campaign.model import (
    APIS,
    SPACE,
    Model,
    Object,
    Package,
    config_map,
    deployment,
    job,
    path_of,
    service,
)
from campaign.world import SETTINGS as USUAL
from campaign.world import Circling, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

PIECE = 5.0
"""Seconds between two looks at whether a stage is over."""
PATIENCE = timedelta(minutes=5)
"""After which a stage that is not over never will be: ten polls, and a pause after failures."""
Plan: TypeAlias = "Mapping[int, Fault]"
"""The number of a crossing → what goes wrong there."""
INVENTORY = "tidegate-inventory-"
"""How the names of the ConfigMaps begin in which the agent remembers one package each."""
SPEC = {"jobs": "RecreateFinished", "replace": "Recreate", "pruneDelay": "1s"}
SETTINGS = replace(USUAL, interval=timedelta(seconds=10))
"""As all lives, but for more polls: nothing is to be waited for."""
_KINDS = frozenset(APIS)


@dataclass(slots=True)
class Story:
    """One run of the story."""

    world: World
    judge: Judge
    model: Model = field(default_factory=Model)

    def commit(self, model: Model, parent: str | None = None) -> None:
        """Commit what a model says."""
        self.model = model
        self.commit_files(model.files(), parent)

    def commit_files(self, files: Mapping[str, bytes], parent: str | None = None) -> None:
        """Commit files that mean the same as those that the model would have."""
        self.judge.knows(self.world.repository.commit(files, parent=parent), self.model)

    def until(self, is_over: Callable[[], bool]) -> None:
        """Run, with the process started again at once whenever it died, until a stage is over."""
        end = self.world.clock.at + PATIENCE
        while not is_over():
            if self.world.clock.at >= end:
                raise Circling(f"not done after {PATIENCE}: {self.judge.undone(self.model)}")
            if self.world.process is None:
                self.world.start()
            self.world.run(PIECE)

    def run(self, seconds: float) -> None:
        """Run for a while; a process that died is started again."""
        end = self.world.clock.at + timedelta(seconds=seconds)
        self.until(lambda: self.world.clock.at >= end)

    def dies(self) -> None:
        """Run until the process is killed, and leave it dead."""
        deaths = self.world.deaths
        if self.world.process is None:
            self.world.start()
        for _ in range(round(PATIENCE.total_seconds() / PIECE)):
            if self.world.deaths > deaths:
                return
            self.world.run(PIECE)
        raise Circling("nobody was killed")

    def settle(self) -> None:
        """Run until everything is as Git says, and nobody else is remembered."""
        self.until(lambda: not self.judge.undone(self.model) and self._is_forgotten())

    def _is_forgotten(self) -> bool:
        """Whether no Package and no inventory is there but those of Git's packages."""
        inventories = [each for each in self.places("ConfigMap") if each.startswith(INVENTORY)]
        declared = sorted(self.model.packages)
        return self.places("Package") == declared and len(inventories) == len(declared)

    def places(self, kind: str) -> list[str]:
        """Name the objects of a kind, wherever they are."""
        everything = self.world.cluster.world.store.everything()
        found = (each.object for _, each in everything if each.object["kind"] == kind)
        return sorted(each["metadata"]["name"] for each in found)


# --- what happens --------------------------------------------------------------------------------


def _objects(*objects: Object) -> dict[str, Object]:
    return {path_of(each["kind"], each["metadata"]["name"]): each for each in objects}


def with_objects(model: Model, name: str, *objects: Object, without: tuple[str, ...] = ()) -> Model:
    """Put objects into a package, and take others out."""
    package = model.packages.get(name, Package(spec=SPEC))
    kept = {path: one for path, one in package.objects.items() if path not in without}
    return model.with_package(name, replace(package, objects=kept | _objects(*objects)))


def installs(story: Story) -> None:
    """Two packages come: a Job in the second wave, a Service whose address can't be changed."""
    model = with_objects(
        Model(),
        "a",
        config_map("settings", one="1", two="1"),
        config_map("old", one="1"),
        deployment("web", "v1"),
        job("migrate", "v1", wave=1),
        service("web", "10.0.0.1", 80),
    )
    story.commit(with_objects(model, "b", config_map("other", one="1")))
    story.settle()


def commits_changes(story: Story) -> None:
    """Commit another value, and what can't be changed in place: a finished Job and an address."""
    changed = (
        config_map("settings", one="2", two="1"),
        job("migrate", "v2", wave=1),
        service("web", "10.0.0.2", 80),
    )
    story.commit(with_objects(story.model, "a", *changed))


def changes(story: Story) -> None:
    """Carry the changes out."""
    commits_changes(story)
    story.settle()


def moves(story: Story) -> None:
    """One ConfigMap goes over to the other package, another one is wanted no more."""
    settings, old = path_of("ConfigMap", "settings"), path_of("ConfigMap", "old")
    kept = story.model.packages["a"].objects[settings]
    model = with_objects(story.model, "a", without=(settings, old))
    story.commit(with_objects(model, "b", kept))
    story.settle()


def suspends(story: Story) -> None:
    """Everything is held by a commit; what changes then waits for the next one."""
    story.commit(replace(story.model, suspended=frozenset({"All"})))
    story.until(lambda: set(told_states(story).values()) == {"Suspended"})
    path = path_of("ConfigMap", "other")
    model = with_objects(story.model, "a", deployment("web", "v2", 2), without=(path,))
    story.commit(with_objects(model, "b", without=(path,)))
    head = story.world.repository.head
    story.until(lambda: story.judge.seen is story.judge.models[head])


def resumes(story: Story) -> None:
    """Everything that waited happens."""
    story.commit(replace(story.model, suspended=frozenset()))
    story.settle()


def leaves(story: Story) -> None:
    """The package with the Job, the Service and the Deployment leaves Git."""
    story.commit(story.model.with_package("a", None))
    story.settle()


STORY = (installs, changes, moves, suspends, resumes, leaves)


def told_states(story: Story) -> dict[str, str]:
    """Say what each package says of itself."""
    told = {each: story.world.ask("GET", f"{PACKAGES}/{each}") for each in story.model.packages}
    return {name: one.get("status", {}).get("state", "") for name, one in told.items()}


# --- one run -------------------------------------------------------------------------------------


def told(folder: Path, plan: Plan | None = None) -> Story:
    """Tell the story once, with these faults; what went wrong is among the judge's faults."""
    return through(STORY, begun(folder, plan))


def begun(folder: Path, plan: Plan | None = None) -> Story:
    """Begin with an empty cluster, and an empty repository."""
    random.seed(0)  # the agent's own jitter
    judge = Judge()
    world = World(folder, judge, Faults(plan=plan or {}), settings=SETTINGS)
    world.ask("POST", "/api/v1/namespaces", {"metadata": {"name": SPACE}})
    return Story(world, judge)


def through(stages: Sequence[Callable[[Story], None]], story: Story) -> Story:
    """Tell stage after stage, until one does not end."""
    try:
        for stage in stages:
            stage(story)
    except Circling as error:
        story.judge.faults.append(str(error))
    story.judge.end(story.model)
    return story


def happened(story: Story) -> Counter[str]:
    """Count what was made and what was deleted, of what Git declares."""
    found: Counter[str] = Counter()
    for event in story.world.cluster.world.store.log:
        kind, name = event.last.object["kind"], event.last.object["metadata"]["name"]
        if kind in _KINDS and event.last.place[0] == SPACE and not (event.before and event.after):
            found[f"{kind} {name} is {'made' if event.after else 'deleted'}"] += 1
    return found


def left(story: Story) -> Any:
    """What is there at the end: contents, and the names of what the agent remembers by."""
    contents = {
        f"{stored.object['kind']} {stored.place[1]}": [
            stored.object.get(each) for each in ("data", "spec")
        ]
        for _, stored in story.world.cluster.world.store.everything()
        if stored.object["kind"] in _KINDS and stored.place[0] == SPACE
    }
    return contents, story.places("Package"), story.places("ConfigMap")


@dataclass(frozen=True, slots=True)
class Reference:
    """The story without a fault: what every other telling has to be like."""

    crossings: tuple[str, ...]
    instants: tuple[datetime, ...]
    happened: Counter[str]
    left: Any

    def broken(self, story: Story) -> Iterator[str]:
        """Say which promises a telling broke."""
        yield from story.judge.faults
        counted = happened(story)
        for what in sorted(self.happened | counted):
            if self.happened[what] != counted[what]:
                yield f"{what} {counted[what]} times, not {self.happened[what]}"
        if left(story) != self.left:
            yield f"something else is left: {left(story)}"


def reference(folder: Path) -> Reference:
    """Tell the story without a fault.

    Raises:
        AssertionError: it goes wrong even so.
    """
    story = told(folder)
    assert story.judge.faults == []
    faults = story.world.faults
    seen = tuple(faults.crossings), tuple(faults.instants)
    return Reference(*seen, happened(story), left(story))


# --- plans ---------------------------------------------------------------------------------------


def is_mutating(crossing: str) -> bool:
    """Whether a crossing may leave something behind: a request that writes, a fetch, a push."""
    return not crossing.startswith(("GET ", "WATCH ", "git ls-remote"))


def singles(crossings: tuple[str, ...]) -> Iterator[Plan]:
    """Kill before and after every crossing, each alone."""
    for number in range(len(crossings)):
        yield {number: Fault.KILL_BEFORE}
        yield {number: Fault.KILL_AFTER}


def distinct(reference: Reference) -> Iterator[Plan]:
    """Those singles that leave different worlds behind.

    After a crossing that leaves nothing behind is as before it; and before one is as after the
    one before it, unless time went on between them. What is dead remembers no difference.
    """
    before = None
    for number, crossing in enumerate(reference.crossings):
        if reference.instants[number] != before:
            yield {number: Fault.KILL_BEFORE}
        if is_mutating(crossing):
            yield {number: Fault.KILL_AFTER}
        before = reference.instants[number]


def seconds(first: Plan, story: Story) -> Iterator[Plan]:
    """Continue a kill with a second one after every crossing that came after the restart."""
    (number,) = first
    for later, crossing in enumerate(story.world.faults.crossings):
        if later > number and is_mutating(crossing):
            yield {**first, later: Fault.KILL_AFTER}
