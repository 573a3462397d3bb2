"""Exports: what of a hostile tree reaches the disk, and how."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from agent.edges.git.address import Remote
from agent.edges.git.errors import GitError, GitReason, TreeRefused
from agent.edges.git.export import Exported
from agent.edges.git.mirror import Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from git_server import Repository


@pytest.fixture
def mirror(repository: Repository, tmp_path: Path) -> Mirror:
    """A mirror of the repository."""
    return Mirror(tmp_path / "mirror", Remote(repository.url, "main"))


def _import(repository: Repository, *changes: str) -> str:
    """Commit by fast-import, which takes nearly any name and mode."""
    head = "commit refs/heads/main\nmark :1\ncommitter A <a@b> 1 +0000\ndata 1\nx\n"
    text = head + "\n".join(changes) + "\nget-mark :1\n"
    done = subprocess.run(
        ["git", "-C", str(repository.path), "fast-import", "--quiet", "--force"],
        input=text.encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def _file(path: str, content: str = "x", mode: str = "100644") -> str:
    return f"M {mode} inline {path}\ndata {len(content.encode())}\n{content}"


def _modes(folder: Path) -> dict[str, str]:
    paths = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): oct(p.lstat().st_mode & 0o170777) for p in paths}


def test_a_folder_is_written_with_plain_modes(
    mirror: Mirror, repository: Repository, tmp_path: Path
):
    """Files 644 or 755, whatever the umask; links inside stay links; nothing else is there."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    commit = _import(
        repository,
        _file("app/run.sh", mode="100755"),
        _file("app/a/x.yaml"),
        _file("app/big.bin", pointer),
        _file("app/a/link", "../run.sh", "120000"),
        _file("application/other"),
        _file("app/.gitignore"),
    )
    mirror.fetch()
    before = os.umask(0o077)
    try:
        done = mirror.export(commit, "app", tmp_path / "out")
    finally:
        os.umask(before)
    files = (".gitignore", "a/link", "a/x.yaml", "big.bin", "run.sh")
    assert done == Exported(files, lfs_pointers=("big.bin",))
    assert oct((tmp_path / "out").stat().st_mode) == "0o40700"
    assert _modes(tmp_path / "out") == {
        ".gitignore": "0o100644",
        "a": "0o40700",
        "a/link": "0o120777",
        "a/x.yaml": "0o100644",
        "big.bin": "0o100644",
        "run.sh": "0o100755",
    }


def test_attributes_of_the_tree_have_no_say(mirror: Mirror, repository: Repository, tmp_path: Path):
    """`git archive` leaves `export-ignore` files out, and we would prune what they declare."""
    attributes = "*.yaml export-ignore\nb eol=crlf working-tree-encoding=UTF-16 ident\n"
    commit = repository.commit({".gitattributes": attributes, "a.yaml": "1", "b": "$Id$\n"})
    mirror.fetch()
    mirror.export(commit, "", tmp_path / "out")
    assert (tmp_path / "out" / "a.yaml").read_bytes() == b"1"
    assert (tmp_path / "out" / "b").read_bytes() == b"$Id$\n"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ((_file("p/link", "/etc/passwd", "120000"),), "link"),
        ((_file("p/link", "../outside", "120000"),), "link"),
        ((_file("p/a/link", "b/../../../x", "120000"),), "a/link"),
        ((f"M 160000 {'1' * 40} p/sub",), "sub"),
        ((_file('"p/a\\nb"'),), "a\nb"),
        ((_file('"p/a\\\\b"'),), "a\\b"),
        ((_file('"p/\\377"'),), "\udcff"),
        ((_file(f"p/{'x' * 256}"),), "x" * 256),
        ((_file("p/README"), _file("p/readme")), "readme"),
        ((_file("p/A/x"), _file("p/a/y")), "a/y"),
        ((_file("p/git~1/x"),), "git~1/x"),
        ((_file("p/.git /x"),), ".git /x"),
    ],
)
def test_hostile_trees_are_refused_whole(
    mirror: Mirror, repository: Repository, tmp_path: Path, changes: tuple[str, ...], path: str
):
    """The culprit is named and nothing is written, not even its neighbours."""
    commit = _import(repository, _file("p/good"), *changes)
    mirror.fetch()
    with pytest.raises(TreeRefused) as refused:
        mirror.export(commit, "p", tmp_path / "out")
    assert [bad for bad, _ in refused.value.problems] == [path]
    assert not (tmp_path / "out").exists()


def test_a_hostile_neighbour_is_no_obstacle(mirror: Mirror, repository: Repository, tmp_path: Path):
    """Only the folder asked for is judged."""
    commit = _import(repository, _file("p/good"), _file("q/link", "/etc", "120000"))
    mirror.fetch()
    assert mirror.export(commit, "p", tmp_path / "out").files == ("good",)


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "a/b"])
def test_names_that_no_git_would_write_are_refused(
    mirror: Mirror, repository: Repository, tmp_path: Path, name: str
):
    """Tree objects written by hand."""
    git = ("git", "-C", str(repository.path))
    blob = subprocess.check_output([*git, "hash-object", "-w", "--stdin"], input=b"x").strip()
    raw = b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob.decode())
    command = [*git, "hash-object", "--literally", "-w", "-t", "tree", "--stdin"]
    tree = subprocess.check_output(command, input=raw).decode().strip()
    commit = repository.git("commit-tree", "-m", "x", tree).strip()
    repository.git("update-ref", "refs/heads/main", commit)
    mirror.fetch()
    with pytest.raises(GitError):
        mirror.export(commit, "", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_is_not_an_empty_one(
    mirror: Mirror, repository: Repository, tmp_path: Path
):
    """Nothing rendered from nothing."""
    commit = repository.commit({"a": "1"})
    mirror.fetch()
    with pytest.raises(GitError) as failed:
        mirror.export(commit, "nowhere", tmp_path / "out")
    assert failed.value.reason is GitReason.NO_OBJECT


def test_an_existing_destination_is_refused(mirror: Mirror, repository: Repository, tmp_path: Path):
    """Nobody else's folder, or link, is written to."""
    commit = repository.commit({"a": "1"})
    mirror.fetch()
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    with pytest.raises(GitError, match="can't write"):
        mirror.export(commit, "", tmp_path / "out")
    assert list((tmp_path / "real").iterdir()) == []
