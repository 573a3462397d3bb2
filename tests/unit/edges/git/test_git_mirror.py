"""The mirror, against real Git over real protocols."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from git_server import GitDaemon, GitHTTP, Repository

from agent.edges import failpoints
from agent.edges.git import address
from agent.edges.git import repository as local
from agent.edges.git.address import Remote
from agent.edges.git.errors import GitError, GitReason
from agent.edges.git.mirror import Mirror
from agent.edges.git.objects import LINK, SUBMODULE, Author

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(failpoints.__file__).parents[2]


@pytest.fixture
def mirror(repository: Repository, tmp_path: Path) -> Mirror:
    """A mirror of the repository, by way of the disk."""
    return Mirror(tmp_path / "state" / "mirror", Remote(repository.url, "main"))


def _reason(action: Callable[[], object]) -> GitReason:
    with pytest.raises(GitError) as failed:
        action()
    return failed.value.reason


def test_a_commit_arrives_with_its_files(mirror: Mirror, repository: Repository):
    """Poll tells the commit, fetch brings it, reading gives its bytes."""
    commit = repository.commit({"a/b.yaml": "kind: A\n", "c": b"\xff"})
    assert (mirror.poll(), mirror.fetch()) == (commit, commit)
    files = mirror.listing(commit)
    assert {path: blob.size for path, blob in files.items()} == {"a/b.yaml": 8, "c": 1}
    assert mirror.read(blob.oid for blob in files.values()) == {
        files["a/b.yaml"].oid: b"kind: A\n",
        files["c"].oid: b"\xff",
    }
    assert mirror.read_path(commit, "c") == b"\xff"
    assert mirror.read_path(commit, "missing") is None
    assert mirror.read([]) == {}


@pytest.mark.parametrize("protocol", [GitDaemon, GitHTTP])
def test_the_network_protocols_work(
    protocol: type[GitDaemon | GitHTTP], repository: Repository, tmp_path: Path
):
    """As over the disk."""
    commit = repository.commit({"a": "1"})
    with protocol(tmp_path) as server:
        mirror = Mirror(tmp_path / "mirror", Remote(server.url("repository.git"), "main"))
        assert (mirror.poll(), mirror.fetch()) == (commit, commit)


def test_a_commit_says_who_and_after_which(mirror: Mirror, repository: Repository):
    """Read by GitPython."""
    first = repository.commit({"a": "1"})
    second = repository.commit({"a": "2"}, "Subject\n\nTidegate-Revision: x")
    mirror.fetch()
    found = mirror.commit(second)
    assert found == local.Commit(
        id=second,
        tree=mirror.trees(second)[""],
        parents=(first,),
        author="Ada Author",
        email="ada@example.com",
        time=1767225660,
        message="Subject\n\nTidegate-Revision: x",
    )


def test_equal_folders_have_equal_tree_ids(mirror: Mirror, repository: Repository):
    """What did not change needs no look."""
    first = repository.commit({"a/x": "1", "b/x": "1"})
    second = repository.commit({"b/x": "2"})
    mirror.fetch()
    before, after = mirror.trees(first), mirror.trees(second)
    assert {folder for folder in before if before[folder] == after[folder]} == {"a"}
    assert mirror.changed(first, second) == ("b/x",)


# --- absence and unreachability are different things -----------------------------------------


def test_a_missing_branch_is_none_for_poll_and_an_error_for_fetch(
    mirror: Mirror, repository: Repository
):
    """And what was fetched before stays readable."""
    commit = repository.commit({"a": "1"})
    mirror.fetch()
    repository.git("update-ref", "-d", "refs/heads/main")
    repository.commit({"a": "2"}, branch="x/refs/heads/main")
    assert mirror.poll() is None
    assert _reason(mirror.fetch) is GitReason.NO_BRANCH
    assert mirror.read_path(commit, "a") == b"1"


def test_the_start_of_an_id_names_its_commit(mirror: Mirror, repository: Repository):
    """One that fits no commit names none, and no other text reaches Git."""
    commit = repository.commit({"a": "1"})
    mirror.fetch()
    assert (mirror.resolve(commit[:8]), mirror.resolve(commit)) == (commit, commit)
    assert mirror.resolve("0" * 8) == ""
    assert _reason(lambda: mirror.resolve("--all")) is GitReason.REFUSED


def test_an_unreachable_server_is_an_error(repository: Repository, tmp_path: Path):
    """Never "no such branch"."""
    with GitHTTP(tmp_path) as server:
        mirror = Mirror(tmp_path / "mirror", Remote(server.url("repository.git"), "main"))
        server.down = True
        assert _reason(mirror.poll) is GitReason.UNREACHABLE
        assert _reason(mirror.fetch) is GitReason.UNREACHABLE
    assert _reason(mirror.poll) is GitReason.UNREACHABLE
    assert repository.head() is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(403, GitReason.AUTH_FAILED), (404, GitReason.NOT_FOUND), (500, GitReason.UNREACHABLE)],
)
def test_what_the_server_says_tells_whom_to_ask(answer: int, reason: GitReason, tmp_path: Path):
    """Credentials, address or server."""
    with GitHTTP(tmp_path) as server:
        server.answer = answer
        mirror = Mirror(tmp_path / "mirror", Remote(server.url("repository.git"), "main"))
        assert _reason(mirror.poll) is reason


def test_a_silent_server_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A poll ends, and git-remote-http with it."""
    monkeypatch.setattr("agent.edges.git.mirror.POLL_SECONDS", 0.5)
    with GitHTTP(tmp_path) as server:
        server.hang = True
        mirror = Mirror(tmp_path / "mirror", Remote(server.url("repository.git"), "main"))
        assert _reason(mirror.poll) is GitReason.TIMED_OUT


def test_a_repository_that_is_gone_is_not_empty(mirror: Mirror, repository: Repository):
    """The address leads nowhere: an error with that name."""
    repository.path.rename(repository.path.with_name("moved"))
    assert _reason(mirror.poll) is GitReason.NOT_FOUND


# --- credentials -----------------------------------------------------------------------------


def _secret(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_mounted_credentials_open_the_door(repository: Repository, tmp_path: Path):
    """And wrong ones give a reason without the secret in it."""
    commit = repository.commit({"a": "1"})
    right = _secret(tmp_path / "right", username="ada", password='it\'s "so" $ecret\n')  # noqa: S106
    wrong = _secret(tmp_path / "wrong", username="ada", token="canary")  # noqa: S106
    with GitHTTP(tmp_path, "ada", 'it\'s "so" $ecret') as server:
        url = server.url("repository.git")
        assert Mirror(tmp_path / "m1", Remote(url, "main", right)).fetch() == commit
        with pytest.raises(GitError) as failed:
            Mirror(tmp_path / "m2", Remote(url, "main", wrong)).poll()
    assert failed.value.reason is GitReason.AUTH_FAILED
    assert "canary" not in str(failed.value)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder whose Git configuration counts as the user's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    address._helpers_of_user.cache_clear()
    yield tmp_path
    address._helpers_of_user.cache_clear()


def test_without_a_folder_the_users_own_helpers_work(home: Path, repository: Repository):
    """`credential.*` of the global configuration counts, and nothing else of it."""
    commit = repository.commit({"a": "1"})
    text = '[credential]\n\thelper = store\n[url "/elsewhere/"]\n\tinsteadOf = http://\n'
    (home / ".gitconfig").write_text(text)
    with GitHTTP(home, "ada", "secret") as server:
        url = server.url(repository.path.name)
        (home / ".git-credentials").write_text(url.replace("//", "//ada:secret@") + "\n")
        assert Mirror(home / "mirror", Remote(url, "main")).fetch() == commit
    assert address.settings(Remote(url, "main")) == (("credential.helper", "store"),)


def test_a_redirecting_server_gets_no_credential_to_another_host(tmp_path: Path):
    """The redirect is not followed, so nobody else sees a request at all."""
    heard: list[str] = []
    with GitHTTP(tmp_path) as other, _Redirecting(other.url("repository.git"), heard) as url:
        folder = _secret(tmp_path / "secret", username="ada", password="canary")  # noqa: S106
        mirror = Mirror(tmp_path / "mirror", Remote(url, "main", folder))
        assert _reason(mirror.poll) is GitReason.REDIRECTED
        assert other.requests == []
    assert heard == ["/repository.git/info/refs?service=git-upload-pack"]


class _Redirecting:
    """A server that sends everybody elsewhere."""

    def __init__(self, target: str, heard: list[str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(self.path)
                self.send_response(302)
                self.send_header("Location", f"{target}/info/refs?service=git-upload-pack")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/repository.git"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# --- history ---------------------------------------------------------------------------------


def test_descent_is_decided_by_history_alone(mirror: Mirror, repository: Repository):
    """A rewritten branch, whatever its dates, does not descend from what was applied."""
    first = repository.commit({"a": "1"})
    second = repository.commit({"a": "2"})
    mirror.fetch()
    repository.force(first)
    third = repository.commit({"a": "3"})
    mirror.fetch()
    asked = [(first, second), (second, first), (second, second), (third, second), (third, first)]
    told = [mirror.descends(commit, ancestor) for commit, ancestor in asked]
    assert told == [False, True, True, False, True]
    assert mirror.descends(third, "0" * 39 + "1") is False


def test_the_last_who_touched_a_path_is_its_author(mirror: Mirror, repository: Repository):
    """Also after a revert, which is a change of its own."""
    bob = "Bob <bob@example.com>"
    first = repository.commit({"a": "1", "b c": "1"})
    mirror.fetch()
    ada = Author(first, "Ada Author", "ada@example.com", 1767225600)
    assert mirror.blame(first, ["a", "b c", "missing"]) == {"a": ada, "b c": ada}
    repository.commit({"a": "2"}, author=bob)
    third = repository.commit({"a": "1"}, author=bob)
    mirror.fetch()
    assert mirror.blame(third, ["a", "b c"]) == {
        "a": Author(third, "Bob", "bob@example.com", 1767225720),
        "b c": ada,
    }


def test_a_pinned_commit_outlives_a_rewrite(mirror: Mirror, repository: Repository):
    """What is applied can be rendered again."""
    first = repository.commit({"a": "1"})
    second = repository.commit({"a": "2"})
    mirror.fetch()
    mirror.pin_all({"web/shop": second})
    repository.force(first)
    mirror.fetch()
    mirror._repository.work("gc", "--prune=now", "--quiet")
    assert mirror.pinned() == {"web/shop": second}
    assert mirror.read_path(second, "a") == b"2"
    mirror.unpin("web/shop")
    assert mirror.pinned() == {}


@pytest.mark.parametrize("name", ["", "../x", "a..b", "a/b/c", "A", "-a", "a.lock", "a/"])
def test_no_name_of_a_pin_leaves_its_place(mirror: Mirror, name: str):
    """Refused before Git hears of it."""
    assert _reason(lambda: mirror.pin_all({name: "1" * 40})) is GitReason.REFUSED


@pytest.mark.parametrize("text", ["--help", "HEAD", "main", "1" * 39, "1" * 41, "", "A" * 40])
def test_only_whole_ids_are_commits(mirror: Mirror, text: str):
    """No abbreviation, ref or option gets through."""
    mirror._repository.ensure()
    for question in (mirror.listing, mirror.commit, lambda c: mirror.read([c])):
        assert _reason(lambda question=question: question(text)) is GitReason.REFUSED


def test_a_commit_we_do_not_have_is_an_error(mirror: Mirror, repository: Repository):
    """Never an empty listing."""
    repository.commit({"a": "1"})
    mirror.fetch()
    for question in (mirror.listing, mirror.commit, lambda c: mirror.read([c])):
        assert _reason(lambda question=question: question("1" * 40)) is GitReason.NO_OBJECT


def test_reading_is_capped(mirror: Mirror, repository: Repository):
    """A huge blob does not fill the memory."""
    commit = repository.commit({"a": "x" * 10_000})
    mirror.fetch()
    oid = mirror.listing(commit)["a"].oid
    assert _reason(lambda: mirror.read([oid], cap=1000)) is GitReason.TOO_LARGE


def test_hostile_trees_are_listed_as_they_are(mirror: Mirror, repository: Repository):
    """Links and submodules are told by their mode; odd names come back whole."""
    link = "M 120000 inline link\ndata 11\n/etc/passwd\n"
    commit = _import(
        repository,
        f'{link}M 160000 {"1" * 40} sub\nM 644 inline "a\\n\\377"\ndata 1\nx\n',
    )
    mirror.fetch()
    files = mirror.listing(commit)
    assert {path: blob.mode for path, blob in files.items()} == {
        "link": LINK,
        "sub": SUBMODULE,
        "a\n\udcff": 0o100644,
    }
    assert mirror.read_path(commit, "link") is None


def _import(repository: Repository, changes: str) -> str:
    """Commit by fast-import, which takes any name and mode."""
    head = "commit refs/heads/main\nmark :1\ncommitter A <a@b> 1 +0000\ndata 1\nx\n"
    done = subprocess.run(
        ["git", "-C", str(repository.path), "fast-import", "--quiet", "--force"],
        input=f"{head}{changes}\nget-mark :1\n".encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


# --- faults ----------------------------------------------------------------------------------


def test_settings_of_the_environment_have_no_say(
    mirror: Mirror, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The agent may be started by a Git hook, with its variables set."""
    commit = repository.commit({"a": "1"})
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='nonsense'")
    assert mirror.fetch() == commit
    assert mirror.read_path(commit, "a") == b"1"
    assert mirror.blame(commit, ["a"])["a"].commit == commit


def test_killed_fetches_never_wedge_the_mirror(repository: Repository, tmp_path: Path):
    """After kill -9 of the agent at any moment of a fetch, the next fetch works."""
    with GitDaemon(tmp_path) as server:
        remote = Remote(server.url("repository.git"), "main")
        program = (
            "import sys; from pathlib import Path; from agent.edges.git.mirror import Mirror;"
            "from agent.edges.git.address import Remote;"
            f"m = Mirror(Path({str(tmp_path / 'mirror')!r}), Remote({remote.url!r}, 'main'));"
            "m.poll(); print(flush=True); m.fetch()"
        )
        for turn in range(6):
            commit = repository.commit({f"f{n}": os.urandom(20_000) for n in range(20)})
            with subprocess.Popen(
                [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE
            ) as agent:
                assert agent.stdout is not None
                agent.stdout.readline()
                with pytest.raises(subprocess.TimeoutExpired):
                    agent.wait(0.003 * turn)
                agent.kill()
            assert Mirror(tmp_path / "mirror", remote).fetch() == commit


@pytest.mark.parametrize("point", ["fetch:before", "fetch:after"])
def test_an_agent_killed_around_a_fetch_converges(
    point: str, mirror: Mirror, repository: Repository
):
    """The failpoints are where they say, and the next fetch needs no help."""
    commit = repository.commit({"a": "1"})
    folder, url = str(mirror._repository.folder), repository.url
    program = (
        "from pathlib import Path; from agent.edges.git.mirror import Mirror;"
        "from agent.edges.git.address import Remote;"
        f"Mirror(Path({folder!r}), Remote({url!r}, 'main')).fetch()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, failpoints.VARIABLE: f"{point}:kill"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert mirror.fetch() == commit


def _packs(mirror: Mirror) -> list[Path]:
    return sorted((mirror._repository.folder / "objects" / "pack").glob("*.pack"))


def _damage(pack: Path) -> None:
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[20:-20] = bytes(byte ^ 0x55 for byte in content[20:-20])
    pack.write_bytes(content)


def test_a_damaged_mirror_is_put_aside_and_made_again(mirror: Mirror, repository: Repository):
    """The read fails aloud, the next fetch heals, and pins are kept."""
    commit = repository.commit({"a": "x" * 5000})
    mirror.fetch()
    mirror.pin_all({"web/shop": commit})
    for pack in _packs(mirror):
        _damage(pack)
    assert _reason(lambda: mirror.listing(commit)) is GitReason.CORRUPT
    assert mirror.fetch() == commit
    assert mirror.read_path(commit, "a") == b"x" * 5000
    assert mirror.pinned() == {"web/shop": commit}


def test_a_vanished_branch_does_not_empty_a_damaged_mirror(mirror: Mirror, repository: Repository):
    """Nothing is better than what is damaged: it stays until there is a branch again."""
    repository.commit({"a": "x" * 5000})
    mirror.fetch()
    for pack in _packs(mirror):
        _damage(pack)
    repository.git("update-ref", "-d", "refs/heads/main")
    assert _reason(mirror.fetch) is GitReason.NO_BRANCH
    assert len(_packs(mirror)) == 1


def test_lost_packs_are_noticed(mirror: Mirror, repository: Repository):
    """Also without a read in between."""
    repository.commit({"a": "1"})
    mirror.fetch()
    for pack in _packs(mirror):
        pack.unlink()
        pack.with_suffix(".idx").unlink()
    commit = repository.commit({"a": "2"})
    assert mirror.fetch() == commit
    assert mirror.read_path(commit, "a") == b"2"


def test_a_damaged_mirror_serves_until_a_new_one_is_there(tmp_path: Path, repository: Repository):
    """While the server is away the old commit's folder is not thrown away."""
    commit = repository.commit({"a": "x" * 5000})
    with GitHTTP(tmp_path) as server:
        mirror = Mirror(tmp_path / "mirror", Remote(server.url("repository.git"), "main"))
        mirror.fetch()
        for pack in _packs(mirror):
            _damage(pack)
        _reason(lambda: mirror.listing(commit))
        server.down = True
        assert _reason(mirror.fetch) is GitReason.UNREACHABLE
        assert len(_packs(mirror)) == 1
        server.down = False
        assert mirror.fetch() == commit


def test_many_fetches_leave_few_packs(
    mirror: Mirror, repository: Repository, monkeypatch: pytest.MonkeyPatch
):
    """A year of commits neither exhausts inodes nor slows reading."""
    monkeypatch.setattr(local, "PACKS_KEPT", 3)
    for turn in range(8):
        commit = repository.commit({"a": str(turn)})
        assert mirror.fetch() == commit
    assert len(_packs(mirror)) <= 4
    assert mirror.read_path(commit, "a") == b"7"


def test_the_lock_is_respected(mirror: Mirror, monkeypatch: pytest.MonkeyPatch):
    """Somebody else's fetch is waited for, then it is told."""
    monkeypatch.setattr(local, "LOCK_SECONDS", 0.1)
    with mirror._repository.lock():
        assert _reason(mirror.fetch) is GitReason.BUSY


def test_a_listing_is_the_same_whichever_way_it_was_found(
    mirror: Mirror, repository: Repository, tmp_path: Path
):
    """What is known of an earlier commit only saves time."""
    steps: list[dict[str, str | None]] = [
        {"a.yaml": "1", "web/b.yaml": "1", "web/deep/c.yaml": "1"},
        {"web/b.yaml": "22", "new/d.yaml": "333"},
        {"web/deep/c.yaml": None, "a.yaml": None},
        {"a.yaml/is/a/folder/now": "1", "web/b.yaml": "1"},
        {"a.yaml/is/a/folder/now": None, "a.yaml": "a file again"},
    ]
    for step in steps:
        commit = repository.commit(step)
        mirror.fetch()
        fresh = Mirror(tmp_path / "fresh" / commit, Remote(repository.url, "main"))
        fresh.fetch()
        assert mirror.listing(commit) == fresh.listing(commit)
        assert mirror.trees(commit) == fresh.trees(commit)
