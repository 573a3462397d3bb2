"""The three-way comparison: causes, paths, doubts, and what is not looked at."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topology import THING

from agent.core.compare import Comparison, compare
from agent.core.fields import FieldSet, of, render
from agent.core.values import ABSENT, Cause, Change

WEB = {"name": "web", "image": "a:1", "ports": [{"port": 80}]}
OTHER = "kubectl-edit"
BY = "kubectl-edit (Update), 2026-01-02T00:00:00Z"


def thing(**spec: Any) -> dict[str, Any]:
    """A manifest with the given spec."""
    return {"apiVersion": "g.io/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec}


def entry(fields: FieldSet, manager: str = OTHER) -> dict[str, Any]:
    """A managedFields entry of somebody else."""
    time = "2026-01-02T00:00:00Z"
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": render(fields)}


def compared(
    desired: dict[str, Any],
    base: dict[str, Any] | None,
    live: dict[str, Any],
    own: dict[str, Any] | None = None,
    others: dict[str, Any] | None = None,
) -> Comparison:
    """Compare specs; we own what base (or `own`) sets, somebody else what `others` sets."""
    mine = own if own is not None else base or {}
    managed = [entry(of(thing(**others), THING))] if others else []
    return compare(
        thing(**desired),
        None if base is None else thing(**base),
        thing(**live),
        of(thing(**mine), THING),
        THING,
        managed,
    )


def changes(*args: Any, **others: Any) -> list[tuple[Any, ...]]:
    """The changes of a comparison, as tuples; there must be no doubts."""
    found = compared(*args, **others)
    assert found.doubts == ()
    return [(each.path, each.cause, each.before, each.after) for each in found.changes]


TABLE = {
    "in sync": ({"replicas": 1}, {"replicas": 1}, {"replicas": 1}, None),
    "drift": ({"replicas": 1}, {"replicas": 1}, {"replicas": 2}, (Cause.DRIFT, 2, 1)),
    "drift, gone": ({"replicas": 1}, {"replicas": 1}, {}, (Cause.DRIFT, ABSENT, 1)),
    "change": ({"replicas": 2}, {"replicas": 1}, {"replicas": 1}, (Cause.GIT, 1, 2)),
    "converged": ({"replicas": 2}, {"replicas": 1}, {"replicas": 2}, None),
    "conflict": ({"replicas": 2}, {"replicas": 1}, {"replicas": 3}, (Cause.CONFLICT, 3, 2)),
    "conflict, gone": ({"replicas": 2}, {"replicas": 1}, {}, (Cause.CONFLICT, ABSENT, 2)),
    "removed": ({}, {"replicas": 1}, {"replicas": 1}, (Cause.GIT, 1, ABSENT)),
    "removed, was changed": ({}, {"replicas": 1}, {"replicas": 2}, (Cause.CONFLICT, 2, ABSENT)),
    "removed, is gone": ({}, {"replicas": 1}, {}, None),
    "added": ({"replicas": 1}, {}, {}, (Cause.GIT, ABSENT, 1)),
    "added over a default": ({"replicas": 2}, {}, {"replicas": 1}, (Cause.GIT, 1, 2)),
    "foreign": ({}, {}, {"replicas": 1}, None),
}


@pytest.mark.parametrize(("desired", "base", "live", "expected"), TABLE.values(), ids=TABLE)
def test_the_table(desired: Any, base: Any, live: Any, expected: Any):
    """One row each: what Git did, what the cluster has, what that makes."""
    wanted = [] if expected is None else [("spec.replicas", *expected)]
    assert changes(desired, base, live) == wanted


def test_somebody_elses_value_is_a_conflict_when_git_adds_the_field():
    """A new field in Git that another manager owns already is not taken silently."""
    found = compared({"replicas": 2}, {}, {"replicas": 5}, others={"replicas": 5})
    assert found.changes == (Change("spec.replicas", Cause.CONFLICT, 5, 2, BY),)


def test_drift_names_its_author():
    """Who changed the live value, how and when, stands beside the drift."""
    found = compared({"replicas": 1}, {"replicas": 1}, {"replicas": 2}, {}, {"replicas": 2})
    assert found.changes == (Change("spec.replicas", Cause.DRIFT, 2, 1, BY),)


def test_a_removed_field_that_others_own_too_is_stuck():
    """Applying without a co-owned field leaves it there: that is told, with the owner."""
    for own in ({"replicas": 1}, {}):
        found = compared({}, {"replicas": 1}, {"replicas": 1}, own, {"replicas": 1})
        assert found.changes == (Change("spec.replicas", Cause.CONFLICT, 1, ABSENT, BY),)


# --- without a base


@pytest.mark.parametrize(
    ("desired", "live", "own", "expected"),
    [
        ({"replicas": 2}, {"replicas": 1}, {"replicas": 1}, (Cause.GIT, 1, 2)),
        ({"replicas": 2}, {"replicas": 1}, {}, (Cause.DRIFT, 1, 2)),
        ({"replicas": 2}, {}, {}, (Cause.GIT, ABSENT, 2)),
        ({}, {"replicas": 1}, {"replicas": 1}, (Cause.GIT, 1, ABSENT)),
        ({}, {"replicas": 1}, {}, None),
        ({"replicas": 1}, {"replicas": 1}, {}, None),
    ],
)
def test_a_lost_base_leaves_ownership(desired: Any, live: Any, own: Any, expected: Any):
    """What we still own Git has changed; what we own no more somebody else has."""
    wanted = [] if expected is None else [("spec.replicas", *expected)]
    assert changes(desired, None, live, own) == wanted


# --- lists and maps


def test_order_and_others_items_of_associative_lists_are_no_difference():
    """Items are found by key, defaults of keys included; foreign items are not ours to judge."""
    desired = {"containers": [WEB, {"name": "b"}], "hosts": ["x", "y"]}
    live = {
        "containers": [
            {"name": "sidecar"},
            {"name": "b"},
            {**WEB, "ports": [{"port": 80, "protocol": "UDP"}, {"port": 80, "protocol": "TCP"}]},
        ],
        "hosts": ["z", "y", "x"],
    }
    assert changes(desired, desired, live) == []


def test_paths_lead_into_items():
    """A difference inside an item is told at the field, by the item's key."""
    desired = {"containers": [WEB]}
    live = {"containers": [{**WEB, "image": "a:2"}]}
    where = "spec.containers[name=web].image"
    assert changes(desired, desired, live) == [(where, Cause.DRIFT, "a:2", "a:1")]


def test_whole_items_come_and_go_as_one_change():
    """An item added or removed is one change, not one per field."""
    old, new = {"containers": [WEB]}, {"containers": [{"name": "b", "image": "x"}]}
    assert changes(new, old, old) == [
        ("spec.containers[name=b]", Cause.GIT, ABSENT, {"name": "b", "image": "x"}),
        ("spec.containers[name=web]", Cause.GIT, WEB, ABSENT),
    ]


def test_a_removed_mapping_leaves_what_others_put_into_it():
    """Of a mapping that others write into, only our own entries go."""
    live = {"options": {"a": "1", "theirs": "2"}}
    found = changes({}, {"options": {"a": "1"}}, live, others={"options": {"theirs": "2"}})
    assert found == [("spec.options.a", Cause.GIT, "1", ABSENT)]


def test_sets_gain_and_lose_members():
    """Members of a set are told one by one."""
    assert changes({"hosts": ["a", "b"]}, {"hosts": ["a", "c"]}, {"hosts": ["a", "c"]}) == [
        ('spec.hosts[="b"]', Cause.GIT, ABSENT, "b"),
        ('spec.hosts[="c"]', Cause.GIT, "c", ABSENT),
    ]


def test_atomic_values_are_told_whole():
    """Atomic lists and maps differ as one, order included."""
    old, new = [{"port": 1}, {"port": 2}], [{"port": 2}, {"port": 1}]
    assert changes({"rules": new}, {"rules": old}, {"rules": old}) == [
        ("spec.rules", Cause.GIT, old, new)
    ]
    assert changes({"selector": {"a": "1"}}, None, {"selector": {"a": "2"}}, {}) == [
        ("spec.selector", Cause.DRIFT, {"a": "2"}, {"a": "1"})
    ]


def test_an_empty_associative_list_says_nothing():
    """It owns nothing, so neither its absence nor others' items are a difference."""
    assert changes({"hosts": []}, {"hosts": []}, {}) == []
    assert changes({"hosts": []}, {"hosts": []}, {"hosts": ["x"]}) == []
    desired = {**thing(replicas=1), "metadata": {"name": "a", "finalizers": []}}
    assert compare(desired, None, thing(replicas=1), FieldSet(), THING) == Comparison()


# --- equality


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (80, "80", False),
        ("a", "a", True),
        (2**53, float(2**53), True),
    ],
)
def test_scalars_are_compared_with_their_type(one: Any, other: Any, equal: Any):
    """Numbers count by value; numbers, booleans and text are never coerced."""
    desired = {"replicas": one, "raw": {"x": [one]}}
    found = compared(desired, desired, {"replicas": other, "raw": {"x": [other]}})
    assert (not found) is equal


@pytest.mark.parametrize(
    ("desired", "live", "equal"),
    [
        ("1000m", "1", True),
        ("0.5", "500m", True),
        ("1Gi", "1024Mi", True),
        ("1000M", "1G", True),
        (1, "1", True),
        ("1e3", "1k", True),
        ("1Gi", "1G", False),
        ("x", "y", False),
        ("1", True, False),
    ],
)
def test_quantities_by_schema_only(desired: Any, live: Any, equal: Any):
    """`1000m` is `1` where the schema says quantity, and text everywhere else."""
    limits = {"containers": [{"name": "w", "limits": {"cpu": desired}}]}
    there = {"containers": [{"name": "w", "limits": {"cpu": live}}]}
    assert (changes(limits, limits, there) == []) is equal
    assert changes({"options": {"cpu": desired}}, None, {"options": {"cpu": live}}, {}) != []


# --- doubts


@pytest.mark.parametrize("nothing", [None, {}, "", False, 0, {"a": {}}])
def test_nothing_against_absent_is_a_doubt(nothing: Any):
    """Whether an empty value and an absent field are the same, only the server knows."""
    desired = {"replicas": 1, "raw": nothing}
    assert compared(desired, {}, {"replicas": 1}) == Comparison((), ("spec.raw",))
    assert compared(desired, None, {"replicas": 1}, {}) == Comparison((), ("spec.raw",))


def test_what_we_said_before_is_no_doubt():
    """What we applied and are still credited with nobody else has changed: no question."""
    assert changes({"raw": None}, {"raw": None}, {}) == []
    rules = {"rules": [{"port": 1}]}
    assert changes(rules, rules, {"rules": [{"port": 1, "protocol": "TCP"}]}) == []


def test_defaults_inside_atomic_values_are_doubts():
    """The server adds `protocol: TCP` inside atomic lists; a person may have done so as well."""
    desired = {"rules": [{"port": 1}], "replicas": 1}
    live = {"rules": [{"port": 1, "protocol": "TCP"}], "replicas": 2}
    found = compared(desired, desired, live, own={"replicas": 1})
    assert found.doubts == ("spec.rules",)
    assert found.changes == (Change("spec.replicas", Cause.DRIFT, 2, 1),)


@pytest.mark.parametrize("unset", [None, ""])
def test_unset_against_a_value_is_a_doubt(unset: Any):
    """A null, or an empty text, may stand for a default the server fills in."""
    assert compared({"replicas": unset}, {}, {"replicas": "x"}).doubts == ("spec.replicas",)


# --- what is not ours


def test_status_and_server_written_metadata_are_not_compared():
    """Neither side's status counts, nor what the server writes, nor our own fields in them."""
    desired = {**thing(replicas=1), "status": {"x": 1}}
    live = {**thing(replicas=1), "status": {"x": 2}}
    live["metadata"] = {"name": "a", "uid": "u", "generation": 3, "labels": {"by": "others"}}
    own = FieldSet({"f:status": {"f:x": {}}, "f:spec": {"f:replicas": {}}})
    assert compare(desired, desired, live, own, THING) == Comparison()


options = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), max_size=4)
containers = st.lists(
    st.builds(
        lambda name, image, ports: {"name": name, "image": image, "ports": ports},
        st.sampled_from("xyz"),
        st.sampled_from(["i:1", "i:2"]),
        st.lists(
            st.builds(lambda port: {"port": port}, st.integers(1, 3)),
            max_size=2,
            unique_by=lambda port: port["port"],
        ),
    ),
    max_size=3,
    unique_by=lambda container: container["name"],
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(1, 3),
        "options": options.filter(bool),
        "containers": containers,
        "hosts": st.lists(st.sampled_from("abc"), unique=True, max_size=3),
        "rules": st.lists(st.builds(lambda port: {"port": port}, st.integers(1, 2)), max_size=2),
        "selector": options.filter(bool),
    },
)


@settings(deadline=None, max_examples=150, database=None)
@given(specs, specs)
def test_what_is_live_as_desired_is_in_sync(spec: dict[str, Any], old: dict[str, Any]):
    """If the cluster has exactly what Git wants there is nothing to do, whatever Git said."""
    live = copy.deepcopy(spec)
    assert compared(spec, old, live, spec).changes == ()
    assert compared(spec, None, live, spec).changes == ()
    assert compared(spec, spec, live, spec) == Comparison()


@settings(deadline=None, max_examples=150, database=None)
@given(specs, specs, specs)
def test_changes_have_the_side_they_say(
    spec: dict[str, Any], old: dict[str, Any], live: dict[str, Any]
):
    """Drift is never told where Git changed nothing to repair, nor a change of Git without one."""
    same = compared(spec, spec, live)
    assert {each.cause for each in same.changes} <= {Cause.DRIFT}
    untouched = compared(spec, old, copy.deepcopy(old))
    assert {each.cause for each in untouched.changes} <= {Cause.GIT}
    assert all(each.before is not each.after for each in untouched.changes)
