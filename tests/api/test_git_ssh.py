"""The agent's Git speaks SSH with a real sshd: by the mounted key, to the mounted host, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ssh_server import make_key

from agent.edges.git.address import Remote
from agent.edges.git.errors import GitError, GitReason
from agent.edges.git.mirror import Mirror
from agent.edges.git.publish import Identity, Publisher

if TYPE_CHECKING:
    from pathlib import Path

    from git_server import Repository
    from ssh_server import GitSSH

STRICT = "strict checking; Host key verification failed"


@pytest.fixture
def credentials(ssh: GitSSH, tmp_path: Path) -> Path:
    """Give a folder of credentials with a name that has to be quoted."""
    return ssh.credentials(tmp_path / "our credentials")


@pytest.fixture
def mirror(ssh: GitSSH, repository: Repository, credentials: Path, tmp_path: Path) -> Mirror:
    """Give a mirror of the repository, over SSH."""
    repository.commit({"a": "1"})
    return Mirror(tmp_path / "mirror.git", Remote(ssh.url(repository.path), "main", credentials))


def refused(mirror: Mirror) -> tuple[GitReason, str]:
    """Poll, and give why that failed, without where."""
    with pytest.raises(GitError) as error:
        mirror.poll()
    return error.value.reason, str(error.value).removeprefix(f"poll of {mirror.remote} failed: ")


def test_a_repository_is_polled_fetched_and_written(
    ssh: GitSSH, repository: Repository, credentials: Path, mirror: Mirror, tmp_path: Path
) -> None:
    """The mounted key lets in, to read and to write."""
    assert mirror.poll() == mirror.fetch() == repository.head()
    second = repository.commit({"a": "2"})
    assert mirror.poll() == mirror.fetch() == second
    remote = Remote(ssh.url(repository.path), "status", credentials)
    publisher = Publisher(tmp_path / "status.git", remote, Identity("tidegate", "t@example.com"))
    publisher.publish(lambda _: {"README.md": b"# One\n"}, "Tell", {})
    assert repository.show("status", "README.md") == "# One\n"


def test_a_server_with_another_key_gets_nothing(
    ssh: GitSSH, credentials: Path, mirror: Mirror, tmp_path: Path
) -> None:
    """Whoever answers in the server's place is told apart, and the message says so."""
    ssh.introduce(credentials, make_key(tmp_path / "other"))
    changed = f"Host key for [127.0.0.1]:{ssh.port} has changed and you have requested {STRICT}"
    assert refused(mirror) == (GitReason.HOST_KEY, changed)
    assert "Accepted" not in ssh.log


def test_an_unknown_server_gets_nothing(ssh: GitSSH, credentials: Path, mirror: Mirror) -> None:
    """A host that the mounted file does not name is not trusted at first sight."""
    (credentials / "known_hosts").write_text("")
    host = f"[127.0.0.1]:{ssh.port}"
    unknown = f"No ED25519 host key is known for {host} and you have requested {STRICT}"
    assert refused(mirror) == (GitReason.HOST_KEY, unknown)


def test_without_a_key_nobody_is_asked(ssh: GitSSH, credentials: Path, mirror: Mirror) -> None:
    """A folder without a key is named; the user's own keys are not tried instead."""
    (credentials / "ssh-privatekey").unlink()
    assert refused(mirror) == (
        GitReason.AUTH_FAILED,
        f"{credentials} holds no ssh-privatekey or identity: put the private key there",
    )
    assert ssh.connections == 0


def test_a_key_that_is_not_allowed_is_refused(
    ssh: GitSSH, credentials: Path, mirror: Mirror
) -> None:
    """The server's refusal comes through in ssh's own words."""
    (credentials / "ssh-privatekey").unlink()
    make_key(credentials / "ssh-privatekey")
    reason, says = refused(mirror)
    assert (reason, ssh.connections) == (GitReason.AUTH_FAILED, 1)
    assert says.endswith("@127.0.0.1: Permission denied (publickey)")


def test_a_key_that_is_none_is_named(credentials: Path, mirror: Mirror) -> None:
    """What can't be read as a key is named beside the server's refusal."""
    (credentials / "ssh-privatekey").write_text("nonsense\n")
    reason, says = refused(mirror)
    assert reason is GitReason.AUTH_FAILED
    assert says.startswith(f'Load key "{credentials}/ssh-privatekey": ')
    assert says.endswith("Permission denied (publickey)")


def test_a_rotated_key_counts_at_once(credentials: Path, mirror: Mirror) -> None:
    """The folder is read at each request: a Secret may change under a running agent."""
    right = (credentials / "ssh-privatekey").read_bytes()
    (credentials / "ssh-privatekey").write_text("nonsense\n")
    assert refused(mirror)[0] is GitReason.AUTH_FAILED
    (credentials / "ssh-privatekey").write_bytes(right)
    assert mirror.poll() == mirror.fetch()


def test_a_repository_that_is_not_there_is_told_apart(
    ssh: GitSSH, credentials: Path, tmp_path: Path
) -> None:
    """The login works and the path is wrong: that is what the message says."""
    nowhere = tmp_path / "nowhere.git"
    mirror = Mirror(tmp_path / "mirror.git", Remote(ssh.url(nowhere), "main", credentials))
    says = f"fatal: '{nowhere}' does not appear to be a git repository"
    assert refused(mirror) == (GitReason.NOT_FOUND, says)
