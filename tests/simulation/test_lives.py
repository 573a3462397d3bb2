"""Random lives of a package: commits, live edits, holds, kills; every promise checked all along.

A seed that failed is lived again by its number: `-k "[1234]"` after TIDEGATE_CAMPAIGN made it one.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from facts_builder import CLUSTER, INSTANCE, PAYMENTS
from simulated.story import manifest, package_of, rendered
from simulated.world import Killed, World, new_world

from agent.core import words
from agent.core.identity import owner
from agent.core.live import key_of
from agent.core.policies import Match, Suspension, SyncWindow
from agent.core.values import Complete, Grade, Key, Policies, Reason, Unknown
from agent.core.windows.schedule import Effect, Once, Schedule
from agent.core.words import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from simulated.api import Write

    from agent.core.values import Desired

SEEDS = int(os.environ.get("TIDEGATE_CAMPAIGN") or 100)
ROUNDS = 12
NAMES = ("a", "b", "c", "d")
ALL = frozenset({Grade.ALL})
OURS = owner(INSTANCE, CLUSTER, PAYMENTS)
MATCH = (Match(),)


@dataclass(slots=True)
class Life:
    """One life, and what it has seen so far."""

    dice: random.Random
    world: World
    version: int = 0
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What Git wants, by kind and name."""
    spec: dict[str, Any] = field(default_factory=dict)
    replaced: set[Key] = field(default_factory=set)
    """What was deleted to be put back."""
    faults: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def fresh(self) -> str:
        """Return a value that was never there before."""
        self.version += 1
        return f"v{self.version}"


def short(life: Life, kind: str, name: str) -> dict[str, Any]:
    """Make up an object."""
    wave = {"set": {"wave": NAMES.index(name) % 2}}
    match kind:
        case "Job":
            return {"kind": kind, "name": name, "spec": {"template": {"run": life.fresh()}}, **wave}
        case "Run":
            spec = {"template": {"run": life.fresh()}}
            marks = {"set": {"job-history": 1}}
            return {"kind": "Job", "generateName": f"{name}-run-", "spec": spec, **marks}
        case "Service":
            spec = {"clusterIP": life.fresh(), "port": life.dice.randrange(3)}
            return {"kind": kind, "name": name, "spec": spec, **wave}
        case "Deployment":
            return {"kind": kind, "name": name, "spec": {"replicas": life.dice.randrange(1, 4)}}
        case _:
            data = {each: life.fresh() for each in life.dice.sample("xyz", life.dice.randrange(4))}
            return {"kind": kind, "name": name, **({"data": data} if data else {}), **wave}


# --- what may happen -----------------------------------------------------------------------------


def commits(life: Life) -> None:
    """Change, add or drop a few objects in Git."""
    for _ in range(life.dice.randrange(1, 4)):
        kind = life.dice.choice(("ConfigMap", "ConfigMap", "Job", "Run", "Service", "Deployment"))
        name = life.dice.choice(NAMES)
        if life.dice.random() < 0.25:
            life.objects.pop(f"{kind}/{name}", None)
        else:
            life.objects[f"{kind}/{name}"] = short(life, kind, name)
    declares(life)


def declares(life: Life) -> None:
    """Commit the objects as they are."""
    life.world.git.commit_of()
    life.world.git.complete = True
    package = package_of(PAYMENTS, life.spec)
    life.world.git.declare(package, rendered(package, list(life.objects.values())))


def breaks(life: Life) -> None:
    """Commit something that nobody can render, or lose the base, or the set of packages."""
    git = life.world.git
    git.commit_of()
    match life.dice.randrange(3):
        case 0:
            broken = Unknown(Reason.RENDER_FAILED, "broken", commit=git.commit)
            git.declare(package_of(PAYMENTS, life.spec), broken)
        case 1:
            git.remove(PAYMENTS)
            git.complete = False
        case _:
            git.base_lost = True


def edits(life: Life) -> None:
    """Change a live object as somebody else."""
    keys = [key for key in life.world.api.objects if key.kind in {"ConfigMap", "Deployment"}]
    if not keys:
        return
    key = life.dice.choice(sorted(keys))
    change: dict[str, Any] = {"data": {life.dice.choice("xyzw"): life.fresh()}}
    if key.kind == "Deployment":
        change = {"spec": {"replicas": life.dice.randrange(1, 6)}}
    elif life.dice.random() < 0.3:
        change = {"data": {life.dice.choice("xyz"): None}}
    life.world.api.edit(key, change, "kubectl-edit")


def deletes(life: Life) -> None:
    """Delete a live object as somebody else."""
    keys = [key for key in life.world.api.objects if key.kind != "Job" or _is_noted(life, key)]
    if keys:
        life.world.api.delete(life.dice.choice(sorted(keys)), by="kubectl")


def makes(life: Life) -> None:
    """Create an object of somebody else's, maybe under a name that Git wants."""
    made = manifest(short(life, "ConfigMap", life.dice.choice(NAMES)))
    made["metadata"].pop("annotations", None)
    if key_of(made) not in life.world.api.objects:
        life.world.api.create(made, "kubectl-client-side-apply")


def finishes(life: Life) -> None:
    """End some of the Jobs that run, and forget some that ended."""
    for key, found in list(life.world.api.objects.items()):
        if key.kind == "Job" and life.dice.random() < 0.7:
            if "status" not in found:
                life.world.api.finish(key)
            elif _is_noted(life, key):
                life.world.api.expire(key)


def _is_noted(life: Life, key: Key) -> bool:
    """Whether the agent saw the Job: one that nobody ever saw can't be told from one not made."""
    if PAYMENTS not in life.world.disk:
        return False
    entry = life.world.inventory(PAYMENTS).entries.get(key)
    return entry is None or bool(entry.uid)


def holds(life: Life) -> None:
    """Put a suspension or a closed window in force, or lift what there is."""
    git, at = life.world.git, life.world.clock()
    grade = life.dice.choice(list(Grade))
    match life.dice.randrange(4):
        case 0:
            window = _freeze(at, frozenset({grade}))
            git.policies = Policies(windows=(window,))
        case 1:
            suspension = Suspension("s", MATCH, "fire", frozenset({grade}))
            git.policies = Policies(suspensions=(suspension,))
        case 2:
            git.policies = Policies(suspensions=(Suspension("s", MATCH, "fire", ALL),))
        case _:
            git.policies = Policies()


def _freeze(at: datetime, grades: frozenset[Grade]) -> SyncWindow:
    start = at.replace(tzinfo=None) - timedelta(hours=1)
    once = Once(start, start + timedelta(hours=5))
    return SyncWindow("freeze", Schedule(Effect.DENY, "Etc/UTC", once=(once,)), MATCH, grades)


def rewrites(life: Life) -> None:
    """Rewrite history, or take that back."""
    life.world.git.rewritten = not life.world.git.rewritten


def leaves(life: Life) -> None:
    """Take the package out of Git; when it comes back its Jobs have other content."""
    for name in [each for each in life.objects if each.startswith(("Job/", "Run/"))]:
        life.objects[name] = short(life, *name.split("/"))
    life.world.git.commit_of()
    life.world.git.complete = True
    life.world.git.remove(PAYMENTS)


def waits(life: Life) -> None:
    """Let time pass."""
    life.world.later(minutes=life.dice.choice((1, 5, 60, 360)))


EVENTS: tuple[tuple[int, Callable[[Life], None]], ...] = (
    (6, commits),
    (3, edits),
    (2, deletes),
    (1, makes),
    (3, finishes),
    (3, holds),
    (1, breaks),
    (1, rewrites),
    (1, leaves),
    (2, waits),
)


# --- promises ------------------------------------------------------------------------------------


def _is_frozen(life: Life) -> bool:
    """Whether everything is held now."""
    at = life.world.clock()
    policies = life.world.git.policies
    whole = [each for each in policies.suspensions if Grade.ALL in each.holds]
    closed = [
        each
        for each in policies.windows
        if Grade.ALL in each.holds and at.replace(tzinfo=None) < each.schedule.once[0].end
    ]
    return bool(whole or closed)


def _is_unknown(life: Life) -> bool:
    git = life.world.git
    rendered_now = git.rendered.get(PAYMENTS)
    return not git.complete or (PAYMENTS in git.packages and not isinstance(rendered_now, Complete))


def _may_put_back(life: Life) -> frozenset[Key]:
    """What was deleted to be replaced; a Job only with the content that was let in."""
    if PAYMENTS not in life.world.disk:
        return frozenset()
    newest = life.world.git.rendered.get(PAYMENTS)
    wanted = {one.key: one.digest for one in getattr(newest, "objects", ())}
    return frozenset(
        key
        for key, intent in life.world.inventory(PAYMENTS).intents.items()
        if key.kind != "Job" or wanted.get(key) == intent.digest
    )


def _replaces(life: Life, writes: list[Write]) -> None:
    """Note what was deleted although Git wants it, and forget what Git does not want any more."""
    newest = life.world.git.rendered.get(PAYMENTS)
    if _is_unknown(life) or not isinstance(newest, Complete):
        life.replaced = set() if PAYMENTS not in life.world.git.packages else life.replaced
        return
    wanted = {one.key for one in newest.objects}
    deleted = {w.key for w in writes if (w.verb, w.by) == ("delete", FIELD_MANAGER)}
    life.replaced = (life.replaced | deleted) & wanted


def _missing(life: Life) -> Iterator[str]:
    """What we deleted to replace it, and did not put back, whatever holds."""
    for key in sorted(life.replaced):
        if key in life.world.api.objects:
            life.replaced.discard(key)
        elif key.kind == "Service" and not life.world.git.base_lost:
            yield f"{key} was deleted and not put back"


def _judged(life: Life, writes: list[Write], put_back: frozenset[Key]) -> Iterator[str]:
    """What the agent may not have written in this round."""
    ours = [write for write in writes if write.by == FIELD_MANAGER]
    yield from (
        f"{write.key} was deleted, which is not ours"
        for write in ours
        if write.verb == "delete" and write.owner != OURS
    )
    if _is_frozen(life):
        yield from (
            f"{write.verb} {write.key} while everything was held"
            for write in ours
            if write.key not in put_back
        )
    if _is_unknown(life):
        yield from (
            f"{write.key} was deleted while nobody knew what is wanted"
            for write in ours
            if write.verb == "delete"
        )


def _twice(life: Life) -> Iterator[str]:
    runs = [f"{key} {what}" for key, what in life.world.api.runs]
    yield from (f"{run} ran twice" for run in sorted(set(runs)) if runs.count(run) > 1)


def _differences(one: Desired, found: dict[str, Any]) -> Iterator[str]:
    for name in ("data", "spec"):
        for each, value in (one.manifest.get(name) or {}).items():
            if (found.get(name) or {}).get(each) != value:
                yield f"{one.key} {name}.{each} is not as in Git"


def _is_history(key: Key, wanted: Iterable[Key], live: Iterable[Key]) -> bool:
    """Whether it is the one earlier run that may stay beside the wanted one."""
    family = key.name[:-8]
    runs = [each for each in live if each.kind == "Job" and each.name[:-8] == family]
    beside = any(each.kind == "Job" and each.name[:-8] == family for each in wanted)
    return "-run-" in key.name and beside and len(runs) <= 2


def _is_as_in_git(life: Life) -> Iterator[str]:
    """At the end everything is as Git says, and nothing of ours is left over."""
    git, live = life.world.git.rendered[PAYMENTS], life.world.api.objects
    assert isinstance(git, Complete)
    wanted = {one.key: one for one in git.objects}
    for key, one in wanted.items():
        if key in live:
            yield from _differences(one, live[key])
        elif key.kind != "Job":
            yield f"{key} is missing"
    for key, found in live.items():
        if (found["metadata"].get("annotations") or {}).get(words.OWNER) == OURS:
            if key not in wanted and not _is_history(key, wanted, live):
                yield f"{key} is left over"
            elif key not in life.world.inventory(PAYMENTS).entries:
                yield f"{key} is ours, and forgotten"


# --- living --------------------------------------------------------------------------------------


def _runs(life: Life, *, may_die: bool) -> None:
    """Run until nothing moves, maybe dying on the way; the next round may find the agent dead."""
    world = life.world
    before, put_back = len(world.api.writes), _may_put_back(life)
    world.die_at = world.steps + life.dice.randrange(1, 12) if may_die else 0
    try:
        world.run()
    except Killed:
        life.story.append("  killed")
        world.restart()
        world.die_at = 0
        if life.dice.random() < 0.4:
            world.run()
    _replaces(life, world.api.writes[before:])
    if world.passed:
        life.faults += _missing(life)
    life.faults += _judged(life, world.api.writes[before:], put_back)


def _rests(life: Life) -> None:
    """Lift every hold, mend what is broken, and wait until all is done."""
    world = life.world
    world.git.policies, world.git.rewritten = Policies(), False
    life.objects["ConfigMap/last"] = {"kind": "ConfigMap", "name": "last", "data": {"x": "1"}}
    declares(life)
    for _ in range(8):
        _runs(life, may_die=False)
        for key, found in world.api.objects.items():
            if key.kind == "Job" and "status" not in found:
                world.api.finish(key)
        world.later(hours=3)
    _runs(life, may_die=False)


def lived(seed: int) -> Life:
    """Live one life."""
    dice = random.Random(seed)  # noqa: S311 - a campaign, no secret
    life = Life(dice, new_world())
    life.spec = {
        "jobs": dice.choice(("RecreateFinished", "Recreate", "Once")),
        "replace": "Recreate",
        "conflicts": dice.choice(("Git", "Git", "Git", "Git")),
    }
    commits(life)
    weights = [weight for weight, _ in EVENTS]
    for _ in range(ROUNDS):
        for event in dice.choices([event for _, event in EVENTS], weights, k=dice.randrange(1, 4)):
            life.story.append(event.__name__)
            event(life)
        _runs(life, may_die=dice.random() < 0.4)
        life.story.append("ran")
    _rests(life)
    life.faults += [*_twice(life), *_is_as_in_git(life)]
    return life


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_random_life_keeps_every_promise(seed: int) -> None:
    """Nothing is written while held, run twice, taken from others, or left undone at the end."""
    life = lived(seed)
    assert life.faults == [], "\n".join(life.story)


def test_the_lives_are_not_all_alike() -> None:
    """The campaign sees what it is for: kills, replacements, deletions, finished Jobs."""
    lives = [lived(seed) for seed in range(12)]
    verbs = {write.verb for life in lives for write in life.world.api.writes}
    told = {line.strip() for life in lives for line in life.story}
    assert {"apply", "delete", "update", "fold"} <= verbs
    assert {"killed", *(event.__name__ for _, event in EVENTS)} <= told
