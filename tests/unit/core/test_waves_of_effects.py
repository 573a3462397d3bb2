"""What waits for what when a revision is applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from facts_builder import facts_of, lively, unhealthy, wanted

from agent.core.decide import decide
from agent.core.values import Apply, HealthStatus, Key

if TYPE_CHECKING:
    from agent.core.values import Desired

WEB = wanted("Deployment", "web")
HOOK = replace(
    wanted("ValidatingWebhookConfiguration", "guard"),
    key=Key("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "", "guard"),
)
LATER = wanted("ConfigMap", "later", wave=1)


def _applied(*objects: Desired, **fields: Any) -> list[Key]:
    facts = facts_of(*objects, **fields)
    return [each.key for each in decide(facts).effects if isinstance(each, Apply)]


def test_a_webhook_waits_until_the_workload_is_written_and_not_until_it_is_healthy() -> None:
    """A Job that patches a webhook, or a Pod that needs it, would wait for ever otherwise."""
    assert _applied(WEB, HOOK) == [WEB.key]
    sick = replace(lively(WEB), health=unhealthy(HealthStatus.IN_PROGRESS))
    assert _applied(WEB, HOOK, live={WEB.key: sick}) == [HOOK.key]


def test_the_next_wave_waits_for_health() -> None:
    """That is what people write waves for."""
    sick = replace(lively(WEB), health=unhealthy(HealthStatus.IN_PROGRESS))
    assert _applied(WEB, LATER, live={WEB.key: sick}) == []
    assert _applied(WEB, LATER, live={WEB.key: lively(WEB)}) == [LATER.key]
