"""What the whole decision promises, whatever happened before.

Each example is a small life: objects in Git, applied by real passes over a cluster in memory, then
live edits, deletions, another revision and holds; `decide` is asked about what came out of it.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from facts_builder import PAYMENTS
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated.story import package_of, rendered
from simulated.world import World, new_world

from agent.core import record
from agent.core.admit import admit, standings
from agent.core.decide import decide
from agent.core.effects import bookkeeping
from agent.core.policies import (
    LabelSelector,
    Match,
    Override,
    OverridePolicy,
    Subject,
    Suspension,
    SyncWindow,
)
from agent.core.relabel import is_let_in, relabelling
from agent.core.values import (
    Action,
    Apply,
    Complete,
    Delete,
    Facts,
    Grade,
    Policies,
    Reason,
    Unknown,
)
from agent.core.windows.schedule import Effect, Once, Schedule
from agent.passes.observe import observe
from agent.passes.package import consider

if TYPE_CHECKING:
    from collections.abc import Mapping

Objects = dict[tuple[str, str], dict[str, Any]]

few = settings(deadline=None, max_examples=30, derandomize=True)
values = st.sampled_from(["1", "2", "", "long " * 3])
data = st.dictionaries(st.sampled_from("xyz"), values, max_size=3)
trees = st.recursive(
    st.one_of(values, st.integers(0, 2), st.booleans()),
    lambda below: st.dictionaries(st.sampled_from("abc"), below, min_size=1, max_size=2),
    max_leaves=6,
)
names = st.sampled_from(["a", "b", "c"])
waves = st.integers(0, 1).map(lambda wave: {"wave": wave})
by_label = Match(packages=Subject(selector=LabelSelector((("tier", "gold"),))))
matches = st.sampled_from([Match(), by_label])
grades = st.sets(st.sampled_from(list(Grade)), min_size=1).map(frozenset)


@st.composite
def objects(draw: st.DrawFn) -> Objects:
    """Draw what Git wants: plain maps, deep trees, associative lists, Jobs."""
    found: Objects = {}
    for name in draw(st.sets(names, max_size=3)):
        made = {"kind": "ConfigMap", "name": name, "data": draw(data), "set": draw(waves)}
        found["ConfigMap", name] = made
    for name in draw(st.sets(names, max_size=2)):
        spec = {f"field{name}": draw(trees)}
        found["Widget", name] = {"kind": "Widget", "name": name, "spec": spec}
    if draw(st.booleans()):
        images = draw(st.dictionaries(names, values, min_size=1, max_size=2))
        items = [{"name": name, "image": image} for name, image in images.items()]
        spec = {"replicas": draw(st.integers(1, 3)), "template": {"spec": {"containers": items}}}
        found["Deployment", "web"] = {"kind": "Deployment", "name": "web", "spec": spec}
    if draw(st.booleans()):
        spec = {"template": {"image": draw(values)}}
        found["Job", "migrate"] = {"kind": "Job", "name": "migrate", "spec": spec}
    return found


@st.composite
def policies(draw: st.DrawFn) -> Policies:
    """Draw holds of every grade, by suspension and by window, and Overrides of them."""
    start = new_world().clock().replace(tzinfo=None) + timedelta(hours=draw(st.integers(-3, 1)))
    schedules = [
        Schedule(effect, "Etc/UTC", once=(Once(start, start + timedelta(hours=2)),))
        for effect in draw(st.lists(st.sampled_from(list(Effect)), max_size=2))
    ]
    passing = draw(st.sampled_from(["SyncWindow/0", "Suspension/0", "Budget"]))
    end = new_world().clock() + timedelta(hours=draw(st.integers(-1, 6)))
    return Policies(
        windows=tuple(
            SyncWindow(
                str(place), each, (draw(matches),), draw(grades), override=OverridePolicy.DIRECT
            )
            for place, each in enumerate(schedules)
        ),
        suspensions=tuple(
            Suspension(str(place), (draw(matches),), "why", holds, until=end)
            for place, holds in enumerate(draw(st.lists(grades, max_size=2)))
        ),
        overrides=(Override("o", ("*",), (passing,), "why", end),) * draw(st.integers(0, 1)),
    )


SPEC: Mapping[str, Any] = {"replace": "Recreate", "jobs": "RecreateFinished"}


def commit(world: World, wanted: Objects, tier: str = "gold") -> None:
    """Make this the newest revision."""
    package = package_of(PAYMENTS, {**SPEC, "labels": {"tier": tier}})
    world.git.commit_of()
    world.git.declare(package, rendered(package, list(wanted.values())))


def observed(world: World) -> Facts:
    """Look, and ask what there is to ask."""
    facts = observe(PAYMENTS, world, world.clock())
    assert facts is not None
    facts, _ = consider(facts, world.cluster)
    return facts


def settled(world: World) -> None:
    """Let the agent run, and its Jobs end."""
    world.run()
    for key, found in world.api.objects.items():
        if key.kind == "Job" and "status" not in found:
            world.api.finish(key)
    world.run()


def disturb(world: World, dice: random.Random) -> None:
    """Edit and delete a few objects as somebody else."""
    for key in sorted(world.api.objects):
        match dice.randrange(5), key.kind:
            case 0, _:
                world.api.delete(key, by="kubectl")
            case 1 | 2, "ConfigMap":
                change = {dice.choice("xyzw"): dice.choice(["9", "8", None])}
                world.api.edit(key, {"data": change}, "kubectl-edit")
            case 1, "Deployment":
                world.api.edit(key, {"spec": {"replicas": dice.randrange(1, 9)}}, "kubectl-scale")


@st.composite
def facts_of_a_life(draw: st.DrawFn) -> Facts:
    """Draw facts as they come out of a life."""
    world = new_world()
    commit(world, draw(objects()))
    settled(world)
    disturb(world, random.Random(draw(st.integers(0, 999))))  # noqa: S311
    if draw(st.booleans()):
        commit(world, draw(objects()), draw(st.sampled_from(["gold", "tin"])))
    world.git.policies = draw(policies())
    world.git.rewritten = draw(st.booleans())
    if draw(st.integers(0, 4)) == 0:
        world.git.remove(PAYMENTS)
    return observed(world)


# --- applying ------------------------------------------------------------------------------------


@few
@given(objects(), objects(), st.integers(0, 999))
def test_after_a_plan_is_applied_the_next_keeps_everything(
    first: Objects, second: Objects, seed: int
) -> None:
    """Applying comes to rest: nothing is written again and again."""
    world = new_world()
    commit(world, first)
    settled(world)
    disturb(world, random.Random(seed))  # noqa: S311
    commit(world, second)
    settled(world)
    decision = decide(observed(world))
    assert [step for step in decision.plan.steps if step.action is not Action.KEEP] == []
    assert decision.effects == ()


@few
@given(objects(), objects(), trees)
def test_fields_of_others_survive_at_any_depth(first: Objects, second: Objects, tree: Any) -> None:
    """What Git never set is never touched, however deep in an object of ours it stands."""
    world = new_world()
    commit(world, first)
    settled(world)
    edited = [key for key in world.api.objects if key.kind in {"ConfigMap", "Widget"}]
    for key in edited:
        below = {"theirs": "9"} if key.kind == "ConfigMap" else {"theirs": {"deep": tree}}
        field = "data" if key.kind == "ConfigMap" else "spec"
        world.api.edit(key, {field: below}, "somebody")
    commit(world, second)
    settled(world)
    for key in edited:
        found = world.api.objects.get(key)
        assert found is None or "theirs" in (found.get("data") or found["spec"])
        assert found is not None or (key.kind, key.name) not in second


# --- deciding ------------------------------------------------------------------------------------


def shuffled(facts: Facts, dice: random.Random) -> Facts:
    """Return the same facts in another order."""

    def mixed(found: Mapping[Any, Any]) -> dict[Any, Any]:
        return dict(dice.sample(list(found.items()), len(found)))

    inventory = facts.inventory
    return replace(
        facts,
        live=mixed(facts.live),
        claims=mixed(facts.claims),
        namespaces=mixed(facts.namespaces),
        answers=tuple(dice.sample(facts.answers, len(facts.answers))),
        inventory=replace(
            inventory, entries=mixed(inventory.entries), intents=mixed(inventory.intents)
        ),
    )


@few
@given(facts_of_a_life(), st.integers(0, 999))
def test_the_order_of_the_input_is_irrelevant(facts: Facts, seed: int) -> None:
    """Mappings say nothing by their order: a restart changes neither plan nor its digest."""
    assert decide(shuffled(facts, random.Random(seed))) == decide(facts)  # noqa: S311


@few
@given(facts_of_a_life())
def test_a_recorded_pass_decides_the_same(facts: Facts) -> None:
    """Facts go through their file and are decided alike."""
    again = record.load(record.dump(facts, b"key"))
    assert decide(again) == decide(facts)


@few
@given(facts_of_a_life())
def test_every_step_is_admitted_or_held_and_never_both(facts: Facts) -> None:
    """No step is lost, and nothing that is kept is held."""
    decision = decide(facts)
    admitted = {step.key for step in decision.verdict.admitted}
    held = {key for one in decision.verdict.held for key in one.keys}
    steps = {step.key for step in decision.plan.steps if step.action is not Action.KEEP}
    assert (admitted | held, admitted & held) == (steps, set())


@few
@given(facts_of_a_life())
def test_labels_are_let_in_exactly_when_no_gate_holds_them(facts: Facts) -> None:
    """What is remembered of a relabelling is what the gates said of its step."""
    decision = decide(facts)
    step = relabelling(facts)
    inventory = bookkeeping(decision.plan, facts, standings(facts, facts.now))
    assert step is None or is_let_in(facts, inventory) == (step in decision.verdict.admitted)


@few
@given(facts_of_a_life())
def test_what_comes_next_is_never_past(facts: Facts) -> None:
    """A pass that wakes for an instant that is over would wake for ever."""
    verdict = decide(facts).verdict
    assert verdict.next is None or verdict.next > facts.now


@few
@given(facts_of_a_life(), grades)
def test_adding_a_deny_never_admits_more(facts: Facts, holds: frozenset[Grade]) -> None:
    """The same plan under one more window that denies is a smaller or equal one."""
    start = facts.now.replace(tzinfo=None) - timedelta(hours=1)
    schedule = Schedule(Effect.DENY, "Etc/UTC", once=(Once(start, start + timedelta(hours=9)),))
    deny = SyncWindow("deny", schedule, (Match(),), holds)
    stricter = replace(facts.policies, windows=(*facts.policies.windows, deny))
    plan = decide(facts).plan
    before = admit(plan, facts, facts.now)
    after = admit(plan, replace(facts, policies=stricter), facts.now)
    assert {s.key for s in after.admitted} <= {s.key for s in before.admitted}


@few
@given(facts_of_a_life())
def test_nothing_is_deleted_without_uid_and_version(facts: Facts) -> None:
    """A deletion names the very object that was seen; so does every update."""
    for effect in decide(facts).effects:
        if isinstance(effect, Delete):
            assert (effect.uid, effect.version) == (
                facts.live[effect.key].uid,
                facts.live[effect.key].version,
            )
        if isinstance(effect, Apply) and effect.key in facts.live:
            assert effect.uid == facts.live[effect.key].uid


@few
@given(facts_of_a_life(), st.sampled_from(list(Reason)), st.booleans())
def test_what_nobody_knows_deletes_and_forgets_nothing(
    facts: Facts,
    reason: Reason,
    lost: bool,  # noqa: FBT001 - Hypothesis fills it in
) -> None:
    """An unknown revision is no proof of anything."""
    unknown = Unknown(reason, "nobody knows")
    facts = replace(facts, new=unknown, base=unknown if lost else facts.base)
    decision = decide(facts)
    assert not any(isinstance(effect, Delete) for effect in decision.effects)
    assert not any(step.action is Action.PRUNE for step in decision.plan.steps)
    for effect in decision.effects:
        inventory = getattr(effect, "inventory", None)
        assert inventory is None or facts.inventory.entries.keys() <= inventory.entries.keys()


@few
@given(facts_of_a_life())
def test_an_empty_render_deletes_nothing(facts: Facts) -> None:
    """A package with objects is not believed to want none, while Git declares it."""
    package = facts.declaration or facts.inventory.declared
    facts = replace(facts, new=Complete("c", "nothing", ()), declaration=package)
    assert not any(isinstance(effect, Delete) for effect in decide(facts).effects)
