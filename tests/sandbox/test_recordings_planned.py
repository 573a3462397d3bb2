"""What a real server answered is put before the planner: it keeps what it applied, and reads a no.

The sandbox computes owners with the agent's own field sets, so it can't be the judge of them. Here
the judge is the recording: managedFields, defaults and causes as the real server wrote them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from facts_builder import NOTHING_APPLIED, facts_of, inventory_of, remembered, rendered
from sandbox import cases
from sandbox.record import filled
from sandbox.test_recordings import STORIES, recorded

from agent.core import fields, immutable, schema
from agent.core.canonical import canonical
from agent.core.decide import decide
from agent.core.encode import digest
from agent.core.live import key_of, record
from agent.core.ownership import identified
from agent.core.values import (
    Accepted,
    Action,
    Answer,
    Ask,
    Desired,
    Facts,
    JobPolicy,
    ReplacePolicy,
    Rules,
)
from agent.edges.kube.seam import Response
from agent.edges.kube.status import rejection
from agent.sandbox import discovery
from agent.sandbox.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.values import Live, Step

Object = dict[str, Any]
TAKEN = (200, 201)
BOLD = Rules(
    jobs=JobPolicy.RECREATE, force=True, replace=ReplacePolicy.RECREATE, replace_workload=True
)


def told(name: str) -> Iterator[tuple[int, cases.Ask, int, Object]]:
    """Yield each request of a story with the code and the body of the real answer."""
    family, _, rest = name.partition("-")
    for number, (ask, answer) in enumerate(
        zip(STORIES[name].asks, recorded(family)[rest], strict=True)
    ):
        yield number, ask, answer["code"], answer["body"]


@cache
def node(api_version: str, kind: str) -> schema.Node:
    """Give the topology the real server publishes; of gifts, that of their definition."""
    if kind == "Gift":
        return schema.from_crd(cases.GIFTS)[api_version, kind]
    group, _, version = api_version.rpartition("/")
    published = discovery.schemas(Catalog(), group, version)
    assert published is not None
    return schema.from_openapi(published)[api_version, kind]


def wanted(body: Any, rules: Rules | None = None) -> Desired:
    """Make an object Git wants of what was sent."""
    manifest = json.loads(json.dumps(filled(body, cases.SPACE)))
    namespaced = manifest["kind"] not in cases.CLUSTER_SCOPED
    found = canonical(manifest, cases.SPACE if namespaced else "")
    key = key_of(found)
    return Desired(key, found["apiVersion"], found, digest(found), rules=rules or Rules())


def ours(answer: Object, manager: str, desired: Desired) -> Live:
    """Make what the server answered ours: the field manager renamed, our marks put on."""
    text = json.dumps(answer).replace("{space}", cases.SPACE)
    body = json.loads(text.replace("{time}", "2026-01-02T03:04:05Z"))
    metadata = body["metadata"]
    marks = identified(desired, facts_of(desired))["metadata"]
    for each in ("labels", "annotations"):
        metadata[each] = {**(metadata.get(each) or {}), **_marks(marks.get(each) or {})}
    managed = metadata.get("managedFields") or []
    for entry in managed:
        if entry["manager"] == manager and entry["operation"] == "Apply":
            entry["manager"] = "tidegate"
    return record(body)


def _marks(found: Object) -> Object:
    return {name: value for name, value in found.items() if name.startswith("tidegate.io/")}


def knows(desired: Desired, live: Live, before: Desired, *answers: Answer) -> Facts:
    """Give what the agent knows when Git went from `before` to `desired`."""
    entry = replace(remembered(before), uid=live.uid, expected="")
    return facts_of(
        desired,
        base=rendered(before),
        live={live.key: live},
        inventory=replace(inventory_of(before), entries={live.key: entry}),
        schemas={
            (desired.api_version, desired.key.kind): node(desired.api_version, desired.key.kind)
        },
        answers=answers,
    )


def planned(facts: Facts) -> Step:
    """Give the one step of the plan."""
    (step,) = decide(facts).plan.steps
    return step


# --- what was applied is kept --------------------------------------------------------------------


def applies() -> Iterator[Any]:
    """Yield every apply that the server took, with its answer."""
    for name in STORIES:
        for number, ask, code, body in told(name):
            manifest = isinstance(ask.body, dict) and not ask.path.endswith("/status")
            if manifest and ask.content_type == cases.APPLY and code in TAKEN:
                yield pytest.param(ask, body, id=f"{name}-{number}")


def manager_of(ask: cases.Ask) -> str:
    """Tell who applied."""
    return dict(each.split("=") for each in ask.query.split("&"))["fieldManager"]


@pytest.mark.parametrize(("ask", "body"), [*applies()])
def test_we_own_what_the_server_said_we_own(ask: cases.Ask, body: Object) -> None:
    """The field set of what was sent is the one in the recording; status never counts."""
    sent = {name: each for name, each in filled(ask.body, cases.SPACE).items() if name != "status"}
    live = json.loads(json.dumps(body).replace("{space}", cases.SPACE))
    managed = live["metadata"].get("managedFields") or []
    mine = fields.of(sent, node(sent["apiVersion"], sent["kind"]))
    assert fields.render(mine) == fields.render(fields.own(managed, manager_of(ask)))


@pytest.mark.parametrize("base", ["known", "lost"])
@pytest.mark.parametrize(("ask", "body"), [*applies()])
def test_what_was_applied_is_kept(ask: cases.Ask, body: Object, base: str) -> None:
    """Whatever the server defaulted, merged or left to others: no drift, with a base or without."""
    desired = wanted(ask.body)
    live = ours(body, manager_of(ask), desired)
    facts = knows(desired, live, desired)
    if base == "lost":
        facts = replace(facts, base=NOTHING_APPLIED)
    step = planned(facts)
    assert (step.action, step.changes) == (Action.KEEP, ())


@pytest.mark.parametrize("name", [each for each in STORIES if each.startswith("every-")])
def test_what_others_add_is_kept(name: str) -> None:
    """An annotation by another manager, and a second owner of the same fields."""
    answers = list(told(name))
    _, ask, _, _ = answers[2]
    _, _, code, read = answers[5]
    desired = wanted(ask.body)
    step = planned(knows(desired, ours(read, manager_of(ask), desired), desired))
    assert (code, step.action, step.changes) == (200, Action.KEEP, ())


# --- what was refused ----------------------------------------------------------------------------

NEVER = "never replaced"
HELD = "held until policy allows it"
SKIPPED = "skipped"
ERROR = "an error"
STEPS = {
    "ClusterRoleBinding": HELD,
    "ConfigMap": HELD,
    "CustomResourceDefinition": NEVER,
    "DaemonSet": HELD,
    "Deployment": HELD,
    "IngressClass": HELD,
    "Job": SKIPPED,
    "PersistentVolume": NEVER,
    "PersistentVolumeClaim": NEVER,
    "PriorityClass": HELD,
    "ReplicaSet": HELD,
    "RoleBinding": HELD,
    "RuntimeClass": HELD,
    "Secret": HELD,
    "Service": HELD,
    "StatefulSet": HELD,
    "StorageClass": HELD,
}
"""What each kind's immutable fields lead to, as the guide has it (docs/guide)."""
ALSO_INVALID = {("immutable-job", 9), ("immutable-job", 11), ("custom-definition", 4)}
"""Not only immutable: another cause would refuse the replacement too."""


def refusals(prefix: str) -> Iterator[Any]:
    """Yield every 422 to a change of what is there: before, after, what was live, what was said."""
    for name in STORIES:
        if not name.startswith(prefix):
            continue
        live: tuple[cases.Ask, Object] | None = None
        for number, ask, code, body in told(name):
            if code in TAKEN and ask.content_type == cases.APPLY:
                live = ask, body
            elif code == 422 and live is not None and isinstance(ask.body, dict):
                kind = ask.body["kind"]
                verdict = ERROR if (name, number) in ALSO_INVALID else STEPS.get(kind, ERROR)
                yield pytest.param(*live, ask, body, verdict, id=f"{name}-{number}")


CHANGES = [*refusals("immutable-"), *refusals("custom-definition")]


def heard(before: cases.Ask, body: Object, ask: cases.Ask, said: Object, rules: Rules) -> Facts:
    """Give what the agent knows after that refusal."""
    desired = wanted(ask.body, rules)
    live = ours(body, manager_of(before), wanted(before.body))
    says = rejection(Response(422, json.dumps(said).encode()))
    answer = Answer(desired.key, Ask.APPLY, desired.digest, says, live.uid)
    return knows(desired, live, wanted(before.body), answer)


def verdict_of(step: Step) -> str:
    """Say in a word what a step makes of a refusal."""
    if step.action is Action.KEEP:
        return SKIPPED if step.reason == "JobSkipped" else "kept"
    if step.refusal is None:
        return "replaced" if step.action is Action.REPLACE else "applied"
    if step.refusal.reason == "ApplyFailed":
        return ERROR
    return NEVER if "never replaced" in step.refusal.says else HELD


@pytest.mark.parametrize(("before", "body", "ask", "said", "verdict"), CHANGES)
def test_a_refused_change_leads_to_its_documented_step(
    before: cases.Ask, body: Object, ask: cases.Ask, said: Object, verdict: str
) -> None:
    """By default nothing is deleted: a Job is skipped, the rest is held or an error."""
    assert verdict_of(planned(heard(before, body, ask, said, Rules()))) == verdict


@pytest.mark.parametrize(("before", "body", "ask", "said", "verdict"), CHANGES)
def test_policy_replaces_what_it_may_and_nothing_else(
    before: cases.Ask, body: Object, ask: cases.Ask, said: Object, verdict: str
) -> None:
    """Only after the server has said that the new one is valid on its own; data never."""
    facts = heard(before, body, ask, said, BOLD)
    first = decide(facts)
    (desired,) = rendered(wanted(ask.body, BOLD)).objects
    proof = Answer(desired.key, Ask.CREATE, desired.digest, Accepted())
    second = planned(replace(facts, answers=(*facts.answers, proof)))
    stays = verdict in (NEVER, ERROR)
    assert [each.ask for each in first.questions] == ([] if stays else [Ask.CREATE])
    assert verdict_of(second) == (verdict if stays else "replaced")


OTHER_UID = "refused-versions-4"


def creations() -> Iterator[Any]:
    """Yield every 422 to something that was not there."""
    changes = {each.id for each in CHANGES}
    for name in STORIES:
        for number, ask, code, body in told(name):
            manifest = isinstance(ask.body, dict) and "kind" in ask.body
            if code == 422 and manifest and f"{name}-{number}" not in {*changes, OTHER_UID}:
                yield pytest.param(ask, body, id=f"{name}-{number}")


@pytest.mark.parametrize(("ask", "said"), [*creations()])
def test_an_invalid_object_is_an_error_whatever_policy_says(ask: cases.Ask, said: Object) -> None:
    """Its creation is refused in the server's words, and nothing is deleted for it."""
    desired = wanted(ask.body, BOLD)
    says = rejection(Response(422, json.dumps(said).encode()))
    answer = Answer(desired.key, Ask.APPLY, desired.digest, says)
    step = planned(facts_of(desired, answers=(answer,)))
    assert (step.action, verdict_of(step)) == (Action.CREATE, ERROR)
    assert not immutable.immutable(says)


def test_another_object_of_that_name_is_a_conflict() -> None:
    """The server calls its uid immutable; that is no reason to replace it."""
    _, _, code, said = list(told("refused-versions"))[4]
    says = rejection(Response(422, json.dumps(said).encode()))
    assert (code, says.code, says.causes) == (422, 409, ())


def test_every_recorded_refusal_is_looked_at() -> None:
    """But JSON patches, which are about no manifest of ours."""
    looked = {each.id for each in (*CHANGES, *creations())}
    refused = {f"{name}-{n}" for name in STORIES for n, _, code, _ in told(name) if code == 422}
    assert refused - looked == {OTHER_UID, "refused-patches-1", "refused-patches-2"}
