"""What every test may ask for: a real control plane, a namespace, a repository; never a fake.

Also keeps the machine's own settings away from the tests: git's configuration, kubeconfigs, and
`TIDEGATE_` variables. A sleeping test is a failing test: wait for an event.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # whatever the import mode is

from control_plane.build import Assets, AssetsMissingError, find
from control_plane.server import CONTROLLERS, ControlPlane
from control_plane.sharing import shared
from git_server import Repository
from ssh_server import GitSSH, SshdMissingError, find_sshd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from control_plane.kubelet import Kubelet

_MARKERS = (
    "real: needs a real control plane (make control-plane builds it)",
    "e2e: runs the real command against a real control plane and a real repository",
    "corpus: needs TIDEGATE_CORPUS, a folder of manifests and charts from real projects",
)
_FOR_THE_TESTS = frozenset(
    {
        "TIDEGATE_CACHE_DIR",
        "TIDEGATE_CORPUS",
        "TIDEGATE_REQUIRE_CONTROL_PLANE",
        "TIDEGATE_REQUIRE_SSHD",
    }
)
_REQUIRE = "TIDEGATE_REQUIRE_CONTROL_PLANE"
_REAL = frozenset({"assets", "control_plane"})
_MAY_SLEEP = frozenset({"subprocess", "control_plane", "git_server"})
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Carl Committer",
    "GIT_COMMITTER_EMAIL": "carl@example.com",
}


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; `--strict-markers` refuses others."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as real what asks for the real programs, so that nobody can forget it."""
    for item in items:
        if _REAL.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("real")


@pytest.fixture(scope="session", autouse=True)
def _isolated_environment() -> Iterator[None]:
    """Take away what this machine, or a git hook that runs the tests, has set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            ours = name.startswith("TIDEGATE_") and name not in _FOR_THE_TESTS
            if ours or name.startswith("GIT_"):
                patch.delenv(name)
        for name, value in _GIT.items():
            patch.setenv(name, value)
        patch.setenv("KUBECONFIG", os.devnull)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_sleeping() -> Iterator[None]:
    """Make `time.sleep` raise, except where the library or the servers' own code calls it."""
    really = time.sleep  # noqa: TID251  # the ban itself

    def sleep(seconds: float) -> None:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller.partition(".")[0] not in _MAY_SLEEP:
            raise AssertionError(f"{caller} sleeps {seconds} s: wait for an event instead")
        really(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", sleep)
        yield


@pytest.fixture(scope="session")
def assets() -> Assets:
    """Where the control plane's programs, kustomize and helm are; without them: a loud skip."""
    try:
        return find()
    except AssetsMissingError as error:
        _without(error)


@pytest.fixture(scope="session")
def control_plane(
    assets: Assets, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """One real API server, shared by all tests and all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    with shared((base.parent if _is_worker() else base) / "shared", assets) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """Give the name of a fresh namespace; it stays until the control plane goes."""
    name = f"test-{secrets.token_hex(5)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    assert control_plane.client().request("POST", "/api/v1/namespaces", body).code == 201
    return name


@pytest.fixture
def kubectl(control_plane: ControlPlane) -> Callable[..., str]:
    """Run kubectl as admin: `kubectl("get", "pods", stdin=None, check=True)` gives its output."""
    return control_plane.kubectl


@pytest.fixture
def controllers(control_plane: ControlPlane, namespace: str) -> Iterator[Kubelet]:
    """Run the usual controllers meanwhile, with the stand-in for nodes in this test's namespace."""
    try:
        control_plane.assets.program("kube-controller-manager")
    except AssetsMissingError as error:
        _without(error)
    with control_plane.controller_manager(CONTROLLERS), control_plane.kubelet(namespace) as kubelet:
        yield kubelet


@pytest.fixture
def no_controllers(control_plane: ControlPlane) -> Iterator[None]:
    """Keep the controllers of other tests away, which would work here too: the test plays them."""
    with control_plane.without_controllers():
        yield


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Give an empty bare repository."""
    return Repository(tmp_path / "repository.git")


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[GitSSH]:
    """Serve repositories over SSH by a real sshd; without one: a loud skip."""
    try:
        sshd = find_sshd()
    except SshdMissingError as error:
        _without(error, "sshd", "TIDEGATE_REQUIRE_SSHD")
    with GitSSH(sshd, tmp_path / "sshd") as server:
        yield server
    sys.stderr.write(server.log)  # pytest shows it where a test fails


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _without(error: Exception, what: str = "control plane", demand: str = _REQUIRE) -> NoReturn:
    if os.environ.get(demand) == "1":
        pytest.fail(f"{demand}=1, but {error}", pytrace=False)
    pytest.skip(f"no real {what}: {error}")
