"""Why is this not syncing? The answer in order of cause, for people and as JSON."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from facts_builder import COMMIT, OLDER, kept, later, result_of, synced, updated, wanted

from agent.core.report.explain import document, explain, text
from agent.core.report.judge import judge
from agent.core.values import Held, Hold, Origin, Reason, Verdict

BERLIN = ZoneInfo("Europe/Berlin")
WEB = wanted("Deployment", "web")
OLD = synced(WEB)
STOPPED = Hold(
    "suspension",
    Reason.SUSPENDED,
    "Suspension db-migration: hotfix, INC-8841\x1b[31m",
    Origin("policies/stop.yaml", 1, OLDER, "Ana Ruiz <ana@example.com>"),
    later(hours=9),
)
CLOSED = Hold(
    "windows",
    Reason.WINDOW_CLOSED,
    "SyncWindow prod-nights is closed: CAB-approved nights",
    Origin("policies/nights.yaml", 3, OLDER),
    later(hours=10),
)
KEYS = frozenset({WEB.key})
HELD = result_of(
    OLD,
    updated(WEB),
    verdict=Verdict((), (Held(STOPPED, KEYS, whole=True), Held(CLOSED, KEYS, whole=True))),
)


def test_the_cause_comes_first_with_who_and_until_when():
    """What also holds is named after it, and what is innocent is said."""
    told = text(explain(HELD, judge(HELD, OLD.inventory)), BERLIN)
    assert told.splitlines() == [
        "⏸ shop/payments is not syncing: SUSPENDED (Suspended)",
        "  why     Suspension db-migration: hotfix, INC-8841 [31m",
        "  by      Ana Ruiz <ana@example.com>",
        "  where   policies/stop.yaml:1 (commit 9f8e7d6)",
        "  until   Fri 20 Nov 2026 22:00 CET (in 9h)",
        "Also true (may block after that):",
        (
            "  WindowClosed: SyncWindow prod-nights is closed: CAB-approved nights "
            "[policies/nights.yaml:3 (commit 9f8e7d6)]; until Fri 20 Nov 2026 23:00 CET (in 10h)"
        ),
        (
            "Not the cause: Git and the package can be read, dependencies are ready, "
            "permissions are enough, no immutable field is in the way, its objects are healthy"
        ),
        "Waiting: 1 object (tidegate diff shop/payments)",
        "  update Deployment shop/web",
        "Do:",
        "  `tidegate resume Suspension/db-migration`, or wait until it ends.",
        "  Wait for the opening, or commit an Override if the window allows one.",
    ]


def test_every_hold_has_an_end_in_json():
    """RFC 3339 with an offset, or null where no end is known."""
    endless = replace(STOPPED, until=None)
    held = Verdict((), (Held(endless, KEYS, whole=True), Held(CLOSED, KEYS, whole=True)))
    result = result_of(OLD, updated(WEB), verdict=held)
    told = document(explain(result, judge(result, OLD.inventory)))
    assert [one["until"] for one in (*told["causes"], *told["also"])] == [
        None,
        "2026-11-20T22:00:00+00:00",
    ]
    assert told["causes"][0]["origin"] == {
        "path": "policies/stop.yaml",
        "line": 1,
        "commit": OLDER,
        "author": "Ana Ruiz <ana@example.com>",
    }
    assert told["waiting"] == [{"action": "Update", "object": "Deployment shop/web", "message": ""}]


def test_a_synced_package_needs_no_reason():
    """A closed window with nothing to do is no cause of anything."""
    result = result_of(OLD, kept(WEB), verdict=Verdict((), (Held(CLOSED, whole=True),)))
    told = explain(result, judge(result, OLD.inventory))
    assert told.causes == ()
    assert [one.reason for one in told.also] == [Reason.WINDOW_CLOSED]
    assert text(told, BERLIN).startswith("✔ shop/payments is synced: 1 object as in Git at a1b2")


def test_a_failure_is_a_cause_without_a_gate():
    """The message is the cause; the advice is that of the reason."""
    hold = Hold("server", Reason.FORBIDDEN, "Deployment shop/web: no rights")
    step = updated(WEB, refusal=hold)
    result = result_of(OLD, step, verdict=Verdict((), (Held(hold, KEYS),)))
    told = explain(result, judge(result, OLD.inventory))
    assert [(one.reason, one.says) for one in told.causes] == [
        (Reason.FORBIDDEN, "Deployment shop/web: no rights")
    ]
    assert told.advice[0].startswith("Grant the right")
    assert "permissions are enough" not in told.innocent


def test_a_revision_that_waits_as_a_whole_is_named():
    """Under a hold of upgrades no single step is held."""
    verdict = Verdict((), (Held(CLOSED, whole=True),))
    result = result_of(OLD, kept(WEB), verdict=verdict, held_commit=COMMIT, waiting=3)
    told = text(explain(result, judge(result, OLD.inventory)), BERLIN)
    assert "Waiting: revision a1b2c3d, which changes 3 objects" in told


def test_a_hold_of_the_cluster_alone_says_so():
    """Break-glass is visible as what it is."""
    live = replace(STOPPED, origin=Origin(object="Package shop/payments"), by="omar")
    result = result_of(OLD, kept(WEB), verdict=Verdict((), (Held(live, whole=True),)))
    told = text(explain(result, judge(result, OLD.inventory)), BERLIN)
    assert "  by      omar\n  where   Package shop/payments, in the cluster only\n" in told
