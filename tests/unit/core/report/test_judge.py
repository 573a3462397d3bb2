"""One word for a package: every row of the table in `judge`, and what is told with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from facts_builder import (
    COMMIT,
    NOW,
    OLDER,
    PAYMENTS,
    created,
    facts_of,
    holding,
    inventory_of,
    kept,
    later,
    lively,
    pruned,
    removed,
    rendered,
    result_of,
    synced,
    unhealthy,
    updated,
    wanted,
)

from agent.core.report.judge import judge, unseen
from agent.core.values import (
    Action,
    Cause,
    FieldCause,
    GroupKind,
    HealthCheck,
    HealthStatus,
    Held,
    Hold,
    Intent,
    Key,
    KindInfo,
    Origin,
    Reason,
    Rejected,
    State,
    Step,
    Target,
    Told,
    Unknown,
    Verdict,
    WasApplied,
    WasDeleted,
    WasNotTried,
    WasRefused,
)

if TYPE_CHECKING:
    from agent.core.report.values import Condition, Report
    from agent.core.values import Facts, Inventory, Outcome

WEB = wanted("Deployment", "web", spec={"replicas": 2})
OLD_WEB = wanted("Deployment", "web", spec={"replicas": 1})
CONFIG = wanted("ConfigMap", "settings", data={"a": "1"})
MIGRATE = wanted("Job", "migrate")

ORIGIN = Origin("policies/nights.yaml", 3, OLDER, "Omar <omar@example.com>")
SUSPENDED = Hold("suspension", Reason.SUSPENDED, "package is suspended: INC-1", ORIGIN, by="ana")
CLOSED = Hold(
    "windows", Reason.WINDOW_CLOSED, "SyncWindow nights is closed", ORIGIN, later(hours=9)
)


def _judged(
    facts: Facts,
    *steps: Step,
    held: Verdict | None = None,
    outcomes: tuple[Outcome, ...] = (),
    after: Inventory | None = None,
    **plan: Any,
) -> Report:
    result = result_of(facts, *steps, verdict=held, outcomes=outcomes, **plan)
    return judge(result, facts.inventory if after is None else after)


def _word(report: Report) -> tuple[State, Reason, str]:
    return report.state, report.reason, report.message


def _extras(report: Report) -> set[str]:
    return {one.type for one in report.conditions} - {"Ready", "Healthy"}


def _condition(report: Report, kind: str) -> Condition:
    return next(one for one in report.conditions if one.type == kind)


def test_a_package_that_is_as_git_wants_it_is_synced():
    """Nothing to do, everything Current: Synced, Ready, Healthy, and no other condition."""
    report = _judged(synced(WEB, CONFIG), kept(WEB), kept(CONFIG))
    assert _word(report) == (State.SYNCED, Reason.SYNCED, "2 objects as in Git at a1b2c3d4a1b2")
    assert (report.is_ready, report.is_healthy, report.objects) == (True, True, 2)
    assert [(one.type, one.status) for one in report.conditions] == [
        ("Ready", "True"),
        ("Healthy", "True"),
    ]


def test_what_is_not_applied_yet_is_progressing():
    """Admitted steps of a later wave leave the package Reconciling."""
    report = _judged(facts_of(WEB), created(WEB))
    assert _word(report) == (
        State.PROGRESSING,
        Reason.PROGRESSING,
        "1 object still to be applied",
    )
    assert _extras(report) == {"Reconciling"}
    assert _condition(report, "Healthy").status == "Unknown"


def test_a_pass_that_applied_the_last_object_is_synced_and_wrote():
    """The outcome counts, not the plan; the report tells that something was written."""
    applied = WasApplied(WEB.key, WEB.digest, lively(WEB))
    report = _judged(facts_of(WEB), created(WEB), outcomes=(applied,), after=inventory_of(WEB))
    assert (report.state, report.wrote, report.cause, report.actor) == (
        State.SYNCED,
        True,
        "commit a1b2c3d4a1b2",
        "Ada <ada@example.com>",
    )


def test_an_adoption_is_only_half_of_an_apply():
    """Folding managers is followed by an apply in the next pass."""
    prepared = WasApplied(WEB.key, "", lively(WEB))
    report = _judged(synced(WEB), updated(WEB), outcomes=(prepared,))
    assert report.state is State.PROGRESSING


def test_a_write_that_was_not_tried_is_still_to_be_done():
    """A deadline in the middle of a wave leaves the package Progressing."""
    outcome = WasNotTried(WEB.key, "the window closed")
    assert _judged(facts_of(WEB), created(WEB), outcomes=(outcome,)).state is State.PROGRESSING


def test_an_object_that_is_not_ready_yet_keeps_the_package_progressing():
    """Health InProgress: not ready, not healthy, and awake when its time is up."""
    live = {WEB.key: lively(WEB, health=unhealthy(HealthStatus.IN_PROGRESS))}
    report = _judged(synced(WEB, live=live), kept(WEB))
    assert _word(report) == (
        State.PROGRESSING,
        Reason.PROGRESSING,
        "not healthy yet: Deployment shop/web: 0 of 1 replicas are ready",
    )
    assert (report.is_healthy, report.next) == (False, later(minutes=10))


@pytest.mark.parametrize(("minutes", "state"), [(9, State.PROGRESSING), (10, State.FAILED)])
def test_an_object_that_does_not_become_healthy_in_time_fails_the_package(
    minutes: int, state: State
):
    """The time counts since the package is Progressing; 10 minutes unless it says otherwise."""
    told = Told(State.PROGRESSING, Reason.PROGRESSING, NOW)
    live = {WEB.key: lively(WEB, health=unhealthy(HealthStatus.IN_PROGRESS))}
    facts = synced(
        WEB, live=live, inventory=inventory_of(WEB, told=told), now=later(minutes=minutes)
    )
    assert _judged(facts, kept(WEB)).state is state


def test_a_health_timeout_stays_until_the_object_is_healthy():
    """Looking again does not start the time anew."""
    told = Told(State.FAILED, Reason.HEALTH_TIMEOUT, NOW)
    live = {WEB.key: lively(WEB, health=unhealthy(HealthStatus.IN_PROGRESS))}
    facts = synced(WEB, live=live, inventory=inventory_of(WEB, told=told))
    assert _judged(facts, kept(WEB)).reason is Reason.HEALTH_TIMEOUT
    assert _judged(synced(WEB, inventory=facts.inventory), kept(WEB)).state is State.SYNCED


def test_an_object_that_failed_fails_the_package():
    """Stalled=True is what kstatus takes for Failed."""
    live = {WEB.key: lively(WEB, health=unhealthy(HealthStatus.FAILED, "deadline exceeded"))}
    report = _judged(synced(WEB, live=live), kept(WEB))
    assert _word(report) == (
        State.FAILED,
        Reason.UNHEALTHY,
        "Deployment shop/web: deadline exceeded",
    )
    assert _extras(report) == {"Stalled"}


def test_a_failed_job_fails_the_package_also_after_it_was_removed():
    """The ledger remembers what a TTL took away."""
    live = {MIGRATE.key: lively(MIGRATE, health=unhealthy(HealthStatus.FAILED, "BackoffLimit"))}
    there = _judged(synced(MIGRATE, live=live), kept(MIGRATE))
    gone = _judged(
        synced(MIGRATE, live={}), kept(MIGRATE, reason=Reason.JOB_FAILED, says="it failed")
    )
    assert [there.reason, gone.reason] == [Reason.JOB_FAILED, Reason.JOB_FAILED]
    assert [there.is_healthy, gone.is_healthy] == [False, False]


def test_a_skipped_job_does_not_keep_a_package_from_being_synced():
    """The old Job's health is nobody's concern any more; what was skipped is told."""
    live = {MIGRATE.key: lively(MIGRATE, health=unhealthy(HealthStatus.FAILED))}
    step = kept(MIGRATE, reason=Reason.JOB_SKIPPED, says="spec.template cannot be changed")
    report = _judged(synced(MIGRATE, live=live), step)
    assert (report.state, report.reason, report.is_ready) == (
        State.SYNCED,
        Reason.JOB_SKIPPED,
        True,
    )
    assert _extras(report) == {"JobSkipped"}


def test_custom_health_checks_replace_the_rule_of_the_kind():
    """A check of the declaration decides, whatever the kind's rule says."""
    check = HealthCheck(Target(kind="ConfigMap"), ".data.a", "2")
    facts = synced(CONFIG)
    assert facts.declaration is not None
    facts = replace(facts, declaration=replace(facts.declaration, health_checks=(check,)))
    assert _judged(facts, kept(CONFIG)).message == (
        "not healthy yet: ConfigMap shop/settings: .data.a is '1', not '2'"
    )


def test_a_missing_object_is_unhealthy():
    """Somebody deleted it: nothing may depend on this package."""
    report = _judged(
        synced(WEB, live={}),
        created(WEB, Cause.GONE),
        held=holding(SUSPENDED, created(WEB)),
    )
    assert (report.state, report.is_healthy, report.drift) == (State.SUSPENDED, False, 1)


def test_an_object_under_replacement_is_not_judged():
    """The failed Job that is about to go says nothing of the one that comes."""
    live = {MIGRATE.key: lively(MIGRATE, health=unhealthy(HealthStatus.FAILED))}
    intents = {MIGRATE.key: Intent("uid-migrate", MIGRATE.digest)}
    facts = synced(MIGRATE, live=live, inventory=inventory_of(MIGRATE, intents=intents))
    step = updated(MIGRATE, action=Action.REPLACE)
    report = _judged(facts, step, outcomes=(WasDeleted(MIGRATE.key, "uid-migrate"),))
    assert _word(report) == (
        State.PROGRESSING,
        Reason.PROGRESSING,
        "being deleted: Job shop/migrate",
    )


# --- held --------------------------------------------------------------------------------------


def test_a_suspended_package_is_suspended_even_if_nothing_waits():
    """The hold is a fact worth a word of its own."""
    report = _judged(synced(WEB), kept(WEB), held=holding(SUSPENDED))
    assert _word(report) == (State.SUSPENDED, Reason.SUSPENDED, "package is suspended: INC-1")
    assert (report.is_ready, report.holds, report.actor) == (False, (SUSPENDED,), "ana")
    assert report.cause == "suspension policies/nights.yaml:3"


def test_ready_keeps_its_last_value_while_suspended():
    """Who waits for Ready did not ask to stop; without a last value the facts decide."""
    told = Told(conditions=(("Ready", "False", NOW),))
    last = _judged(
        synced(WEB, inventory=inventory_of(WEB, told=told)), kept(WEB), held=holding(SUSPENDED)
    )
    fresh = _judged(synced(WEB), kept(WEB), held=holding(SUSPENDED))
    never = _judged(facts_of(WEB), created(WEB), held=holding(SUSPENDED, created(WEB)))
    assert [_condition(one, "Ready").status for one in (last, fresh, never)] == [
        "False",
        "True",
        "False",
    ]


def test_suspension_comes_before_a_window_and_before_failure():
    """One word only; the others are conditions."""
    live = {WEB.key: lively(WEB, health=unhealthy(HealthStatus.FAILED))}
    step = updated(WEB)
    both = Verdict(
        (),
        (
            Held(CLOSED, frozenset({WEB.key}), whole=True),
            Held(SUSPENDED, frozenset({WEB.key}), whole=True),
        ),
    )
    report = _judged(synced(WEB, live=live), step, held=both)
    assert (report.state, report.waiting) == (State.SUSPENDED, 1)
    assert _extras(report) == {"Suspended", "WindowClosed"}
    assert _condition(report, "Healthy").status == "False"


def test_a_hold_that_only_the_cluster_has_is_undeclared():
    """A break-glass annotation is told as what it is."""
    live_only = replace(SUSPENDED, origin=Origin(object="Package shop/payments"))
    report = _judged(synced(WEB), kept(WEB), held=holding(live_only))
    assert _extras(report) == {"Suspended", "Undeclared"}


def test_one_suspended_object_does_not_suspend_the_package():
    """With nothing to do for it the package is Synced; with something it waits."""
    idle = _judged(synced(WEB, CONFIG), kept(WEB), held=holding(SUSPENDED, whole=False))
    busy = _judged(synced(WEB), updated(WEB), held=holding(SUSPENDED, updated(WEB), whole=False))
    assert [idle.state, busy.state] == [State.SYNCED, State.WAITING]
    assert "Suspended" in _extras(idle)


def test_a_closed_window_with_nothing_to_do_leaves_the_package_synced():
    """The window is told as a condition and a hold, not as a reason to wait."""
    report = _judged(synced(WEB), kept(WEB), held=holding(CLOSED))
    assert (report.state, _extras(report), report.holds) == (
        State.SYNCED,
        {"WindowClosed"},
        (CLOSED,),
    )


def test_a_closed_window_before_a_change_is_waited_for():
    """State, reason and message name the window and what waits."""
    report = _judged(synced(OLD_WEB), updated(WEB), held=holding(CLOSED, updated(WEB)))
    assert _word(report) == (
        State.WAITING,
        Reason.WINDOW_CLOSED,
        "SyncWindow nights is closed; 1 object waits",
    )


def test_a_held_revision_waits_although_no_step_is_held():
    """Under a hold of Upgrades the plan is for the last applied revision."""
    facts = synced(OLD_WEB, new=rendered(WEB), base=rendered(OLD_WEB, commit=OLDER))
    report = _judged(
        facts, kept(OLD_WEB), held=holding(CLOSED), held_commit=COMMIT, waiting=1, commit=OLDER
    )
    assert (report.state, report.waiting) == (State.WAITING, 1)


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ("adoption", Reason.OWNED_BY_OTHER),
        ("ownership", Reason.DECLARED_TWICE),
        ("replace", Reason.REPLACEMENT_HELD),
        ("namespace", Reason.NAMESPACE_MISSING),
        ("dependencies", Reason.DEPENDENCY_NOT_READY),
        ("budget", Reason.BUDGET_EXCEEDED),
        ("history", Reason.HISTORY_REWRITTEN),
        ("prune", Reason.PRUNE_HELD),
    ],
)
def test_every_refusal_of_gates_and_planning_is_waited_for(gate: str, reason: Reason):
    """The reason is the hold's own."""
    hold = Hold(gate, reason, "not now")
    step = updated(WEB)
    report = _judged(synced(WEB), step, held=holding(hold, step, whole=False))
    assert (report.state, report.reason) == (State.WAITING, reason)


def test_a_sync_cut_by_its_window_is_interrupted():
    """Some objects have the new content, the others wait for the next opening."""
    new_config = wanted("ConfigMap", "settings", data={"a": "2"})
    before, after = (OLD_WEB, CONFIG), (WEB, new_config)
    facts = synced(
        *after,
        base=rendered(*before, commit=OLDER),
        inventory=inventory_of(OLD_WEB, new_config, commit=OLDER, attempted=COMMIT),
    )
    report = _judged(facts, updated(WEB), kept(new_config), held=holding(CLOSED, updated(WEB)))
    assert _word(report) == (
        State.INTERRUPTED,
        Reason.INTERRUPTED,
        "the sync of a1b2c3d4a1b2 is half done: SyncWindow nights is closed",
    )


def test_a_live_edit_that_a_hold_keeps_is_drift():
    """Nothing of Git waits, so the word is Drifted and the reason what keeps it."""
    step = updated(WEB, Cause.DRIFT)
    report = _judged(synced(WEB), step, held=holding(CLOSED, step))
    assert _word(report) == (
        State.DRIFTED,
        Reason.WINDOW_CLOSED,
        "1 object changed live: SyncWindow nights is closed",
    )
    assert (report.drift, _condition(report, "Drifted").reason) == (1, Reason.WINDOW_CLOSED)


def test_a_conflict_that_is_kept_is_drift():
    """A notice holds a field, not a step."""
    notice = Hold("conflicts", Reason.CONFLICTED, "changed in Git and live: spec.replicas")
    held = Verdict((), (Held(notice),))
    report = _judged(synced(WEB), kept(WEB, notice=notice), held=held)
    assert (report.state, report.reason, report.drift) == (State.DRIFTED, Reason.CONFLICTED, 1)
    assert _extras(report) == {"Conflicted", "Drifted"}


def test_drift_that_was_repaired_is_no_drift():
    """The cause of the transition is the edit, its actor who made it."""
    applied = WasApplied(WEB.key, WEB.digest, lively(WEB))
    report = _judged(synced(WEB), updated(WEB, Cause.DRIFT), outcomes=(applied,))
    assert (report.state, report.drift, report.cause, report.actor) == (
        State.SYNCED,
        0,
        "live edit of Deployment shop/web",
        "kubectl-edit (Update)",
    )


# --- failing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reason",
    [
        Reason.RENDER_FAILED,
        Reason.DECLARATION_INVALID,
        Reason.SOURCE_UNAVAILABLE,
        Reason.EMPTY_RENDER,
    ],
)
def test_a_revision_that_cannot_be_read_fails_the_package(reason: Reason):
    """What is known good goes on being kept, but the word is Failed."""
    origin = Origin("shop/payments.yaml", 4, COMMIT, "Ada <ada@example.com>")
    facts = synced(WEB, new=Unknown(reason, "no such file", origin, COMMIT))
    report = _judged(facts, kept(WEB))
    assert _word(report) == (State.FAILED, reason, "shop/payments.yaml:4: no such file")
    assert (report.observed, report.actor) == (COMMIT, "Ada <ada@example.com>")


def test_a_package_with_objects_is_not_believed_to_be_empty():
    """EmptyRender is found where the plan finds it too."""
    assert _judged(synced(WEB, new=rendered())).reason is Reason.EMPTY_RENDER


def test_an_unknown_set_leaves_a_package_unknown_that_is_otherwise_fine():
    """Nobody can say whether Git still wants it; a failing object is told first."""
    lost = Unknown(Reason.SET_UNKNOWN, "teams/a.yaml:3:1: not YAML", commit=COMMIT)
    fine = _judged(synced(WEB, new=lost), kept(WEB))
    live = {WEB.key: lively(WEB, health=unhealthy(HealthStatus.FAILED))}
    failing = _judged(synced(WEB, new=lost, live=live), kept(WEB))
    assert [(one.state, one.reason) for one in (fine, failing)] == [
        (State.UNKNOWN, Reason.SET_UNKNOWN),
        (State.FAILED, Reason.UNHEALTHY),
    ]
    assert _condition(fine, "Ready").status == "Unknown"


def test_what_the_server_refused_fails_the_package():
    """Known from an earlier pass, or met in this one: the same word, so retries tell nothing."""
    says = Rejected(403, "Forbidden", "no rights")
    hold = Hold("server", Reason.FORBIDDEN, "Deployment shop/web: no rights")
    known = updated(WEB, refusal=hold)
    before = _judged(synced(WEB), known, held=holding(hold, known, whole=False))
    now = _judged(synced(WEB), updated(WEB), outcomes=(WasRefused(WEB.key, WEB.digest, says),))
    assert _word(before) == _word(now) == (State.FAILED, Reason.FORBIDDEN, hold.says)


def test_a_refusal_that_can_become_a_replacement_is_not_a_failure():
    """The next pass plans around it."""
    immutable = FieldCause("FieldValueInvalid", "spec.template", "field is immutable")
    says = Rejected(422, "Invalid", "…", (immutable,))
    report = _judged(
        synced(MIGRATE), updated(MIGRATE), outcomes=(WasRefused(MIGRATE.key, MIGRATE.digest, says),)
    )
    assert report.state is State.PROGRESSING


def test_a_kind_that_the_package_itself_defines_is_waited_for():
    """A CustomResourceDefinition takes a moment to be served."""
    definition = wanted("CustomResourceDefinition", "backups.example.com")
    crd = Key("apiextensions.k8s.io", "CustomResourceDefinition", "", "backups.example.com")
    backup = Key("example.com", "Backup", "shop", "nightly")
    hold = Hold("server", Reason.APPLY_FAILED, "the server does not serve it (yet)")
    kinds = {
        GroupKind("", "ConfigMap"): KindInfo(
            "", "ConfigMap", "configmaps", namespaced=True, versions=("v1",)
        )
    }
    step = created(definition, key=backup, refusal=hold)
    facts = replace(synced(), kinds=kinds)
    held = holding(hold, step, whole=False)
    alone = _judged(facts, step, held=held)
    together = _judged(facts, kept(definition, key=crd), step, held=held)
    assert [alone.state, together.state] == [State.FAILED, State.PROGRESSING]


# --- ending ------------------------------------------------------------------------------------


def test_a_package_that_left_git_is_deleting():
    """Reconciling while its objects go."""
    report = _judged(removed(WEB), pruned(WEB), outcomes=(WasDeleted(WEB.key, "uid-web"),))
    assert _word(report) == (State.DELETING, Reason.PROGRESSING, "left Git; 1 object to delete")
    assert _extras(report) == {"Reconciling"}


def test_a_held_deletion_says_what_holds_it():
    """A suspension keeps the objects; nothing hangs."""
    report = _judged(removed(WEB), pruned(WEB), held=holding(SUSPENDED, pruned(WEB)))
    assert (report.state, report.reason) == (State.DELETING, Reason.DELETION_HELD)
    assert _extras(report) == {"Suspended", "DeletionHeld"}


def test_a_deletion_that_waits_for_its_delay_says_until_when():
    """The delay is no gate's doing: PruneHeld."""
    hold = Hold(
        "prune", Reason.PRUNE_HELD, "will be deleted unless it comes back", until=later(minutes=5)
    )
    report = _judged(
        removed(WEB), pruned(WEB, refusal=hold), held=holding(hold, pruned(WEB), whole=False)
    )
    assert (report.reason, report.holds) == (Reason.PRUNE_HELD, (hold,))


def test_a_held_prune_of_a_package_that_stays_is_told():
    """PruneHeld, not DeletionHeld: the package itself goes on."""
    hold = Hold("budget", Reason.BUDGET_EXCEEDED, "21 deletions are more than the 20 allowed")
    report = _judged(synced(WEB), pruned(CONFIG), held=holding(hold, pruned(CONFIG), whole=False))
    assert (report.state, _extras(report)) == (State.WAITING, {"ApprovalRequired", "PruneHeld"})


def test_the_same_hold_is_told_once_and_whole_ones_come_first():
    """People read the first line."""
    part = Hold("replace", Reason.REPLACEMENT_HELD, "cannot be changed in place")
    keys = frozenset({WEB.key})
    held = (Held(part, keys), Held(CLOSED, keys, whole=True), Held(part, frozenset({CONFIG.key})))
    report = _judged(synced(WEB), updated(WEB), held=Verdict((), held))
    assert report.holds == (CLOSED, part)


def test_a_package_nobody_looked_at_is_pending():
    """Before the first pass there is nothing else to say."""
    assert (unseen(PAYMENTS).state, unseen(PAYMENTS).is_healthy) == (State.PENDING, False)


def test_the_next_change_is_the_verdicts_unless_an_object_runs_out_of_time_first():
    """The loop wakes at whatever comes first."""
    live = {WEB.key: lively(WEB, health=unhealthy(HealthStatus.IN_PROGRESS))}
    soon, late = (Verdict((), next=NOW + timedelta(minutes=m)) for m in (2, 60))
    facts = synced(WEB, live=live)
    assert _judged(facts, kept(WEB), held=soon).next == later(minutes=2)
    assert _judged(facts, kept(WEB), held=late).next == later(minutes=10)
