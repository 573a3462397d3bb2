"""Plans and diffs as people read them: what changes, whose doing it is, what holds it."""

from __future__ import annotations

from facts_builder import COMMIT, created, kept, later, pruned, result_of, synced, updated, wanted

from agent.core.redact import Redactor
from agent.core.report.present import (
    diff_document,
    diff_markdown,
    diff_text,
    has_changes,
    plan_document,
    plan_markdown,
    plan_table,
)
from agent.core.values import ABSENT, Action, Cause, Change, Held, Hold, Reason, Verdict

WEB = wanted("Deployment", "web")
NEW = wanted("ConfigMap", "new")
OLD = wanted("ConfigMap", "old")
JOB = wanted("Job", "migrate")
LOGIN = wanted("Secret", "login", data={"password": "aHVudGVyMg=="})
CLOSED = Hold("windows", Reason.WINDOW_CLOSED, "nights is closed", until=later(hours=9))
STEPS = (
    created(NEW),
    updated(
        WEB,
        changes=(
            Change(
                "spec.replicas", Cause.DRIFT, 5, 2, "kubectl-edit (Update), 2026-11-20T11:00:00Z"
            ),
            Change("spec.paused", Cause.GIT, ABSENT, after=True),
            Change("spec.template.note", Cause.CONFLICT, "a`b\x1b", "c"),
        ),
    ),
    kept(JOB, reason=Reason.JOB_SKIPPED, says="spec.template cannot be changed in place"),
    kept(wanted("Service", "web")),
    pruned(OLD),
)
VERDICT = Verdict((), (Held(CLOSED, frozenset({WEB.key, OLD.key}), whole=True),))
RESULT = result_of(synced(WEB), *STEPS, verdict=VERDICT)
PLAN = RESULT.decision.plan


def test_a_plan_names_what_happens_and_what_holds_it():
    """Unchanged objects are counted, not named."""
    assert plan_table(PLAN, VERDICT).splitlines() == [
        "+ create  ConfigMap shop/new   Git",
        (
            "~ update  Deployment shop/web  Drift+Git+Conflict held by windows: WindowClosed "
            "until 2026-11-20T21:00:00+00:00: nights is closed"
        ),
        "= keep    Job shop/migrate     JobSkipped spec.template cannot be changed in place",
        (
            "- delete  ConfigMap shop/old   held by windows: WindowClosed "
            "until 2026-11-20T21:00:00+00:00: nights is closed"
        ),
        "1 to create, 1 to update, 1 to delete; 2 held, 2 as they are",
        "plan sha256:plan",
    ]


def test_a_plan_without_changes_says_so():
    """And exits with 0."""
    result = result_of(synced(WEB), kept(WEB))
    plan = result.decision.plan
    assert plan_table(plan, Verdict(())).splitlines()[0] == ("nothing to do; 0 held, 1 as they are")
    assert not has_changes(plan)
    assert has_changes(PLAN)


def test_a_revision_that_waits_is_part_of_the_plan():
    """Nothing to do now is not nothing to do."""
    plan = result_of(synced(WEB), kept(WEB), held_commit=COMMIT, waiting=3).decision.plan
    assert "revision a1b2c3d4a1b2 waits and changes 3 more" in plan_table(plan, Verdict(()))
    assert has_changes(plan)


def test_a_plan_in_a_comment_is_a_table_without_markup():
    """What people wrote stays text."""
    hold = Hold("windows", Reason.WINDOW_CLOSED, "<img> | @all")
    told = plan_markdown(PLAN, Verdict((), (Held(hold, frozenset({NEW.key})),)))
    assert told.splitlines()[:5] == [
        "### shop/payments",
        "",
        "| Would | Object | Why |",
        "| --- | --- | --- |",
        (
            "| `+ create` | ConfigMap shop/new | Git held by windows: WindowClosed: "
            "\\<img\\> \\| \\@all |"
        ),
    ]


def test_a_plan_as_json_has_its_digest_and_its_holds():
    """An approval names the digest."""
    told = plan_document(PLAN, VERDICT)
    assert (told["digest"], told["unchanged"], len(told["steps"])) == ("sha256:plan", 2, 4)
    assert told["steps"][1] == {
        "action": "Update",
        "group": "apps",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "web",
        "wave": 0,
        "causes": ["Drift", "Git", "Conflict"],
        "reason": "",
        "message": "",
        "hold": {
            "gate": "windows",
            "reason": "WindowClosed",
            "message": "nights is closed",
            "until": "2026-11-20T21:00:00+00:00",
        },
    }


def test_a_diff_says_of_every_field_whose_doing_it_is():
    """Live value → Git's; who and when; nothing that a terminal obeys."""
    assert diff_text(RESULT, Redactor()).splitlines() == [
        "ConfigMap shop/new (create)",
        "  G new in Git",
        "Deployment shop/web (update, held: WindowClosed)",
        "  L spec.replicas: 5 → 2   kubectl-edit (Update), 2026-11-20T11:00:00Z",
        "  G spec.paused: (absent) → true",
        '  B spec.template.note: "a`b\\u001b" → "c"',
        "Job shop/migrate (keep)",
        "  JobSkipped spec.template cannot be changed in place",
        "ConfigMap shop/old (delete, held: WindowClosed)",
        "  G no longer in Git",
        "",
        "G changed in Git · L changed live · B both · A adopted · M moved",
    ]


def test_a_diff_of_nothing_says_so():
    """Exit 0 goes with it."""
    assert diff_text(result_of(synced(WEB), kept(WEB)), Redactor()) == "nothing differs\n"


def test_a_conflict_that_is_kept_is_in_the_diff():
    """Although the object itself is left as it is."""
    notice = Hold("conflicts", Reason.CONFLICTED, "changed in Git and live: spec.replicas")
    told = diff_text(result_of(synced(WEB), kept(WEB, notice=notice)), Redactor())
    assert "B kept as it is live: changed in Git and live: spec.replicas" in told


def test_a_secret_shows_that_it_changes_and_not_what():
    """In text, in Markdown and in JSON."""
    change = Change("data.password", Cause.GIT, "b2xkLXNlY3JldA==", "aHVudGVyMg==")
    result = result_of(synced(LOGIN), updated(LOGIN, action=Action.UPDATE, changes=(change,)))
    redactor = Redactor(key=b"key")
    told = (
        diff_text(result, redactor)
        + diff_markdown(result, redactor)
        + str(diff_document(result, redactor))
    )
    assert 'data.password: "*** (10 bytes, ' in told
    assert not [word for word in ("aHVudGVyMg", "hunter2", "b2xkLXNl") if word in told]


def test_a_code_block_cannot_be_ended_from_inside():
    """The fence is longer than any run of back-ticks in it."""
    change = Change("data.x", Cause.GIT, "````", "y")
    told = diff_markdown(result_of(synced(NEW), updated(NEW, changes=(change,))), Redactor())
    assert told.startswith("`````text\n")


def test_an_absent_side_has_no_key_in_json():
    """Absent is not null."""
    (_, web, *_) = diff_document(RESULT, Redactor())["objects"]
    assert web["changes"][1] == {"path": "spec.paused", "cause": "Git", "by": "", "after": True}
