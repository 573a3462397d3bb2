"""What the writer sends, and what it makes of every kind of answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from scripted_api import Fence, InOrder, Reply, ScriptedAPI, answer, refusal

from agent.core.errors import ClusterError
from agent.core.identity import Home
from agent.core.live import record
from agent.core.values import (
    Adopt,
    Apply,
    Delete,
    Entry,
    FieldCause,
    Inventory,
    Key,
    PackageName,
    Rejected,
    Remember,
    WasApplied,
    WasDeleted,
    WasNotTried,
    WasRefused,
    WasUnknown,
)
from agent.edges import failpoints
from agent.edges.kube.failures import NoAnswerError
from agent.edges.kube.notebook import Notebook
from agent.edges.kube.sending import Record, Sender
from agent.edges.kube.writer import Writer

if TYPE_CHECKING:
    from agent.core.values import Effect, Outcome

HOME = Home("default", "prod-1", "tidegate-system")
PAYMENTS = PackageName("shop", "payments")
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
WEB = Key("", "ConfigMap", "shop", "web")
DATABASE = Key("", "ConfigMap", "shop", "database")
WEB_PATH = "/api/v1/namespaces/shop/configmaps/web"
MEMORY = "/api/v1/namespaces/tidegate-system/configmaps"


@dataclass
class Desk:
    """A writer over a scripted API."""

    api: ScriptedAPI
    fence: Fence = field(default_factory=Fence)
    journal: list[Record] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        sender = Sender(self.api, self.fence, self.waited.append, self.journal.append)
        self.writer = Writer(
            transport=self.api,
            sender=sender,
            notebook=Notebook(self.api, sender, HOME),
            executor=InOrder(),
            paths=_path,
            home=HOME,
            redact=lambda text: text.replace("hunter2", "***"),
        )

    def perform(self, *effects: Effect, deadline: datetime | None = None) -> tuple[Outcome, ...]:
        """Perform effects of one package at `NOW`."""
        return self.writer.perform(PAYMENTS, effects, deadline, lambda: NOW)


def _desk(*replies: Reply) -> Desk:
    return Desk(ScriptedAPI.replying(*replies))


def _path(key: Key, _version: str) -> str:
    if key.kind != "ConfigMap":
        raise ClusterError(f"nobody serves {key.kind}")
    return f"/api/v1/namespaces/{key.namespace}/configmaps/{key.name}"


def _manifest(key: Key = WEB, **metadata: Any) -> dict[str, Any]:
    names = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": "v1", "kind": key.kind, "metadata": {**names, **metadata}}


def _live(key: Key = WEB, **metadata: Any) -> dict[str, Any]:
    return _manifest(key, uid="u1", resourceVersion="7", **metadata)


def _apply(key: Key = WEB, uid: str = "", version: str = "") -> Apply:
    return Apply(key, _manifest(key), "d", uid, version)


# --- requests ----------------------------------------------------------------------------------


def test_a_creation_can_only_create() -> None:
    """Version "1" belongs to no object: what exists is never taken by accident."""
    desk = _desk(answer(201, _live()))
    assert desk.perform(_apply()) == (WasApplied(WEB, "d", record(_live())),)
    (request,) = desk.api.asked
    assert (request.method, request.path, request.content_type) == (
        "PATCH",
        WEB_PATH,
        "application/apply-patch+yaml",
    )
    assert request.query == (
        ("fieldManager", "tidegate"),
        ("force", "true"),
        ("fieldValidation", "Strict"),
    )
    assert json.loads(request.body) == _manifest(resourceVersion="1")


@pytest.mark.parametrize(
    ("effect", "metadata"),
    [
        (_apply(uid="u1"), {"uid": "u1"}),
        (_apply(uid="u1", version="7"), {"uid": "u1", "resourceVersion": "7"}),
    ],
)
def test_an_update_is_conditional_on_what_was_seen(effect: Apply, metadata: dict[str, str]) -> None:
    """The uid always, the version where the decision rests on the content."""
    desk = _desk(answer(200, _live()))
    desk.perform(effect)
    assert json.loads(desk.api.asked[0].body) == _manifest(**metadata)


def test_a_deletion_is_of_exactly_that_object() -> None:
    """Uid and version are preconditions, and dependents go as planned."""
    desk = _desk(answer(200))
    assert desk.perform(Delete(WEB, "u1", "7", "Foreground")) == (WasDeleted(WEB, "u1"),)
    assert json.loads(desk.api.asked[0].body) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u1", "resourceVersion": "7"},
        "propagationPolicy": "Foreground",
    }


def test_a_deletion_without_proof_is_not_sent() -> None:
    """No uid, no deletion."""
    (outcome,) = _desk().perform(Delete(WEB, "", "7"))
    assert isinstance(outcome, WasNotTried)


def test_writes_act_as_the_package_and_memory_as_the_agent() -> None:
    """The ServiceAccount of a team can't reach the agent's inventory."""
    desk = _desk(answer(201, _live()), answer(201, _live()))
    user = "system:serviceaccount:shop:deployer"
    effects = (Remember(Inventory(PAYMENTS)), _apply())
    desk.writer.perform(PAYMENTS, effects, None, lambda: NOW, user)
    assert [request.impersonate for request in desk.api.asked] == ["", user]


def test_an_identity_without_a_name_is_refused() -> None:
    """It is never replaced by the agent's own."""
    desk = _desk()
    (outcome,) = desk.writer.perform(
        PAYMENTS, [_apply()], None, lambda: NOW, "system:serviceaccount:shop:"
    )
    assert isinstance(outcome, WasRefused)
    assert (outcome.says.code, desk.api.asked) == (403, [])


# --- answers -----------------------------------------------------------------------------------


def test_a_creation_of_what_exists_says_so() -> None:
    """The pass reads the object and asks the adoption policy."""
    desk = _desk(refusal(409, "Conflict", "the object has been modified", name="web"))
    assert desk.perform(_apply()) == (
        WasRefused(
            WEB, "d", Rejected(409, "AlreadyExists", "the object has been modified"), uid=""
        ),
    )


def test_a_422_keeps_the_cause_and_loses_the_value() -> None:
    """Messages print whole pod templates with what is in them."""
    template = 'Invalid value: {"env":[{"value":"hunter2"}]}: field is immutable'
    cause = {"reason": "FieldValueInvalid", "field": "spec.template", "message": template}
    desk = _desk(
        refusal(422, "Invalid", f"Job is invalid: {template}", kind="Job", name="x", causes=[cause])
    )
    message = 'Job "x": spec.template: field is immutable'
    causes = (FieldCause("FieldValueInvalid", "spec.template", "field is immutable"),)
    assert desk.perform(_apply(uid="u1")) == (
        WasRefused(WEB, "d", Rejected(422, "Invalid", message, causes), "u1"),
    )


def test_server_messages_are_redacted_and_trimmed() -> None:
    """A webhook may print what it likes; we don't."""
    desk = _desk(refusal(403, "Forbidden", "hunter2 " * 200))
    (outcome,) = desk.perform(_apply())
    assert isinstance(outcome, WasRefused)
    assert outcome.says.message.startswith("*** ***")
    assert len(outcome.says.message) == 512


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (NoAnswerError("reset", sent=True), WasUnknown),
        (NoAnswerError("refused", sent=False), WasNotTried),
        (ClusterError("nobody knows"), WasUnknown),
        (answer(503), WasUnknown),
        (answer(504), WasUnknown),
        (refusal(500, "InternalError", "etcdserver: request timed out"), WasUnknown),
        (refusal(500, "", "failed to create typed patch object (…)"), WasRefused),
        (refusal(500, "InternalError", 'failed calling webhook "a.b"'), WasRefused),
        (refusal(400, "BadRequest", "strict decoding error"), WasRefused),
        (answer(200, None), WasApplied),
    ],
)
def test_only_what_surely_changed_nothing_counts_as_refused(
    reply: Reply, kind: type[Outcome]
) -> None:
    """Everything else may have landed, and is read before the next decision."""
    assert isinstance(_desk(reply).perform(_apply())[0], kind)


def test_an_answer_that_can_not_be_read_is_unknown() -> None:
    """A proxy may answer 200 with a page."""
    broken = answer(200)
    (outcome,) = _desk(type(broken)(200, b"<html>")).perform(_apply())
    assert isinstance(outcome, WasUnknown)


def test_a_busy_server_is_asked_again_after_the_time_it_names() -> None:
    """429 comes before anything is done, so it may be sent again."""
    desk = _desk(answer(429, retry_after="3"), answer(429), answer(201, _live()))
    assert isinstance(desk.perform(_apply())[0], WasApplied)
    assert desk.waited == [3.0, 1.0]


def test_a_server_that_stays_busy_ends_the_pass() -> None:
    """The next pass goes on; this one does not wait for ever."""
    desk = _desk(*[answer(429)] * 4)
    (outcome,) = desk.perform(_apply())
    assert isinstance(outcome, WasNotTried)
    assert len(desk.api.asked) == 4


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(404, "NotFound", 'configmaps "web" not found', name="web"), WasDeleted),
        (refusal(404, "NotFound", "the server could not find the requested resource"), WasRefused),
        (refusal(409, "Conflict", "Precondition failed: UID"), WasRefused),
    ],
)
def test_only_the_absence_of_the_object_is_a_deletion(reply: Reply, kind: type[Outcome]) -> None:
    """A kind that is not served proves nothing."""
    assert isinstance(_desk(reply).perform(Delete(WEB, "u1", "7"))[0], kind)


def test_a_kind_that_is_not_served_is_told_for_its_object_only() -> None:
    """The others are written."""
    desk = _desk(answer(201, _live()))
    gadget = Key("", "Gadget", "shop", "x")
    first, second = desk.perform(_apply(gadget), _apply())
    assert first == WasNotTried(gadget, "nobody serves Gadget")
    assert isinstance(second, WasApplied)


def test_a_body_that_can_not_be_sent_is_refused() -> None:
    """A lone surrogate is no text; the other objects go on."""
    effect = Apply(WEB, {**_manifest(), "data": {"a": "\ud800"}}, "d")
    (outcome,) = _desk().perform(effect)
    assert isinstance(outcome, WasRefused)
    assert outcome.says.code == 400


# --- order, and what stops it ------------------------------------------------------------------


def test_nothing_is_written_before_it_is_remembered() -> None:
    """The inventory comes first, whatever is parallel after it."""
    desk = _desk(answer(201, _live()), answer(201, _live()), answer(201, _live(DATABASE)))
    desk.perform(Remember(Inventory(PAYMENTS)), _apply(), _apply(DATABASE))
    assert [line.split("/")[-1] for line in desk.api.lines] == ["configmaps", "web", "database"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(409, "AlreadyExists", "exists"), WasRefused),
        (NoAnswerError("reset", sent=True), WasUnknown),
    ],
)
def test_what_could_not_be_remembered_is_not_done(reply: Reply, kind: type[Outcome]) -> None:
    """A crash would leak the object."""
    first, second = _desk(reply).perform(Remember(Inventory(PAYMENTS)), _apply())
    assert isinstance(first, kind)
    assert first.key.name.startswith("tidegate-inventory-")
    assert second == WasNotTried(WEB, "the inventory could not be written first")


def test_what_is_remembered_already_is_not_written_again() -> None:
    """At rest nothing is sent."""
    desk = _desk(answer(201, _live()))
    desk.perform(Remember(Inventory(PAYMENTS)), Remember(Inventory(PAYMENTS)))
    assert desk.api.lines == [f"POST {MEMORY}"]


def test_the_next_inventory_replaces_exactly_the_last() -> None:
    """Two agents never overwrite each other."""
    desk = _desk(answer(201, _live()), answer(200, _live()))
    desk.perform(Remember(Inventory(PAYMENTS)))
    desk.perform(Remember(Inventory(PAYMENTS, entries={WEB: Entry()})))
    assert desk.api.asked[1].method == "PUT"
    assert json.loads(desk.api.asked[1].body)["metadata"]["resourceVersion"] == "7"


def test_an_inventory_that_somebody_deleted_is_written_again() -> None:
    """What is in memory is then all there is."""
    gone = refusal(404, "NotFound", "gone", name="x")
    desk = _desk(answer(201, _live()), gone, answer(201, _live()))
    desk.perform(Remember(Inventory(PAYMENTS)))
    assert desk.perform(Remember(Inventory(PAYMENTS, entries={WEB: Entry()}))) == ()
    assert [request.method for request in desk.api.asked] == ["POST", "PUT", "POST"]


def test_nothing_starts_after_the_deadline() -> None:
    """A window that closes in the middle leaves the rest for later."""
    (outcome,) = _desk().perform(_apply(), deadline=NOW)
    assert outcome == WasNotTried(WEB, "the deadline 2026-11-21T06:00:00+00:00 has passed")
    desk = _desk(answer(201, _live()))
    (outcome,) = desk.perform(_apply(), deadline=NOW + timedelta(seconds=1))
    assert isinstance(outcome, WasApplied)


def test_nothing_is_written_without_the_lease() -> None:
    """Not even the inventory: another agent may own it by now."""
    desk = _desk()
    desk.fence.open = False
    outcomes = desk.perform(Remember(Inventory(PAYMENTS)), _apply())
    assert [type(outcome) for outcome in outcomes] == [WasNotTried, WasNotTried]


def test_a_lease_lost_while_waiting_ends_the_tries() -> None:
    """A 429 may outlast the lease."""
    desk = _desk(answer(429))

    def lose(_: float) -> None:
        desk.fence.open = False

    desk.writer._sender._wait = lose
    assert desk.perform(_apply()) == (WasNotTried(WEB, "the lease is not ours"),)


def test_a_stopping_writer_starts_nothing_but_remembers() -> None:
    """What was written before the end has to be known after it."""
    desk = _desk(answer(201, _live()))
    desk.writer.stop()
    assert desk.perform(_apply()) == (WasNotTried(WEB, "the agent is stopping"),)
    assert desk.perform(Remember(Inventory(PAYMENTS))) == ()


def test_effects_on_one_object_stop_at_the_first_failure() -> None:
    """Neighbours go on."""
    desk = _desk(refusal(409, "Conflict", "changed"), answer(201, _live(DATABASE)))
    outcomes = desk.perform(Delete(WEB, "u1", "7"), _apply(), _apply(DATABASE))
    assert [type(outcome) for outcome in outcomes] == [WasRefused, WasNotTried, WasApplied]


@pytest.mark.parametrize("side", ["before", "after"])
def test_an_error_in_one_write_is_raised_when_the_others_have_ended(side: str) -> None:
    """No request is left in flight behind a pass that ended."""
    desk = _desk(answer(201, _live()), answer(201, _live(DATABASE)))
    failpoints.arm(f"apply:{side}:error")
    try:
        with pytest.raises(failpoints.FailpointReached):
            desk.perform(_apply(), _apply(DATABASE))
    finally:
        failpoints.arm("")
    assert desk.api.lines[-1].endswith("database")


# --- adoption ----------------------------------------------------------------------------------


def _owned_by(manager: str, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
    entry = {"manager": manager, "operation": operation, "apiVersion": "v1"}
    return {**entry, "fieldsType": "FieldsV1", "fieldsV1": fields}


def test_adoption_makes_the_fields_of_kubectl_ours() -> None:
    """A field that Git drops later is then removed, not left behind."""
    kubectl = "kubectl-client-side-apply"
    others = _owned_by("hpa", "Update", {"f:b": {}})
    live = _live(managedFields=[_owned_by(kubectl, "Update", {"f:a": {}}), others])
    desk = _desk(answer(200, live), answer(200, _live()))
    (outcome,) = desk.perform(Adopt(WEB, "u1", "7", (kubectl,)))
    assert outcome == WasApplied(WEB, "", record(_live()))
    assert json.loads(desk.api.asked[1].body) == [
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [others, _owned_by("tidegate", "Apply", {"f:a": {}})],
        },
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
    ]


def test_an_object_that_changed_is_not_adopted() -> None:
    """The decision rested on what was seen."""
    desk = _desk(answer(200, _manifest(uid="u2", resourceVersion="9")))
    (outcome,) = desk.perform(Adopt(WEB, "u1", "7", ("kubectl",)))
    assert isinstance(outcome, WasRefused)
    assert outcome.says.code == 409


def test_the_apply_after_an_adoption_expects_the_adopted_version() -> None:
    """Our own fold is no conflict."""
    live = _live(managedFields=[_owned_by("kubectl", "Update", {"f:a": {}})])
    adopted = _manifest(uid="u1", resourceVersion="8")
    desk = _desk(answer(200, live), answer(200, adopted), answer(200, adopted))
    desk.perform(Adopt(WEB, "u1", "7", ("kubectl",)), _apply(uid="u1", version="7"))
    assert json.loads(desk.api.asked[2].body)["metadata"]["resourceVersion"] == "8"


# --- the journal -------------------------------------------------------------------------------


def test_every_attempt_is_in_the_journal() -> None:
    """What was sent, about what, and what came of it; never a body."""
    desk = _desk(answer(429), answer(201, _live()), NoAnswerError("reset", sent=True))
    desk.perform(_apply())
    desk.perform(Delete(WEB, "u1", "7"))
    assert desk.journal == [
        Record("apply", "PATCH", WEB_PATH, 429, "", "shop/payments"),
        Record("apply", "PATCH", WEB_PATH, 201, "", "shop/payments"),
        Record("delete", "DELETE", WEB_PATH, 0, "reset", "shop/payments"),
    ]
