"""Every change of state is recorded once, in order, and kept until it is in Git."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from facts_builder import COMMIT, NOW, OLDER, PAYMENTS, later
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.report.transitions import LONGEST_TAIL, TAIL, advance, pushed, unpushed
from agent.core.report.values import Condition, Report
from agent.core.values import Reason, State, Told, Transition

SYNCED = Report(
    PAYMENTS,
    State.SYNCED,
    Reason.SYNCED,
    "as in Git",
    is_ready=True,
    is_healthy=True,
    conditions=(Condition("Ready", "True", Reason.SYNCED, "as in Git"),),
    observed=COMMIT,
    applied=COMMIT,
    cause="commit a1b2c3d4a1b2",
    actor="Ada <ada@example.com>",
)
WAITING = replace(
    SYNCED,
    state=State.WAITING,
    reason=Reason.WINDOW_CLOSED,
    is_ready=False,
    conditions=(Condition("Ready", "False", Reason.WINDOW_CLOSED, "closed"),),
)
PROGRESSING = replace(SYNCED, state=State.PROGRESSING, reason=Reason.PROGRESSING)


def _steps(told: Told) -> list[tuple[int, str, str]]:
    return [(one.seq, one.before, one.after) for one in told.tail]


def test_the_first_look_is_a_transition_from_nothing():
    """The record says who and what brought it, and the revision that is live."""
    told = advance(Told(), SYNCED, NOW)
    assert told.tail == (
        Transition(
            1,
            NOW,
            "",
            "Synced",
            "Synced",
            COMMIT,
            "commit a1b2c3d4a1b2",
            "Ada <ada@example.com>",
        ),
    )
    assert (told.state, told.reason, told.since, told.seq) == ("Synced", "Synced", NOW, 1)


def test_the_same_report_again_changes_nothing():
    """A restart, or a pass without news, invents no transition."""
    told = advance(Told(), SYNCED, NOW)
    assert advance(told, SYNCED, later(hours=1)) == told


def test_a_sync_within_one_pass_keeps_both_transitions():
    """However fast it was: Progressing, then Synced."""
    told = advance(advance(Told(), WAITING, NOW), replace(SYNCED, wrote=True), later(seconds=1))
    assert _steps(told) == [
        (1, "", "Waiting"),
        (2, "Waiting", "Progressing"),
        (3, "Progressing", "Synced"),
    ]


def test_a_repair_passes_through_progressing():
    """Synced before and after, and still something happened."""
    told = advance(advance(Told(), SYNCED, NOW), replace(SYNCED, wrote=True), later(seconds=1))
    assert _steps(told)[1:] == [(2, "Synced", "Progressing"), (3, "Progressing", "Synced")]


def test_writing_while_suspended_is_no_change_of_state():
    """Healing under a suspension of upgrades does not end and begin it."""
    suspended = replace(WAITING, state=State.SUSPENDED, reason=Reason.SUSPENDED)
    told = advance(Told(), suspended, NOW)
    assert advance(told, replace(suspended, wrote=True), later(seconds=1)).seq == 1


def test_another_reason_is_a_transition():
    """Waiting for a window is not waiting for a dependency; the state began before."""
    told = advance(Told(), WAITING, NOW)
    told = advance(told, replace(WAITING, reason=Reason.DEPENDENCY_NOT_READY), later(minutes=1))
    assert (_steps(told)[1:], told.since) == ([(2, "Waiting", "Waiting")], NOW)


def test_another_revision_of_synced_is_a_transition():
    """A commit that changes nothing live is still an answer to whoever pushed it."""
    told = advance(Told(), replace(SYNCED, applied=OLDER), NOW)
    told = advance(told, SYNCED, later(minutes=1))
    assert [(one.seq, one.revision) for one in told.tail] == [(1, OLDER), (2, COMMIT)]


def test_the_time_for_health_counts_from_the_last_write():
    """A long sync of many waves is not late because its first wave was long ago."""
    told = advance(Told(), PROGRESSING, NOW)
    looked = advance(told, PROGRESSING, later(minutes=1))
    wrote = advance(told, replace(PROGRESSING, wrote=True), later(minutes=2))
    assert (looked.since, wrote.since) == (NOW, later(minutes=2))


def test_a_condition_keeps_its_time_while_its_status_stays():
    """LastTransitionTime is about the status, not about reason or message."""
    told = advance(Told(), WAITING, NOW)
    told = advance(told, replace(WAITING, reason=Reason.BUDGET_EXCEEDED), later(minutes=1))
    assert told.conditions == (("Ready", "False", NOW),)
    told = advance(told, SYNCED, later(minutes=2))
    assert told.conditions == (("Ready", "True", later(minutes=2)),)


def test_what_is_in_git_is_trimmed_to_the_tail():
    """Nothing that is not in Git is dropped, within the limit."""
    told = Told()
    for number in range(30):
        told = advance(told, (SYNCED, WAITING)[number % 2], later(minutes=number))
    assert (len(told.tail), len(unpushed(told))) == (30, 30)
    told = pushed(told, 28)
    assert (len(told.tail), [one.seq for one in unpushed(told)]) == (TAIL, [29, 30])


def test_a_branch_that_cannot_be_pushed_does_not_fill_the_memory():
    """The oldest records go first."""
    told = Told()
    for number in range(LONGEST_TAIL + 10):
        told = advance(told, (SYNCED, WAITING)[number % 2], later(minutes=number))
    assert [told.tail[0].seq, told.tail[-1].seq] == [11, LONGEST_TAIL + 10]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([SYNCED, WAITING, PROGRESSING]), st.booleans(), st.integers(0, 40)
        ),
        max_size=40,
    )
)
@settings(deadline=None, max_examples=60)
def test_records_are_numbered_and_linked(story: list[tuple[Report, bool, int]]):
    """Numbers rise by one, each record begins where the last ended, and unpushed ones stay."""
    told = Told()
    for report, wrote, seq in story:
        told = pushed(advance(told, replace(report, wrote=wrote), NOW), seq)
        assert told.tail[-1].after == told.state
        assert {one.seq for one in unpushed(told)} == set(range(told.pushed + 1, told.seq + 1))
    for before, after in pairwise(told.tail):
        assert (after.seq, after.before) == (before.seq + 1, before.after)
