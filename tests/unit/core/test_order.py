"""What waits for what."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import order
from agent.core.values import Key


@dataclass(frozen=True)
class Thing:
    """Something with a place."""

    key: Key
    wave: int = 0


CRD = Thing(Key("apiextensions.k8s.io", "CustomResourceDefinition", "", "queues.example.com"))
NAMESPACE = Thing(Key("", "Namespace", "", "shop"))
ACCOUNT = Thing(Key("", "ServiceAccount", "shop", "web"))
CONFIG = Thing(Key("", "ConfigMap", "shop", "web"))
SERVICE = Thing(Key("", "Service", "shop", "web"))
DEPLOYMENT = Thing(Key("apps", "Deployment", "shop", "web"))
QUEUE = Thing(Key("example.com", "Queue", "shop", "orders"))
WEBHOOK = Thing(Key("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "", "web"))
MIGRATION = Thing(Key("batch", "Job", "shop", "migrate"), wave=-5)
AFTER = Thing(Key("batch", "Job", "shop", "announce"), wave=5)
ALL = (CRD, NAMESPACE, ACCOUNT, CONFIG, SERVICE, DEPLOYMENT, QUEUE, WEBHOOK, MIGRATION, AFTER)


def test_groups_are_separated_only_where_something_must_wait():
    """Definitions, Namespaces, early waves, the rest, webhooks, later waves."""
    assert order.waves(ALL) == (
        (CRD,),
        (NAMESPACE,),
        (MIGRATION,),
        (ACCOUNT, CONFIG, SERVICE, DEPLOYMENT, QUEUE),
        (WEBHOOK,),
        (AFTER,),
    )


def test_deletion_runs_backwards_and_lets_operators_clean_up():
    """Custom resources go before the workloads that may hold their operator."""
    assert order.teardown(ALL) == (
        (AFTER,),
        (WEBHOOK,),
        (QUEUE,),
        (DEPLOYMENT, SERVICE, CONFIG, ACCOUNT),
        (MIGRATION,),
        (NAMESPACE,),
        (CRD,),
    )


@pytest.mark.parametrize(
    ("thing", "stage"), [(CRD, 0), (NAMESPACE, 1), (DEPLOYMENT, 2), (QUEUE, 2), (WEBHOOK, 3)]
)
def test_stage(thing: Thing, stage: int):
    """The step within a wave is one number per kind."""
    assert order.stage(thing.key) == stage


@settings(max_examples=50, deadline=None)
@given(st.permutations(ALL))
def test_the_order_of_the_input_is_irrelevant(things: list[Thing]):
    """The same objects give the same groups, however they were listed."""
    assert order.waves(things) == order.waves(ALL)
    assert order.teardown(things) == order.teardown(ALL)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(ALL), unique=True))
def test_nothing_is_lost(things: list[Thing]):
    """Every object is in exactly one group, both ways."""
    for groups in (order.waves(things), order.teardown(things)):
        assert sorted((each for group in groups for each in group), key=str) == sorted(
            things, key=str
        )
