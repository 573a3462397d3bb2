"""An object whose kind or version the server lacks is held with what it does serve, not sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from facts_builder import facts_of, wanted

from agent.core.decide import decide
from agent.core.values import Action, GroupKind, KindInfo

CRON = GroupKind("batch", "CronJob")
POLICY = GroupKind("policy", "PodSecurityPolicy")
SERVED = {CRON: KindInfo("batch", "CronJob", "cronjobs", namespaced=True, versions=("v1",))}


@pytest.mark.parametrize(
    ("version", "kind", "says"),
    [
        ("batch/v1beta1", CRON, "batch/v1beta1 CronJob (yet), only batch/v1"),
        ("policy/v1beta1", POLICY, "policy/v1beta1 PodSecurityPolicy (yet)"),
        ("batch/v1", CRON, ""),
    ],
)
def test_what_is_not_served(version: str, kind: GroupKind, says: str):
    """The sentence names what to write instead, where another version is served."""
    one = wanted("ConfigMap", "night")
    key = one.key._replace(group=kind.group, kind=kind.kind)
    facts = replace(facts_of(replace(one, key=key, api_version=version)), kinds=SERVED)

    (step,) = decide(facts).plan.steps

    assert step.action is Action.CREATE
    assert (step.refusal.says if step.refusal else "") == (
        f"the server does not serve {says}" if says else ""
    )
