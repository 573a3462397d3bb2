"""Publishing: what lands on a branch, what never does, and races."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest
from git_server import GitDaemon, GitHTTP, Repository

from agent.edges import failpoints, process
from agent.edges.git.address import Remote
from agent.edges.git.edit import commit_on_top
from agent.edges.git.errors import GitError, GitReason
from agent.edges.git.publish import Files, Identity, Published, Publisher, Unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADA = Identity("Tidegate", "tidegate@example.com")
STATUS = "tidegate/status/prod"
ROOT = Path(failpoints.__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitDaemon]:
    """The git protocol over the folder that holds the repository."""
    with GitDaemon(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def publisher(repository: Repository, server: GitDaemon, tmp_path: Path) -> Publisher:
    """A publisher of the status branch, by way of the git protocol."""
    remote = Remote(server.url(repository.path.name), STATUS)
    return Publisher(tmp_path / "status", remote, ADA)


def _write(files: Mapping[str, bytes | None]) -> partial[Mapping[str, bytes | None]]:
    return partial(lambda new, _: new, files)


def test_the_first_commit_makes_an_orphan_branch(publisher: Publisher, repository: Repository):
    """With the words for people, CI and machines."""
    repository.commit({"source": "1"})
    seen: list[Files | None] = []

    def change(files: Files | None) -> Mapping[str, bytes | None]:
        seen.append(files)
        return {"README.md": b"hello\n", 'packages/a/"b c".yaml': b""}

    done = publisher.publish(change, "prod: all\nwell", {"Tidegate-Cluster": "prod"})
    assert isinstance(done, Published)
    assert seen == [None]
    assert repository.head(STATUS) == done.commit
    assert repository.files(STATUS) == ("README.md", 'packages/a/"b c".yaml')
    (commit,) = repository.log(STATUS)
    assert commit.author == "Tidegate <tidegate@example.com>"
    assert commit.message == "prod: all well [skip ci]\n\nTidegate-Cluster: prod"


def test_the_next_commit_reads_changes_and_removes(publisher: Publisher, repository: Repository):
    """What is not mentioned stays, with its mode; a file may give way to a folder."""
    old = {"keep": b"\x00\xff", "drop": b"1", "x": b"1"}
    publisher.publish(_write(old), "first", {})
    seen: dict[str, bytes] = {}

    def change(files: Files | None) -> Mapping[str, bytes | None]:
        seen.update(files or {})
        return {"drop": None, "never": None, "x": None, "x/y": b"2", "keep": b"\x00\xff"}

    publisher.publish(change, "second", {})
    assert seen == old
    assert repository.files(STATUS) == ("keep", "x/y")
    assert len(repository.log(STATUS)) == 2


def test_nothing_changed_is_no_commit(publisher: Publisher, repository: Repository):
    """Neither a commit nor a push."""
    first = publisher.publish(_write({"a": b"1"}), "first", {})
    assert isinstance(first, Published)
    for same in ({"a": b"1"}, {}, {"b": None}):
        assert publisher.publish(_write(same), "again", {}) == Unchanged(first.commit)
    assert len(repository.log(STATUS)) == 1


def test_nothing_to_say_makes_no_branch(publisher: Publisher, repository: Repository):
    """An empty change of a branch that does not exist."""
    assert publisher.publish(_write({}), "first", {}) == Unchanged(None)
    assert repository.head(STATUS) is None


@pytest.mark.parametrize("path", ["", "../x", ".git/hooks/x", "a\nb", "/x", 'a\\"'])
def test_no_path_leaves_the_tree(publisher: Publisher, path: str):
    """Names come from objects in a cluster; the language of fast-import is line by line."""
    with pytest.raises(GitError, match="can't commit a file"):
        publisher.publish(_write({path: b"1"}), "x", {})


def test_ci_is_told_to_skip_where_the_server_listens(publisher: Publisher, repository: Repository):
    """`-o ci.skip` reaches the hook of a server that advertises push options."""
    repository.git("config", "receive.advertisePushOptions", "true")
    told = repository.path / "told"
    hook = repository.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\necho "$GIT_PUSH_OPTION_0" > {told}\n')
    hook.chmod(0o755)
    publisher.publish(_write({"a": b"1"}), "x", {})
    assert told.read_text() == "ci.skip\n"


def test_a_refusing_server_is_not_asked_again(
    server: GitDaemon, repository: Repository, tmp_path: Path
):
    """A protected branch is a reason, not a race."""
    hook = repository.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho x >> {tmp_path}/asked\nexit 1\n")
    hook.chmod(0o755)
    remote = Remote(server.url(repository.path.name), STATUS)
    publisher = Publisher(tmp_path / "status", remote, ADA, pause=_never)
    with pytest.raises(GitError, match="pre-receive hook declined") as failed:
        publisher.publish(_write({"a": b"1"}), "x", {})
    assert failed.value.reason is GitReason.REFUSED
    assert (tmp_path / "asked").read_text() == "x\n"


def _never(_: float) -> None:
    raise AssertionError("there is nothing to wait for")


def test_a_server_that_is_away_is_told(repository: Repository, tmp_path: Path):
    """With its reason; the next call starts from what is there."""
    with GitHTTP(tmp_path) as web:
        remote = Remote(web.url(repository.path.name), STATUS)
        publisher = Publisher(tmp_path / "status", remote, ADA)
        web.down = True
        with pytest.raises(GitError) as failed:
            publisher.publish(_write({"a": b"1"}), "x", {})
        web.down = False
        done = publisher.publish(_write({"a": b"1"}), "x", {})
    assert failed.value.reason is GitReason.UNREACHABLE
    assert done == Published(repository.head(STATUS) or "")


# --- races -----------------------------------------------------------------------------------


def _append(name: str, files: Files | None) -> Mapping[str, bytes | None]:
    """A change that merges: one line more in a file that all write."""
    before = json.loads((files or {}).get("history", b"[]"))
    return {"history": json.dumps([*before, name]).encode(), name: b"mine"}


def test_a_lost_race_is_merged(publisher: Publisher, repository: Repository):
    """Somebody pushes between our fetch and our push: both changes are there afterwards."""
    asked: list[int] = []

    def change(files: Files | None) -> Mapping[str, bytes | None]:
        asked.append(1)
        if len(asked) == 1:
            repository.commit({"history": '["other"]'}, branch=STATUS)
        return _append("ours", files)

    publisher.publish(change, "ours", {})
    assert len(asked) == 2
    assert repository.show(STATUS, "history") == '["other", "ours"]'


def test_the_tip_of_our_own_is_not_asked_for(repository: Repository, tmp_path: Path):
    """While nobody else pushes a commit is one push: the branch is as we left it."""
    with GitHTTP(tmp_path) as web:
        remote = Remote(web.url(repository.path.name), STATUS)
        publisher = Publisher(tmp_path / "status", remote, ADA)
        publisher.publish(_write({"a": b"1", "b/c": b"1"}), "first", {})
        before = len(web.requests)
        seen: dict[str, bytes] = {}

        def change(files: Files | None) -> Mapping[str, bytes | None]:
            seen.update(files or {})
            return {"a": None, "b": b"2"}

        publisher.publish(change, "second", {})
        asked = web.requests[before:]
        publisher.publish(_write({"b/d": b"3"}), "third", {})
    assert not [each for each in asked if "git-upload-pack" in each]
    assert seen == {"a": b"1", "b/c": b"1"}
    assert repository.files(STATUS) == ("b/d",)


def test_a_commit_of_others_on_top_of_ours_is_merged(publisher: Publisher, repository: Repository):
    """What we left is no longer what is there: the server says so, and we look."""
    publisher.publish(_write({"history": b'["ours"]'}), "first", {})
    repository.commit({"history": '["ours", "other"]'}, branch=STATUS)
    publisher.publish(partial(_append, "again"), "second", {})
    assert repository.show(STATUS, "history") == '["ours", "other", "again"]'


def test_a_branch_that_was_deleted_begins_anew(publisher: Publisher, repository: Repository):
    """Who removed its history does not get it back from what we remember."""
    publisher.publish(_write({"a": b"1"}), "first", {})
    repository.git("update-ref", "-d", f"refs/heads/{STATUS}")
    publisher.publish(_write({"b": b"2"}), "second", {})
    assert (repository.files(STATUS), len(repository.log(STATUS))) == (("b",), 1)


def test_a_race_that_never_ends_gives_up(repository: Repository, tmp_path: Path):
    """Five tries, with a pause between them, then a reason."""
    pauses: list[float] = []
    publisher = Publisher(tmp_path / "s", Remote(repository.url, STATUS), ADA, pauses.append)

    def change(files: Files | None) -> Mapping[str, bytes | None]:
        repository.commit({"other": str(len(pauses))}, branch=STATUS)
        return _append("ours", files)

    with pytest.raises(GitError) as failed:
        publisher.publish(change, "ours", {})
    assert failed.value.reason is GitReason.RACED
    assert len(pauses) == 4
    assert len(repository.log(STATUS)) == 5


def test_racing_publishers_lose_nothing(server: GitDaemon, repository: Repository, tmp_path: Path):
    """Two agents, each with its own folder, over the git protocol."""
    remote = Remote(server.url(repository.path.name), STATUS)
    start = Barrier(2)
    names = [[f"{agent}-{turn}" for turn in range(4)] for agent in ("a", "b")]

    def work(mine: list[str]) -> None:
        publisher = Publisher(tmp_path / mine[0], remote, ADA)
        start.wait()
        for name in mine:
            publisher.publish(partial(_append, name), name, {})

    threads = [Thread(target=work, args=(mine,)) for mine in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = sorted(chain.from_iterable(names))
    assert sorted(json.loads(repository.show(STATUS, "history"))) == everything
    assert list(repository.files(STATUS)) == [*everything, "history"]
    assert len(repository.log(STATUS)) == len(everything)


def test_a_push_that_was_cut_off_but_landed_is_not_made_twice(
    publisher: Publisher, repository: Repository, monkeypatch: pytest.MonkeyPatch
):
    """Unknown is looked up before anything is done again."""
    really = process.run

    def cut_off(argv: list[str], **options: object) -> process.Finished:
        done = really(argv, **options)  # type: ignore[arg-type]
        if argv[1] == "push" and done.code == 0:
            raise process.ProcessTimeout("git was killed after 1 second")
        return done

    monkeypatch.setattr(process, "run", cut_off)
    done = publisher.publish(_write({"a": b"1"}), "x", {})
    assert done == Published(repository.head(STATUS) or "")
    assert len(repository.log(STATUS)) == 1


@pytest.mark.parametrize("point", ["publish:before", "publish:after"])
def test_an_agent_killed_around_a_push_converges(
    point: str, publisher: Publisher, server: GitDaemon, repository: Repository, tmp_path: Path
):
    """Told once, whether the push had happened or not."""
    url, folder = server.url(repository.path.name), str(tmp_path / "status")
    program = (
        "from pathlib import Path; from agent.edges.git.publish import *;"
        "from agent.edges.git.address import Remote;"
        f"Publisher(Path({folder!r}), Remote({url!r}, {STATUS!r}), Identity('a', 'b'))"
        ".publish(lambda _: {'a': b'1'}, 'x', {})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, failpoints.VARIABLE: f"{point}:kill"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    publisher.publish(_write({"a": b"1"}), "x", {})
    assert len(repository.log(STATUS)) == 1


# --- commits of people -----------------------------------------------------------------------


def test_an_edit_goes_on_top_of_the_branch(repository: Repository):
    """Reading what is there, writing one file, leaving the rest."""
    repository.commit({"a": "1", "b": "2"})
    commit = commit_on_top(
        Remote(repository.url, "main"),
        lambda read: {"a": (read("a") or b"") + b"!", "c": read("missing")},
        "Suspend shop\n\nFor the audit.",
        Identity("Bob", "bob@example.com"),
    )
    assert repository.head() == commit
    assert (repository.show("main", "a"), repository.files()) == ("1!", ("a", "b"))
    newest = repository.log()[0]
    assert (newest.author, newest.message) == (
        "Bob <bob@example.com>",
        "Suspend shop\n\nFor the audit.",
    )


def test_an_edit_that_loses_the_race_is_made_again(repository: Repository, tmp_path: Path):
    """On what the other one left, and the folder is kept for the next time."""
    repository.commit({"a": "1"})
    others = [{"a": "2"}]

    def change(read: object) -> Mapping[str, bytes | None]:
        assert callable(read)
        if others:
            repository.commit(others.pop())
        return {"a": read("a") + b"!"}

    commit_on_top(Remote(repository.url, "main"), change, "x", ADA, tmp_path / "state")
    assert repository.show("main", "a") == "2!"
    assert (tmp_path / "state" / "HEAD").exists()


def test_an_edit_never_makes_a_branch(repository: Repository):
    """A misspelt branch is an error, not an orphan."""
    with pytest.raises(GitError) as failed:
        commit_on_top(Remote(repository.url, "main"), lambda _: {"a": b"1"}, "x", ADA)
    assert failed.value.reason is GitReason.NO_BRANCH
    assert repository.head() is None


def test_an_edit_that_changes_nothing_is_no_commit(repository: Repository):
    """The commit there is comes back."""
    commit = repository.commit({"a": "1"})
    assert commit_on_top(Remote(repository.url, "main"), lambda _: {"a": b"1"}, "x", ADA) == commit
