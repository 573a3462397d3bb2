"""Every word that is told, what it means and what to do: the one table behind docs/reference.

Never decides anything; `explain` shows its advice, and a test compares the documentation with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agent.core.values import Reason, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PACKAGE: Final = "{package}"
"""Stands for `namespace/name` in an advice."""


class Entry(NamedTuple):
    """What a word means, and what to do about it (empty: nothing)."""

    meaning: str
    advice: str = ""


OK: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
FAILED: Final = 3
NOT_ALLOWED: Final = 4
NOT_FOUND: Final = 5
BLOCKED: Final = 6
TIMEOUT: Final = 7
INTERRUPTED: Final = 130

EXIT_CODES: Final[Mapping[int, Entry]] = {
    OK: Entry("It worked, or nothing differs."),
    FINDINGS: Entry("`diff`, `plan` and `lint` found differences or findings."),
    USAGE: Entry("The command line or the configuration is not valid.", "Read the message."),
    FAILED: Entry("The operation failed.", "Read the message; it names what to do."),
    NOT_ALLOWED: Entry("You may not do that.", "Ask who grants rights in the cluster or in Git."),
    NOT_FOUND: Entry("What was named does not exist.", "Check the name, the cluster, the branch."),
    BLOCKED: Entry("A gate says not now.", "`tidegate explain PKG` says which, and until when."),
    TIMEOUT: Entry("The time given was not enough.", "Give more, or see what is not healthy."),
    INTERRUPTED: Entry("You interrupted it (Ctrl-C)."),
}

STATES: Final[Mapping[State, Entry]] = {
    State.UNKNOWN: Entry(
        "Nobody can say whether Git still declares the package; what is applied is kept.",
        "Repair the file that can't be read: `tidegate lint`.",
    ),
    State.PENDING: Entry("The package is declared, and nobody looked at it yet."),
    State.PROGRESSING: Entry("Objects are being applied or deleted, or are not healthy yet."),
    State.SYNCED: Entry("Everything is as in Git, and healthy."),
    State.DRIFTED: Entry(
        "Live objects were changed by others, and something keeps them from being repaired.",
        "`tidegate diff {package}` shows who changed what.",
    ),
    State.WAITING: Entry(
        "Something new waits for a window, an approval, a dependency, a budget or an answer.",
        "`tidegate explain {package}` says for which, and until when.",
    ),
    State.SUSPENDED: Entry(
        "Somebody said stop; Git is still read, compared and reported.",
        "`tidegate resume {package}` ends it.",
    ),
    State.HIBERNATED: Entry("The workloads sleep by schedule or by hand."),
    State.INTERRUPTED: Entry(
        "A window closed while a revision was half applied; it goes on at the next opening."
    ),
    State.FAILED: Entry(
        "The package can't be read, applied, or does not become healthy.",
        "`tidegate explain {package}` gives the cause.",
    ),
    State.DELETING: Entry("Git no longer declares the package, and its objects are going."),
}

ONCE: Final[Mapping[State, int]] = {
    State.UNKNOWN: FAILED,
    State.PENDING: TIMEOUT,
    State.PROGRESSING: TIMEOUT,
    State.SYNCED: OK,
    State.DRIFTED: BLOCKED,
    State.WAITING: BLOCKED,
    State.SUSPENDED: BLOCKED,
    State.HIBERNATED: BLOCKED,
    State.INTERRUPTED: BLOCKED,
    State.FAILED: FAILED,
    State.DELETING: TIMEOUT,
}
"""What `run --once` says of a package in such a state; a held deletion is BLOCKED."""


def once(told: Iterable[tuple[State, Reason]]) -> int:
    """Return the exit code of `run --once`: failed before time is up before held before fine."""
    codes = {_code(state, reason) for state, reason in told}
    return next((code for code in (FAILED, TIMEOUT, BLOCKED) if code in codes), OK)


def _code(state: State, reason: Reason) -> int:
    if state is State.DELETING and reason in {Reason.DELETION_HELD, Reason.PRUNE_HELD}:
        return BLOCKED
    return ONCE[state]


CONDITIONS: Final[Mapping[str, Entry]] = {
    "Ready": Entry("True while the package is Synced; keeps its last value while it is suspended."),
    "Healthy": Entry("Every object is Current by kstatus, whatever its revision."),
    "Reconciling": Entry("There while the package is Progressing; kstatus reads InProgress."),
    "Stalled": Entry("There while the package is Failed; kstatus reads Failed."),
    "Suspended": Entry("A suspension is in force, on the package or on some of its objects."),
    "WindowClosed": Entry("A window that is about this package is closed."),
    "ApprovalRequired": Entry("A plan waits for somebody's word: an approval, or an Override."),
    "Hibernated": Entry("Workloads of the package sleep."),
    "Drifted": Entry("Live fields differ from what was applied, and are not repaired yet."),
    "JobSkipped": Entry("A changed Job was left as it is by policy (`jobs: Skip`)."),
    "ReplacementHeld": Entry("An immutable field changed, and the object may not be replaced."),
    "PruneHeld": Entry("Objects that Git no longer wants are kept for now."),
    "DeletionHeld": Entry("The package left Git, and something keeps its objects."),
    "Conflicted": Entry("A field was changed in Git and live, and policy holds both."),
    "Undeclared": Entry("A suspension is set in the cluster only; Git does not know of it."),
}

_EXPLAIN: Final = "`tidegate explain {package}` names it, and when it ends."
_LINT: Final = "Run `tidegate lint`: it names file, line and what to write instead."

REASONS: Final[Mapping[Reason, Entry]] = {
    Reason.SYNCED: Entry("Everything is as in Git."),
    Reason.PROGRESSING: Entry("Work is under way."),
    Reason.SUSPENDED: Entry(
        "A suspension holds the package, or one of its objects.",
        "`tidegate resume {package}`, or wait until it ends.",
    ),
    Reason.SUSPEND_UNREADABLE: Entry(
        "A suspend annotation can't be read, so it holds.",
        "Write true, false or a list of grades, and an RFC 3339 time.",
    ),
    Reason.WINDOW_CLOSED: Entry(
        "A SyncWindow does not let the package sync now.",
        "Wait for the opening, or commit an Override if the window allows one.",
    ),
    Reason.WINDOW_INVALID: Entry("A SyncWindow can't be read, so it is closed.", _LINT),
    Reason.POLICY_INVALID: Entry(
        "The policies can't be read, and no good ones were read before: nothing is applied.",
        _LINT,
    ),
    Reason.DEPENDENCY_NOT_READY: Entry(
        "A package that this one depends on is not applied and healthy.",
        "See why: `tidegate explain` of the package it names.",
    ),
    Reason.APPROVAL_REQUIRED: Entry(
        "The plan waits for an approval.", "`tidegate approve {package}` after reading the plan."
    ),
    Reason.BUDGET_EXCEEDED: Entry(
        "The plan deletes more than one revision may.",
        "If it is meant: an Override with `passes: [Budget]` and the plan's digest.",
    ),
    Reason.HISTORY_REWRITTEN: Entry(
        "The newest commit does not descend from the one that is applied.",
        "If it is meant: an Override with `passes: [History]` and the commit.",
    ),
    Reason.PRUNE_HELD: Entry("Objects that Git no longer wants are kept for now.", _EXPLAIN),
    Reason.DELETION_HELD: Entry(
        "The package left Git, and something keeps its objects from being deleted.", _EXPLAIN
    ),
    Reason.OWNED_BY_OTHER: Entry(
        "An object belongs to another package or another agent.",
        "Remove it from one of them; a move needs both in one commit.",
    ),
    Reason.DECLARED_TWICE: Entry(
        "Two packages declare the same object, and nobody has it yet.",
        "Remove it from one of them.",
    ),
    Reason.ADOPTION_REFUSED: Entry(
        "An object exists already, and policy does not take it over.",
        "Set `adopt: Always`, or remove the live object.",
    ),
    Reason.NAMESPACE_MISSING: Entry(
        "A namespace neither exists nor is declared.",
        "Declare it in this package, or in one it depends on.",
    ),
    Reason.CONTESTED: Entry(
        "Somebody else writes the same fields again and again.",
        "Stop one of the two, or give the fields away: `ignore`.",
    ),
    Reason.CONFLICTED: Entry(
        "A field was changed in Git and live; `conflicts: Hold` keeps the live value.",
        "Decide: write the live value into Git, or set `conflicts: Git`.",
    ),
    Reason.BASE_UNKNOWN: Entry(
        "What was applied last can't be rendered again, so both sides can't be told apart."
    ),
    Reason.JOB_SKIPPED: Entry(
        "A changed Job was left as it is by policy.",
        "`tidegate jobs rerun` runs the new content, or set `jobs: RecreateFinished`.",
    ),
    Reason.JOB_FAILED: Entry(
        "A Job failed; it does not run again by itself.",
        "Commit a repaired Job, or `tidegate jobs rerun`.",
    ),
    Reason.REPLACEMENT_HELD: Entry(
        "An immutable field changed, and the object may not be replaced (yet).",
        "Set `replace: Recreate` where deleting it is fine, or take the change back.",
    ),
    Reason.INTERRUPTED: Entry(
        "A window closed while a revision was half applied.",
        "Nothing: it goes on at the next opening.",
    ),
    Reason.SOURCE_UNAVAILABLE: Entry(
        "The package's source can't be read.", "Check the path and the repository."
    ),
    Reason.SET_UNKNOWN: Entry(
        "A file of ours can't be read, so nobody knows which packages there are.", _LINT
    ),
    Reason.DECLARATION_INVALID: Entry("The Package can't be used as it is written.", _LINT),
    Reason.RENDER_FAILED: Entry(
        "The source does not become manifests.", "`tidegate plan {package}` shows the error."
    ),
    Reason.EMPTY_RENDER: Entry(
        "The source renders to nothing, and the package has objects.",
        "Remove the Package if that is meant.",
    ),
    Reason.APPLY_FAILED: Entry(
        "The API server refuses an object.", "Correct it in Git; the message is the server's."
    ),
    Reason.HEALTH_TIMEOUT: Entry(
        "An object did not become healthy in time.",
        "Look at its events and logs; `health.timeout` gives more time.",
    ),
    Reason.UNHEALTHY: Entry("An object failed.", "Look at its events and logs."),
    Reason.FORBIDDEN: Entry(
        "The API server does not allow the write.",
        "Grant the right to the ServiceAccount the message names, or to the agent.",
    ),
}


# --- docs/reference ----------------------------------------------------------------------------

_HEAD: Final = (
    "<!-- Made from agent/core/report/reference.py; a test compares them. Do not edit. -->"
)
_TITLES: Final = {
    "states.md": ("States", "What a package is doing, in one word."),
    "conditions.md": (
        "Conditions",
        "`Ready` and `Healthy` are always there, the others only while they are True.",
    ),
    "reasons.md": ("Reasons", "Why, in one word: of states, conditions, holds and events."),
    "exit-codes.md": (
        "Exit codes",
        "Of every verb; `run --once` gives 3 before 7 before 6 before 0.",
    ),
}


def pages() -> Mapping[str, str]:
    """Return the files of docs/reference by name, as Markdown."""
    tables = {
        "states.md": [(state.value, entry, str(ONCE[state])) for state, entry in STATES.items()],
        "conditions.md": [(kind, entry, "") for kind, entry in CONDITIONS.items()],
        "reasons.md": [(reason.value, entry, "") for reason, entry in REASONS.items()],
        "exit-codes.md": [(str(code), entry, "") for code, entry in EXIT_CODES.items()],
    }
    return {name: _page(*_TITLES[name], rows) for name, rows in tables.items()}


def _page(title: str, lead: str, rows: list[tuple[str, Entry, str]]) -> str:
    has_code = any(code for *_, code in rows)
    head = ["Word", "Meaning", "What to do", *(["`run --once`"] if has_code else [])]
    lines = [_HEAD, "", f"# {title}", "", lead, "", _row(head), _row(["---"] * len(head))]
    for word, entry, code in rows:
        advice = entry.advice.replace(PACKAGE, "PKG")
        lines.append(_row([f"`{word}`", entry.meaning, advice, *([code] if has_code else [])]))
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def advice(reason: Reason, package: str) -> str:
    """Return what to do about a reason, for one package; empty where there is nothing."""
    return REASONS[reason].advice.replace(PACKAGE, package)
