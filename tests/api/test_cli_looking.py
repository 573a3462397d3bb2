"""The verbs that look, ask and hold, on a real API server and a real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from agent.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from control_plane.server import ControlPlane
    from git_server import Repository

pytestmark = pytest.mark.real


def package(namespace: str) -> str:
    """Declare one package, with a comment that has to survive."""
    return f"""\
# who to ask: team shop
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata:
  name: web
  namespace: {namespace}
  labels: {{tier: front}}
spec:
  source: {{path: ./manifests}}
"""


def config(color: str) -> str:
    """Write one ConfigMap."""
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: web}}
data: {{color: {color}}}
"""


@dataclass
class Shell:
    """Where the verbs are called: one package in one namespace, one agent's memory."""

    namespace: str
    repository: Repository
    environment: dict[str, str]

    @property
    def name(self) -> str:
        """The package."""
        return f"{self.namespace}/web"

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> Result:
        """Run a verb and expect an exit code."""
        runner = CliRunner(env={**self.environment, **environment})
        result = runner.invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a verb with `-o json`."""
        return json.loads(self(*arguments, "-o", "json", code=code).stdout)

    def commit(self, color: str, branch: str = "main") -> str:
        """Commit the package with one ConfigMap."""
        files = {
            "web/package.yaml": package(self.namespace),
            "web/manifests/config.yaml": config(color),
        }
        return self.repository.commit(files, f"Paint it {color}", branch=branch)

    def run_once(self, code: int = 0) -> None:
        """Let an agent converge."""
        self("run", "--once", "--no-status", "--timeout", "60s", code=code)


@pytest.fixture
def shell(
    control_plane: ControlPlane, namespace: str, repository: Repository, tmp_path: Path
) -> Shell:
    """Give a shell with a repository whose one package is not applied yet."""
    environment = {
        "TIDEGATE_REPO": repository.url,
        "TIDEGATE_CLUSTER": namespace,
        "TIDEGATE_KUBECONFIG": str(control_plane.kubeconfig()),
        "TIDEGATE_AGENT_NAMESPACE": f"{namespace}-agent",
        "TIDEGATE_INSTANCE": namespace[:20],
        "TIDEGATE_STATE_DIR": str(tmp_path / "state"),
    }
    made = Shell(namespace, repository, environment)
    made.commit("blue")
    return made


def test_plan_before_anything_is_applied(shell: Shell):
    """Nothing is written by looking: the second plan says the same."""
    first = shell("plan", code=1)

    assert f"+ create  ConfigMap {shell.namespace}/web  Git" in first.stdout
    assert shell("plan", code=1).stdout == first.stdout


def test_an_object_that_exists_is_shown_as_one_to_adopt(shell: Shell, kubectl: Callable[..., str]):
    """An object without our labels is seen before anything is tried."""
    kubectl("apply", "-n", shell.namespace, "-f", "-", stdin=config("red"))

    told = shell.json("plan", shell.name, code=1)

    steps = [(each["action"], each["kind"], each["causes"][0]) for each in told["steps"]]
    assert steps == [("Update", "ConfigMap", "Adopt")]


def test_after_a_sync_nothing_differs_until_somebody_edits(
    shell: Shell, kubectl: Callable[..., str]
):
    """`diff` exits with 0, and with 1 and the live value after an edit."""
    shell.run_once()
    assert shell("diff", shell.name).stdout == "nothing differs\n"

    kubectl("patch", "-n", shell.namespace, "configmap/web", "-p", '{"data":{"color":"red"}}')

    assert 'L data.color: "red" → "blue"' in shell("diff", shell.name, code=1).stdout


def test_plan_of_another_revision(shell: Shell):
    """A branch, and a commit by the start of its id, are planned as if they were the newest."""
    old = shell.commit("blue")
    newest = shell.commit("green")
    shell.run_once()
    shell.repository.git("branch", "next", newest)
    branch = shell.commit("pink", branch="next")

    planned = shell.json("plan", shell.name, "--rev", "next", code=1)
    older = shell.json("plan", shell.name, "--rev", old[:10], code=1)

    told = [(each["action"], each["kind"]) for each in planned["steps"]]
    assert (told, planned["commit"]) == ([("Update", "ConfigMap")], branch)
    assert older["heldCommit"] == old
    assert "neither a commit of branch main nor a branch" in (
        shell("plan", "--rev", "no-such", code=5).stderr
    )


def test_status_says_what_the_agent_told(shell: Shell):
    """One line per package, and the document of the contract."""
    shell.run_once()

    told = shell.json("status", shell.name)

    (entry,) = told["packages"]
    assert (told["schema"], told["cluster"]) == ("tidegate.status/v1", shell.namespace)
    assert (entry["namespace"], entry["name"], entry["state"]) == (shell.namespace, "web", "Synced")
    assert told["polledAt"]
    assert "✔ Synced" in shell("status", "-n", shell.namespace, "-l", "tier=front").stdout
    assert shell("status", "-n", shell.namespace, "-l", "tier=back").stdout == ""


def test_a_package_without_a_namespace_is_in_the_status_too(shell: Shell):
    """No Package can stand for it in the cluster; the agent's memory does."""
    missing = f"{shell.namespace}-missing"
    text = package(shell.namespace).replace(
        f"namespace: {shell.namespace}", f"namespace: {missing}"
    )
    shell.repository.commit({"web/package.yaml": text})
    shell.run_once(code=6)

    (entry,) = (each for each in shell.json("status")["packages"] if each["namespace"] == missing)

    assert (entry["state"], entry["reason"]) == ("Waiting", "NamespaceMissing")


def test_an_unknown_package_is_5_and_the_nearest_is_named(shell: Shell):
    """A typo costs one more look, not a search."""
    result = shell("explain", f"{shell.namespace}/wbe", code=5)

    assert f"do:    did you mean {shell.name}?" in result.stderr


def test_suspend_and_resume_are_commits(shell: Shell):
    """The comment survives, the diff and the commit are told, and undoing it restores the file."""
    before = shell.repository.show("main", "web/package.yaml")

    done = shell("suspend", shell.name, "--for", "2h", "--reason", "INC-8841: hands off")

    head = shell.repository.log()[0]
    assert head.message.startswith(f"Suspend {shell.name} until ")
    assert head.message.endswith("INC-8841: hands off")
    assert head.author == "Ada Author <ada@example.com>"
    assert done.stdout.endswith(f"commit {head.sha}\n")
    assert '+    tidegate.io/suspend-reason: "INC-8841: hands off"' in done.stdout
    assert shell.repository.show("main", "web/package.yaml").startswith("# who to ask: team shop\n")

    shell("resume", shell.name, "--reason", "fixed")

    assert shell.repository.show("main", "web/package.yaml") == before


def test_a_suspended_package_is_explained(shell: Shell):
    """Who, why, where and until when; nothing is applied."""
    shell("suspend", shell.name, "--until", "2099-01-01T00:00:00+01:00", "--reason", "INC-8841")

    told = shell.json("explain", shell.name)

    (cause,) = told["causes"]
    assert (told["state"], cause["reason"]) == ("Suspended", "Suspended")
    assert cause["message"].endswith("INC-8841")
    assert (cause["origin"]["path"], cause["by"]) == (
        "web/package.yaml",
        "Ada Author <ada@example.com>",
    )
    assert cause["until"] == "2099-01-01T00:00:00+01:00"


def test_who_suspended_first_stays(shell: Shell):
    """Suspending again moves the end, not the reason."""
    shell("suspend", shell.name, "--for", "2h", "--reason", "first")
    shell("suspend", shell.name, "--until", "2099-01-01T00:00:00Z", "--reason", "second")

    text = shell.repository.show("main", "web/package.yaml")

    assert ('"first"' in text, '"second"' in text, '"2099-01-01' in text) == (True, False, True)


def test_many_packages_are_suspended_by_a_file_in_the_policy_path(shell: Shell):
    """`-n` and `-l` write one Suspension; removing it by name removes its file."""
    shell("suspend", "-n", shell.namespace, "-l", "tier=front", "--for", "1h", "--reason", "move")

    (path,) = (each for each in shell.repository.files() if each.startswith("policies/"))
    name = path.rpartition("/")[2].removesuffix(".yaml")
    assert shell.json("explain", shell.name)["state"] == "Suspended"

    shell("resume", f"Suspension/{name}")

    assert path not in shell.repository.files()


def test_suspend_live_annotates_the_package(shell: Shell, kubectl: Callable[..., str]):
    """Break-glass: at once, by the name the server knows us under, and gone again by resume."""
    shell.run_once()

    shell("suspend", shell.name, "--live", "--for", "1h", "--reason", "INC-1")

    read = ("get", "-n", shell.namespace, "packages/web", "-o", "json")
    marks = json.loads(kubectl(*read))["metadata"]["annotations"]
    assert marks["tidegate.io/suspend"] == "true"
    assert (marks["tidegate.io/suspend-reason"], marks["tidegate.io/suspend-by"]) == (
        "INC-1",
        "admin",
    )
    assert shell.json("explain", shell.name)["state"] == "Suspended"

    shell("resume", shell.name, "--live")

    marks = json.loads(kubectl(*read))["metadata"]["annotations"]
    assert [name for name in marks if "suspend" in name] == []


def test_sync_without_an_agent_is_a_timeout(shell: Shell):
    """Nobody answers: 7, and what to look at."""
    shell.run_once()

    result = shell("sync", shell.name, "--timeout", "0s", code=7)

    assert f"no agent answered for {shell.name} within 0 s" in result.stderr


def test_sync_is_answered_by_the_agent(shell: Shell):
    """0 once it is synced; 6 with the reason while it is suspended."""
    shell.run_once()
    with running_agent(shell):
        assert shell.json("sync", shell.name, "--wait", "--timeout", "60s")["state"] == "Synced"

        shell("suspend", shell.name, "--for", "2h", "--reason", "INC-8841")
        held = shell("sync", shell.name, "--timeout", "60s", code=6)

    assert "⏸ Suspended" in held.stdout
    assert "INC-8841" in held.stderr.splitlines()[-2]


@contextmanager
def running_agent(shell: Shell) -> Iterator[None]:
    """Run an agent in a process of its own; SIGTERM has to end it with 0."""
    command = [sys.executable, "-c", "from agent.cli import main; main()", "run", "--no-status"]
    environment = {**os.environ, **shell.environment, "TIDEGATE_INTERVAL": "1s"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as agent:
        try:
            yield
        finally:
            agent.terminate()
            _, said = agent.communicate(timeout=30)
    assert agent.returncode == 0, said


def test_check_names_missing_permissions_and_their_file(shell: Shell):
    """Rights are asked for one by one, for us or for a ServiceAccount."""
    mine = {each["name"]: each["level"] for each in shell.json("check")["checks"]}
    assert (mine["connection"], mine["permissions"], mine["repository"]) == ("ok", "ok", "ok")

    theirs = shell.json("check", "--as", "system:serviceaccount:default:nobody", code=4)

    failed = [each for each in theirs["checks"] if each["level"] == "failed"]
    assert [(each["name"], each["do"]) for each in failed] == [
        ("permissions", "apply deploy/base/rights.yaml")
    ]
