"""Short stories without dice, each about one promise: what mutants of the agent stumble over.

Each tells its model to the judge and ends with everything as in Git.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from campaign.faults import Fault
from campaign.judge import OWNER, PACKAGES, THEIRS
from campaign.kills import (
    INVENTORY,
    Story,
    begun,
    changes,
    commits_changes,
    installs,
    moves,
    through,
    told_states,
    with_objects,
)
from campaign.model import APIS, Window, config_map, path_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from campaign.world import Process

SETTINGS = path_of("ConfigMap", "settings")
OLD = path_of("ConfigMap", "old")
OTHER = path_of("ConfigMap", "other")
MIGRATE = path_of("Job", "migrate")
WEB = path_of("Service", "web")
DEPLOYMENT = path_of("Deployment", "web")
_, CONFIG_MAPS = APIS["ConfigMap"]
FETCH = "git fetch"
PUSH = "git push"
PUSHES = 200.0
"""Seconds in which some pushes are due, of those that are tried again, too."""
TORN = b"apiVersion: tidegate.io/v1alpha1\nkind: [Suspension\n"
AWHILE = 30.0
"""Seconds: some polls, and longer than a Lease lasts."""


def meddle(story: Story, crossing: str, *acts: Callable[[], object]) -> None:
    """Let these happen just before the next times that something is crossed."""

    def said(act: Callable[[], object]) -> Fault | None:
        fault = act()
        return fault if isinstance(fault, Fault) else None

    story.world.faults.meddles[crossing] = [partial(said, act) for act in acts]


def fails(fault: Fault) -> Callable[[], Fault]:
    """Say that this goes wrong."""
    return lambda: fault


def prunes_old(story: Story) -> None:
    """Commit that an object is wanted no more."""
    story.commit(with_objects(story.model, "a", without=(OLD,)))


# --- deletions -----------------------------------------------------------------------------------


def recreated(story: Story) -> None:
    """What is to be deleted is, just before, deleted and made anew by somebody else."""

    def anew() -> None:
        story.world.ask("DELETE", OLD)
        body = {"metadata": {"name": "old"}, "data": {THEIRS: "mine"}}
        story.world.ask("POST", CONFIG_MAPS, body)

    meddle(story, f"DELETE {OLD}", anew)
    prunes_old(story)
    story.settle()


def disowned(story: Story) -> None:
    """Just before an object leaves Git, somebody takes it for himself."""
    annotations = {"metadata": {"annotations": {OWNER: None}}}
    meddle(story, FETCH, lambda: story.world.ask("PATCH", OLD, annotations, "merge"))
    prunes_old(story)
    story.run(AWHILE)


def taken(story: Story) -> None:
    """Just before an object is made, another instance makes one of that name."""
    metadata = {"name": "settings", "annotations": {OWNER: "other/sim/shop/a"}}
    body = {"metadata": metadata, "data": {"one": "mine"}}
    meddle(story, f"PATCH {SETTINGS}", lambda: story.world.ask("POST", CONFIG_MAPS, body))
    story.commit(with_objects(story.model, "a", config_map("settings", one="1")))
    story.run(AWHILE)
    story.world.ask("DELETE", SETTINGS)
    story.settle()


def unreadable(story: Story) -> None:
    """A manifest of a package can't be read for a while."""
    package = story.model.packages["a"]
    story.commit(story.model.with_package("a", replace(package, is_broken=True)))
    story.run(AWHILE)
    story.commit(story.model.with_package("a", package))
    story.settle()


def torn(story: Story) -> None:
    """A package is declared nowhere, but a declaration can't be read."""
    package = story.model.packages["a"]
    story.commit(replace(story.model.with_package("a", None), is_known=False))
    story.run(AWHILE)
    story.commit(replace(story.model.with_package("a", package), is_known=True))
    story.settle()


def dropped_while_dead(story: Story) -> None:
    """Killed just after it made an object, which Git drops before the restart."""
    meddle(story, f"PATCH {SETTINGS}", fails(Fault.KILL_AFTER))
    model = with_objects(story.model, "a", config_map("settings", one="1"))
    story.commit(model)
    story.dies()
    story.commit(with_objects(model, "a", config_map("old", one="1"), without=(SETTINGS,)))
    story.settle()


def frozen_while_dead(story: Story, path: str = WEB) -> None:
    """Killed between deleting and making again, and everything is suspended meanwhile."""
    meddle(story, f"DELETE {path}", fails(Fault.KILL_AFTER))
    commits_changes(story)
    story.dies()
    story.commit(replace(story.model, suspended=frozenset({"All"})))
    story.run(AWHILE)
    if not story.world.ask("GET", path):
        story.judge.faults.append(f"{path} was deleted to be replaced, and not put back")
    story.commit(replace(story.model, suspended=frozenset()))
    story.settle()


def job_frozen_while_dead(story: Story) -> None:
    """The same, where what was deleted is a Job."""
    frozen_while_dead(story, MIGRATE)


def moved(story: Story) -> None:
    """An object goes over to another package."""
    moves(story)


# --- holds ---------------------------------------------------------------------------------------


def restarted_without_policies(story: Story) -> None:
    """Suspended; then the suspension can't be read any more, and the process starts anew."""
    story.commit(replace(story.model, suspended=frozenset({"All"})))
    story.until(lambda: set(told_states(story).values()) == {"Suspended"})
    story.model = with_objects(story.model, "a", config_map("settings", one="2"), without=(OLD,))
    story.commit_files({**story.model.files(), "policies/fire.yaml": TORN})
    story.world.kill()
    story.run(AWHILE)
    story.commit(replace(story.model, suspended=frozenset()))
    story.settle()


def suspended_live(story: Story) -> None:
    """Somebody on call suspends a package in the cluster; then Git changes it."""
    marks = {"tidegate.io/suspend": "true", "tidegate.io/suspend-reason": "a fire"}
    _annotate(story, marks)
    story.run(5)
    story.judge.live_holds.add("a")
    commits_changes(story)
    story.run(AWHILE)
    story.world.kill()
    story.run(AWHILE)
    story.judge.live_holds.clear()
    _annotate(story, dict.fromkeys(marks))
    story.settle()


def _annotate(story: Story, marks: dict[str, str | None] | dict[str, str]) -> None:
    patch = {"metadata": {"annotations": marks}}
    story.world.ask("PATCH", f"{PACKAGES}/a", patch, "merge")


def closing(story: Story) -> None:
    """A window closes while a wave is being written, one request of which is slow."""
    process, clock = story.world.process, story.world.clock
    assert process is not None
    polls, _, _ = process.alarms._set["poll"]
    start = (polls + timedelta(seconds=3)).replace(microsecond=0)

    def slow() -> Fault:
        clock.later((start - clock.at).total_seconds() + 1)
        return Fault.UNSENT

    meddle(story, f"PATCH {OLD}", slow)
    changed = (config_map("old", one="2"), config_map("settings", one="2"))
    window = Window(start, start + timedelta(minutes=1))
    story.commit(replace(with_objects(story.model, "a", *changed), window=window))
    story.run(AWHILE)
    story.commit(replace(story.model, window=None))
    story.settle()


def rewritten(story: Story) -> None:
    """The branch loses a commit that was applied, as by a force push."""
    changes(story)
    writes = story.judge.workload_writes
    first = story.world.repository.commits[story.world.repository.head].parent
    story.commit(with_objects(story.model, "a", without=(OLD,)), parent=first)
    story.run(AWHILE)
    if story.judge.workload_writes > writes:
        story.judge.faults.append("wrote although history was rewritten and nobody let it pass")
    head = story.world.repository.head
    story.commit(replace(story.model, forgives=head, since=story.world.clock.at))
    story.settle()


# --- order ---------------------------------------------------------------------------------------


def waves(story: Story) -> None:
    """A Job of the second wave waits for the Deployment of the first."""

    def look() -> None:
        found = story.world.ask("GET", DEPLOYMENT)
        if not found.get("status", {}).get("availableReplicas"):
            story.judge.faults.append(f"{MIGRATE} comes before {DEPLOYMENT} is available")

    meddle(story, f"PATCH {MIGRATE}", look)
    installs(story)


# --- two processes, and what is remembered -------------------------------------------------------


def paused(story: Story) -> None:
    """The machine of the leader stands still within a wave; another process takes over."""
    world = story.world

    def sleep() -> Fault:
        old, world.process = world.process, None
        world.start()
        model = with_objects(story.model, "a", config_map("settings", one="3"))
        story.commit(model)
        world.run(AWHILE)
        newer.append(world.process)
        world.process = old
        return Fault.UNSENT

    newer: list[Process | None] = []
    meddle(story, f"PATCH {OLD}", sleep)
    changed = (config_map("old", one="2"), config_map("settings", one="2"))
    story.commit(with_objects(story.model, "a", *changed))
    story.until(lambda: bool(newer))
    story.run(AWHILE)
    (world.process,) = newer
    story.settle()


def job_gone(story: Story) -> None:
    """A Job that ran is taken away, and the process starts anew."""
    story.world.ask("DELETE", MIGRATE)
    story.run(AWHILE)
    story.world.kill()
    story.run(AWHILE)
    story.settle()


def edited(story: Story) -> None:
    """People write a key of their own beside ours, and Git changes the object."""
    story.world.ask("PATCH", SETTINGS, {"data": {THEIRS: "mine"}}, "merge")
    story.run(5)
    changes(story)


def unpushed(story: Story) -> None:
    """Git can't be pushed to for a while."""
    meddle(story, PUSH, *[fails(Fault.UNSENT)] * 2)
    changes(story)
    story.run(PUSHES)
    moves(story)
    story.run(PUSHES)


def doubtful(story: Story) -> None:
    """Nobody hears that what is remembered was written, whichever package's it is."""
    for name in story.places("ConfigMap"):
        if name.startswith(INVENTORY):
            path = f"/api/v1/namespaces/tidegate-system/configmaps/{name}"
            meddle(story, f"PUT {path}", fails(Fault.LOST))
    changes(story)


TRIALS: tuple[Callable[[Story], None], ...] = (
    recreated,
    disowned,
    unreadable,
    torn,
    frozen_while_dead,
    job_frozen_while_dead,
    moved,
    taken,
    waves,
    restarted_without_policies,
    suspended_live,
    closing,
    rewritten,
    paused,
    job_gone,
    edited,
    unpushed,
    doubtful,
    dropped_while_dead,
)


_FROM_NOTHING = (dropped_while_dead, taken, waves)
"""Those that begin before anything is installed."""


def tried(trial: Callable[[Story], None], folder: Path) -> list[str]:
    """Live through a trial; returns the promises that were broken."""
    before = () if trial in _FROM_NOTHING else (installs,)
    return through((*before, trial), begun(folder)).judge.faults
