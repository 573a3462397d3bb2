"""Addresses: what Git gets to see, and who gets the credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.edges.git import address
from agent.edges.git.address import Remote
from agent.edges.git.errors import GitError, GitReason

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "url",
    [
        "https://host/group/repo.git",
        "https://host:8443/repo",
        "ssh://git@host:22/repo",
        "git@host:group/repo.git",
        "git://host/repo",
        "file:///srv/repo.git",
        "/srv/repo.git",
    ],
)
def test_the_usual_addresses_are_taken(url: str):
    """Every spelling that Git documents and that we can bind a credential to."""
    assert Remote(url, "main").url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x:repo",
        "ext::sh -c touch%20x",
        "fd::3",
        "ftp://host/repo",
        "https://user:password@host/repo",
        "https://token@host/repo",
        "ssh://-oProxyCommand=x/repo",
        "ssh://-x@host/repo",
        "https://host/\nrepo",
        "relative/path",
    ],
)
def test_no_address_becomes_an_option_a_command_or_a_leak(url: str):
    """Refused before any Git runs, and without telling the credential."""
    with pytest.raises(GitError) as refused:
        Remote(url, "main")
    assert refused.value.reason is GitReason.REFUSED
    assert "password" not in str(refused.value)
    assert "token" not in str(refused.value)


@pytest.mark.parametrize(
    "branch", ["", "-f", "a..b", "a b", "a.lock", "a/", "/a", "a//b", "a/.b", "@", "a@{1}", "a:b"]
)
def test_no_branch_becomes_an_option_or_a_refspec(branch: str):
    """The rules of git-check-ref-format(1)."""
    with pytest.raises(GitError, match="is not a branch name"):
        Remote("https://host/repo", branch)


def test_mounted_credentials_answer_for_one_origin_only(tmp_path: Path):
    """The helper is named for scheme, host and port, and all others are dropped first."""
    (tmp_path / "token").write_text("canary")
    remote = Remote("https://host:8443/repo", "main", tmp_path)
    (empty, none), (name, helper) = address.settings(remote)
    assert (empty, none) == ("credential.helper", "")
    assert name == "credential.https://host:8443.helper"
    assert "canary" not in helper


def test_a_mounted_key_is_the_only_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither the agent's user nor its SSH agent is asked, and the host must be known."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/canary")
    (tmp_path / "identity").touch()
    (tmp_path / "known_hosts").touch()
    found = address.environment(Remote("git@host:repo", "main", tmp_path))
    assert "SSH_AUTH_SOCK" not in found
    own_key = f"-i {tmp_path}/identity -o IdentitiesOnly=yes -o IdentityFile=none"
    assert own_key in found["GIT_SSH_COMMAND"]
    assert f'UserKnownHostsFile="{tmp_path}/known_hosts"' in found["GIT_SSH_COMMAND"]
    assert "StrictHostKeyChecking=yes" in found["GIT_SSH_COMMAND"]


@pytest.mark.parametrize("url", ["git@host:repo", "ssh://git@host/repo"])
@pytest.mark.parametrize(
    ("there", "reason", "says"),
    [
        ("known_hosts", "AuthFailed", "holds no ssh-privatekey or identity"),
        ("ssh-privatekey", "HostKey", "holds no known_hosts"),
    ],
)
def test_half_of_the_credentials_is_refused(
    tmp_path: Path, url: str, there: str, reason: str, says: str
):
    """Nobody is asked without a key, or without knowing who answers."""
    (tmp_path / there).touch()
    with pytest.raises(GitError, match=says) as refused:
        address.environment(Remote(url, "main", tmp_path))
    assert refused.value.reason == reason


@pytest.mark.parametrize("url", ["https://host/repo", "/srv/repo.git", "file:///srv/repo.git"])
def test_other_ways_than_ssh_need_no_key(tmp_path: Path, url: str):
    """A token alone is whole where SSH is not spoken."""
    (tmp_path / "token").touch()
    assert "SSH_AUTH_SOCK" not in address.environment(Remote(url, "main", tmp_path))
