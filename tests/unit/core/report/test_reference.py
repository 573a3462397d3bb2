"""Every word that is told is documented, and the documentation is the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.core.report.reference import CONDITIONS, EXIT_CODES, REASONS, STATES, once, pages
from agent.core.values import Reason, State

DOCS = Path(__file__).parents[4] / "docs" / "reference"


def test_every_state_and_reason_is_documented():
    """A word without a meaning is not told."""
    assert set(STATES) == set(State)
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_documentation_is_made_from_the_table(name: str):
    """`pages()` is what the files hold; write them again after a change."""
    assert (DOCS / name).read_text() == pages()[name]


def test_conditions_are_those_of_the_contract():
    """Scripts wait for these."""
    assert set(CONDITIONS) == {
        *("Ready", "Reconciling", "Stalled", "Healthy", "Suspended", "WindowClosed"),
        *("ApprovalRequired", "Hibernated", "Drifted", "JobSkipped", "ReplacementHeld"),
        *("PruneHeld", "DeletionHeld", "Conflicted", "Undeclared"),
    }


def test_exit_codes_are_those_of_the_contract():
    """Nine numbers, each with one meaning."""
    assert sorted(EXIT_CODES) == [0, 1, 2, 3, 4, 5, 6, 7, 130]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ([], 0),
        ([(State.SYNCED, Reason.JOB_SKIPPED)], 0),
        ([(State.SYNCED, Reason.SYNCED), (State.SUSPENDED, Reason.SUSPENDED)], 6),
        ([(State.DRIFTED, Reason.CONFLICTED)], 6),
        ([(State.DELETING, Reason.DELETION_HELD)], 6),
        ([(State.WAITING, Reason.REPLACEMENT_HELD), (State.PROGRESSING, Reason.PROGRESSING)], 7),
        ([(State.PROGRESSING, Reason.PROGRESSING), (State.FAILED, Reason.JOB_FAILED)], 3),
        ([(State.UNKNOWN, Reason.SET_UNKNOWN)], 3),
    ],
)
def test_one_run_ends_with_the_worst_that_is_true(told: list[tuple[State, Reason]], code: int):
    """3 before 7 before 6 before 0."""
    assert once(told) == code
