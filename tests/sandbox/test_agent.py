"""The agent itself on the sandbox, in process: no cluster, no socket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from e2e.manifests import config_map, package, text
from sandbox.conftest import stepped

from agent.assemble.cluster import user_agent
from agent.assemble.outside import machine
from agent.assemble.running import Running
from agent.edges import clock
from agent.edges.kube.seam import Request, Response
from agent.runtime import once
from agent.sandbox.api import Asked, Sandbox
from agent.sandbox.transport import InProcess
from agent.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from git_server import Repository

WORKLOAD = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}
SPACE = text({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})


def get(sandbox: Sandbox, path: str) -> dict[str, Any]:
    """Read an object of the sandbox."""
    answer = sandbox.handle(Request("GET", path))
    assert isinstance(answer, Response)
    found: dict[str, Any] = orjson.loads(answer.body)
    return found


@pytest.fixture
def journal() -> list[Asked]:
    """Give the list that the server's own journal fills."""
    return []


@pytest.fixture
def cluster(journal: list[Asked]) -> Iterator[Sandbox]:
    """Give a sandbox with a namespace `shop`."""
    with stepped(Sandbox(clock.now, journal=journal.append)) as found:
        body = b'{"metadata":{"name":"shop"}}'
        found.handle(Request("POST", "/api/v1/namespaces", (), body, "application/json"))
        yield found


@pytest.fixture
def running(cluster: Sandbox, repository: Repository, tmp_path: Path) -> Iterator[Running]:
    """Run an agent whose transport is the sandbox."""
    files = package("shop", objects={"a": config_map("a"), "web": WORKLOAD})
    repository.commit(files)
    settings = Settings(repository.url, "demo", interval=timedelta(seconds=1), no_status=True)
    folder = tmp_path / "state"
    outside = machine(
        settings, folder, lambda told: InProcess(cluster, user_agent(settings.instance), told)
    )
    agent = Running(settings, folder, outside)
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()


def test_a_package_is_synced_and_becomes_healthy(running: Running, cluster: Sandbox) -> None:
    """The ConfigMap is there, the Deployment ready, and the Package says so."""
    assert running.settling.wait(running.agent, 30, observing=False)
    (report,) = once.reports(running.agent).values()
    assert str(report.state) == "Synced", report
    workload = get(cluster, "/apis/apps/v1/namespaces/shop/deployments/web")
    assert workload["status"]["availableReplicas"] == 1
    assert get(cluster, "/api/v1/namespaces/shop/configmaps/a")["data"] == {"value": "1"}
    told = get(cluster, "/apis/tidegate.io/v1alpha1/namespaces/shop/packages/web")
    assert told["status"]["state"] == "Synced"


def test_drift_is_repaired(running: Running, cluster: Sandbox) -> None:
    """A live edit comes back as Git has it."""
    assert running.settling.wait(running.agent, 30, observing=False)
    path = "/api/v1/namespaces/shop/configmaps/a"
    watch = cluster.handle(
        Request("GET", "/api/v1/namespaces/shop/configmaps", (("watch", "1"), *_since(cluster)))
    )
    patch = b'{"data":{"value":"2"}}'
    cluster.handle(Request("PATCH", path, (), patch, "application/merge-patch+json"), "kubectl")
    values = []
    for line in watch:
        values.append(orjson.loads(line)["object"]["data"].get("value"))
        if values[-1] == "1":
            break
    assert values[0] == "2"
    assert get(cluster, path)["data"] == {"value": "1"}


def _since(cluster: Sandbox) -> tuple[tuple[str, str], ...]:
    listed = get(cluster, "/api/v1/namespaces/shop/configmaps")
    return (("resourceVersion", listed["metadata"]["resourceVersion"]),)


def test_the_journal_judges_from_outside(running: Running, journal: list[Asked]) -> None:
    """Every write is in the server's own record, and nothing was refused."""
    assert running.settling.wait(running.agent, 30, observing=False)
    writes = [
        each for each in journal if each.method != "GET" and each.user_agent and not each.dry_run
    ]
    assert all(each.code < 300 for each in writes), writes
    assert any(each.path.endswith("/deployments/web") for each in writes)
