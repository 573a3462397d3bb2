"""`status`: from the status branch without a cluster, and how it is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import pytest

from agent.cli.status import rows, summary
from agent.core.report.status import document, entry_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result
    from git_server import Repository

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOLD = {"gate": "suspension", "reason": "Suspended", "message": "INC-1", "until": None}
TOLD = {
    "state": "Suspended",
    "reason": "Suspended",
    "message": "INC-1; 2 objects wait",
    "revision": {"observed": "b" * 40, "applied": "a" * 40},
    "holds": [HOLD],
    "drift": 1,
    "objects": 3,
}


def told() -> dict[str, Any]:
    """Give the document of two packages."""
    synced = {"state": "Synced", "revision": {"applied": "c" * 40}, "objects": 2}
    entries = [entry_of(TOLD, "shop", "payments"), entry_of(synced, "infra", "dns")]
    return document(entries, "prod-1", "default", "b" * 40)


def test_a_line_per_package():
    """State is word and symbol; the revision is the one that is live."""
    assert click.unstyle(rows(told()["packages"], NOW, wide=False)) == (
        "PACKAGE         STATE         REV       HOLD        NEXT\n"
        "infra/dns       ✔ Synced      ccccccc   -           -\n"
        "shop/payments   ⏸ Suspended   aaaaaaa   Suspended   -\n"
    )


def test_wide_adds_the_rest():
    """Counts, the newest revision seen, the sentence."""
    assert click.unstyle(rows(told()["packages"][1:], NOW, wide=True)).splitlines()[1] == (
        "shop/payments   ⏸ Suspended   aaaaaaa   Suspended   -      1       3"
        "         bbbbbbb    INC-1; 2 objects wait"
    )


def test_the_summary_counts_states_and_says_the_age():
    """So that an old answer never looks fresh."""
    assert summary(told() | {"polledAt": "2026-11-20T11:59:30Z"}, NOW) == (
        "2 packages, 1 synced, 1 suspended; prod-1, as of 30s ago"
    )


@pytest.fixture
def git_status(call: Callable[..., Result], repository: Repository, tmp_path: Path) -> Any:
    """Call `status --from-git` on a repository with a status branch."""
    branch = "tidegate/status/prod-1"
    repository.commit({"status.json": json.dumps(told())}, branch=branch, date=NOW)

    def called(*arguments: str) -> Result:
        options = ("--repo", repository.url, "--cluster", "prod-1", "--state-dir", str(tmp_path))
        return call("status", "--from-git", *options, *arguments)

    return called


def test_status_from_git_needs_no_cluster(git_status: Any):
    """The document is the file's, with the time of its commit."""
    result = git_status("-o", "json")

    assert json.loads(result.stdout) == told() | {"polledAt": "2026-11-20T12:00:00Z"}


def test_one_package_or_a_namespace(git_status: Any):
    """`-o name` is for other commands."""
    assert git_status("shop/payments", "-o", "name").stdout == "shop/payments\n"
    assert git_status("-n", "infra", "-o", "name").stdout == "infra/dns\n"


def test_a_package_that_is_not_there_is_5(git_status: Any):
    """And the nearest is named."""
    result = git_status("shop/paymnts")

    assert result.exit_code == 5
    assert "  do:    did you mean shop/payments?" in result.stderr.splitlines()


def test_a_name_without_namespace_is_usage(git_status: Any):
    """PKG is namespace/name."""
    assert git_status("payments").exit_code == 2
