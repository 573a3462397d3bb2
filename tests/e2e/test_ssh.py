"""The agent follows a repository over SSH: a real sshd, a mounted key, a mounted host key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, objects_of, package
from ssh_server import make_key

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.agent_process import Site
    from ssh_server import GitSSH

pytestmark = [pytest.mark.e2e, pytest.mark.real]


@pytest.fixture
def credentials(ssh: GitSSH, tmp_path: Path) -> Path:
    """Give a folder of credentials, as a Secret is mounted."""
    return ssh.credentials(tmp_path / "credentials")


@pytest.fixture
def over_ssh(ssh: GitSSH, credentials: Path, site: Site) -> tuple[str, str]:
    """Have a package declared; give the options that name repository and credentials."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    return f"--repo={ssh.url(site.repository.path)}", f"--git-credentials={credentials}"


def test_the_agent_clones_follows_and_tells_over_ssh(site: Site, over_ssh: tuple[str, str]) -> None:
    """It applies what it cloned, then what it fetched, and pushes its status branch."""
    with site.start(*over_ssh) as agent:
        site.wait_until_told("Synced")
        second = site.commit(objects_of("web", {"a": config_map("a", "2")}))
        site.wait_until_applied(second)
        assert agent.stop().code == 0
    assert site.value("a") == "2"
    assert second[:12] in site.repository.show(site.status_branch, "status.json")
    assert site.remote.requests == []


def test_a_server_with_another_host_key_is_refused(
    ssh: GitSSH, credentials: Path, site: Site, over_ssh: tuple[str, str], tmp_path: Path
) -> None:
    """Nothing is applied, nobody logs in, and the agent says that it is the host key."""
    ssh.introduce(credentials, make_key(tmp_path / "other"))
    ended = site.once(*over_ssh)
    assert (ended.code, site.values(), "Accepted" in ssh.log) == (3, {}, False)
    assert "Host key verification failed" in ended.stderr


def test_a_missing_key_is_named(
    ssh: GitSSH, credentials: Path, site: Site, over_ssh: tuple[str, str]
) -> None:
    """Nobody is asked, and the agent says which file it misses."""
    (credentials / "ssh-privatekey").unlink()
    ended = site.once(*over_ssh)
    assert (ended.code, site.values(), ssh.connections) == (3, {}, 0)
    assert f"{credentials} holds no ssh-privatekey" in ended.stderr
