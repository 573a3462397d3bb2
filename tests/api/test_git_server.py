"""The test git servers speak the real protocols."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from git_server import Commit, GitDaemon, GitHTTP, Repository

if TYPE_CHECKING:
    from pathlib import Path


def test_commits_are_reproducible(tmp_path: Path) -> None:
    """The same calls give the same commit ids."""
    repositories = Repository(tmp_path / "a.git"), Repository(tmp_path / "b.git")
    first, second = (each.commit({"a.yaml": "a: 1\n"}, "Add a") for each in repositories)
    assert first == second


def test_repository_tells_what_was_committed(repository: Repository) -> None:
    """Files, contents and messages come back; `None` removes a file."""
    one = repository.commit({"a.yaml": "a: 1\n", 'odd "name".yaml': "", "f/b": b"\x00"}, "Add")
    two = repository.commit({"a.yaml": "a: 2\n", "f/b": None}, "Change\n\nWhy.", author="B <b@c>")
    assert repository.files() == ("a.yaml", 'odd "name".yaml')
    assert repository.show(one, "a.yaml") == "a: 1\n"
    assert repository.log() == (
        Commit(two, "B <b@c>", "Change\n\nWhy."),
        Commit(one, "Ada Author <ada@example.com>", "Add"),
    )


def test_branches_can_be_emptied_and_forced(repository: Repository) -> None:
    """What a bad day brings: everything removed, history rewritten."""
    first = repository.commit({"a": "1"})
    repository.remove_everything()
    assert repository.files() == ()
    assert repository.force(first) == first
    assert repository.files() == ("a",)
    assert repository.head("other") is None


def test_daemon_clones_and_takes_pushes(tmp_path: Path, repository: Repository) -> None:
    """`git://` is readable and writable."""
    repository.commit({"a": "1"})
    with GitDaemon(repository.path.parent) as server:
        _round_trip(server.url(repository.path.name), tmp_path / "work")
    assert repository.files() == ("a", "pushed")


def test_http_clones_and_takes_pushes(tmp_path: Path, repository: Repository) -> None:
    """Smart HTTP is readable and writable, and counts what it was asked."""
    repository.commit({"a": "1"})
    with GitHTTP(repository.path.parent) as server:
        _round_trip(server.url(repository.path.name), tmp_path / "work", pushed=3 << 20)
    assert repository.files() == ("a", "pushed")
    assert server.requests[0] == "GET /repository.git/info/refs?service=git-upload-pack"


def test_http_asks_for_the_password(repository: Repository) -> None:
    """Without the right credentials there is nothing to see."""
    repository.commit({"a": "1"})
    with GitHTTP(repository.path.parent, "robot", "secret") as server:
        url = server.url(repository.path.name)
        assert _git("ls-remote", url).returncode
        right = url.replace("http://", "http://robot:secret@")
        assert _git("ls-remote", right).returncode == 0


@pytest.mark.parametrize(("fault", "value"), [("down", True), ("answer", 503)])
def test_http_faults_end(repository: Repository, fault: str, value: object) -> None:
    """A server that fails can be made well again."""
    repository.commit({"a": "1"})
    with GitHTTP(repository.path.parent) as server:
        url = server.url(repository.path.name)
        before = getattr(server, fault)
        setattr(server, fault, value)
        assert _git("ls-remote", url).returncode
        setattr(server, fault, before)
        assert _git("ls-remote", url).returncode == 0


def _round_trip(url: str, work: Path, pushed: int = 1) -> None:
    # Text that does not compress: a large push comes in chunks.
    content = "".join(f"{number * number}\n" for number in range(pushed // 8 + 1))
    assert _git("clone", "--quiet", url, str(work)).returncode == 0
    (work / "pushed").write_text(content)
    for command in ("add .", "commit -qm Push", "push --quiet", "fetch --quiet"):
        done = _git("-C", str(work), *command.split())
        assert done.returncode == 0, done.stderr


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
