"""A custom resource gets a moment for its controller to answer, where its kind can be answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from facts_builder import NOW, declared, inventory_of, later, lively, synced, wanted

from agent.core.decide import decide
from agent.core.grace import GRACE, ends, health_of
from agent.core.report.judge import judge
from agent.core.schema import PLAIN, MapRule, Node
from agent.core.values import (
    Apply,
    Desired,
    Facts,
    HealthCheck,
    HealthStatus,
    Key,
    Live,
    Reason,
    Result,
    State,
    Target,
    Unknown,
)

ANSWERED = Node(map=MapRule(fields={"spec": PLAIN, "status": PLAIN}))
MUTE = Node(map=MapRule(fields={"spec": PLAIN}))


def widget(**fields: Any) -> Desired:
    """Return a custom resource that Git wants."""
    made = wanted("Widget", "w", spec={"size": 1})
    key = Key("example.com", "Widget", "shop", "w")
    manifest = {**made.manifest, "apiVersion": "example.com/v1"}
    return replace(made, key=key, api_version="example.com/v1", manifest=manifest, **fields)


def definition(schema: Any) -> Desired:
    """Return the definition of the kind."""
    made = wanted("CustomResourceDefinition", "widgets.example.com")
    version = {"name": "v1", "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "example.com", "names": {"kind": "Widget"}, "versions": [version]}
    key = Key("apiextensions.k8s.io", "CustomResourceDefinition", "", "widgets.example.com")
    return replace(made, key=key, manifest={**made.manifest, "spec": spec})


WIDGET = widget()
FRESH = lively(WIDGET, unanswered=NOW)
LATER = wanted("ConfigMap", "later", wave=1)


def facts(*more: Desired, node: Node | None = ANSWERED, **fields: Any) -> Facts:
    """Return facts of a package whose widget was just written, and whose kind has this schema."""
    schemas = {("example.com/v1", "Widget"): node} if node else {}
    return synced(WIDGET, *more, live={WIDGET.key: FRESH}, schemas=schemas, **fields)


def health(known: Facts, live: Live = FRESH) -> HealthStatus:
    """Return the health of the widget."""
    return health_of(WIDGET.key, live, known, known.declaration).status


def test_a_resource_just_written_is_in_progress_until_its_grace_ends() -> None:
    """Without an answer nobody says that it is well; after the grace nobody says it is not."""
    assert health(facts()) is HealthStatus.IN_PROGRESS
    assert health(facts(now=NOW + GRACE - timedelta(seconds=1))) is HealthStatus.IN_PROGRESS
    assert health(facts(now=NOW + GRACE)) is HealthStatus.CURRENT


def test_an_answer_ends_the_grace() -> None:
    """Once there is a status, kstatus says how the object is."""
    assert health(facts(), replace(FRESH, unanswered=None)) is HealthStatus.CURRENT


@pytest.mark.parametrize("node", [MUTE, None])
def test_a_kind_that_is_never_answered_has_no_grace(node: Node | None) -> None:
    """No `status` in the schema, or no schema at all: waiting would be for nothing."""
    assert health(facts(node=node)) is HealthStatus.CURRENT


@pytest.mark.parametrize(
    ("properties", "expected"),
    [({"status": {"type": "object"}}, HealthStatus.IN_PROGRESS), ({}, HealthStatus.CURRENT)],
)
def test_a_definition_of_the_same_package_says_it_too(properties: Any, expected: str) -> None:
    """The server publishes a new kind's schema a moment after it takes the first object."""
    schema = {"type": "object", "properties": {"spec": {"type": "object"}, **properties}}
    assert health(facts(definition(schema), node=None)) == expected


def test_nobody_knows_the_kind_where_git_cannot_be_read() -> None:
    """A failed render has no definitions, and no grace comes of it."""
    broken = Unknown(Reason.RENDER_FAILED, "broken")
    assert health(facts(node=None, new=broken)) is HealthStatus.CURRENT


def test_a_check_of_the_package_replaces_the_grace() -> None:
    """Whoever says how the object is judged said all of it; checks of other kinds say nothing."""
    check = HealthCheck(Target("Widget"), ".spec.size", 1)
    assert health(facts(declaration=declared(health_checks=(check,)))) is HealthStatus.CURRENT
    other = replace(check, target=Target("Gadget"))
    known = facts(declaration=declared(health_checks=(other,)))
    assert health(known) is HealthStatus.IN_PROGRESS


@pytest.mark.parametrize("apart", [-GRACE, GRACE])
def test_clocks_that_are_far_apart_give_no_grace(apart: timedelta) -> None:
    """A server that is ahead by more than the grace would make it last until we catch up."""
    assert ends(WIDGET.key, replace(FRESH, unanswered=NOW + apart), facts()) is None


def test_the_package_progresses_and_comes_back_at_the_end_of_the_grace() -> None:
    """Nothing else wakes it: a controller that never answers sends no event."""
    known = facts()
    report = judge(Result(known, decide(known)), known.inventory)
    assert (report.state, report.next) == (State.PROGRESSING, NOW + GRACE)
    over = facts(now=NOW + GRACE)
    assert judge(Result(over, decide(over)), over.inventory).state is State.SYNCED


def test_the_next_wave_waits_for_the_grace() -> None:
    """What needs the widget's controller to have acted does not come before it could."""
    known = facts(LATER, inventory=inventory_of(WIDGET))
    assert decide(known).effects == ()
    written = decide(replace(known, now=later(seconds=10))).effects
    assert [one.key for one in written if isinstance(one, Apply)] == [LATER.key]
