"""Several agents share a cluster, a package set or a status branch, and nothing is lost."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, objects_of, package

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def fetches(site: Site) -> int:
    """How often the repository was fetched from."""
    return sum(one.startswith("POST") for one in site.remote.requests)


def test_only_the_leader_writes_and_the_other_takes_over(site: Site) -> None:
    """Two agents of one instance write each change once; when one ends, the other goes on."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    mark = site.plane.marker()
    leader = site.start("--no-status")
    site.wait_until_told("Synced")
    fetched = fetches(site)
    second = site.start("--no-status", f"--state-dir={site.folder / 'second'}")
    site.wait_for_git(lambda: fetches(site) > fetched)
    commit = site.commit(objects_of("web", {"a": config_map("a", "2")}))
    site.wait_until_applied(commit)
    assert leader.stop().code == 0
    commit = site.commit(objects_of("web", {"a": config_map("a", "3")}))
    site.wait_until_applied(commit)
    assert second.stop().code == 0
    assert site.workload_writes(mark) == ["patch configmaps/a"] * 3


def test_instances_leave_each_others_packages_alone(sites: Callable[[], Site]) -> None:
    """An agent that sees the Package of another instance change or go does nothing about it."""
    ours, theirs = sites(), sites()
    for site in (ours, theirs):
        site.commit(package(site.namespace, objects={"a": config_map("a")}))
    with ours.start() as agent:
        ours.wait_until_quiet()
        mark = ours.plane.marker()
        theirs.sync()
        commit = ours.commit(objects_of("web", {"a": config_map("a", "2")}))
        ours.wait_until_applied(commit)
        agent.stop()
    assert theirs.told() == ("Synced", "Synced")
    touched = {one.namespace for one in ours.plane.audit(mark, user=ours.user) if one.namespace}
    assert touched == {ours.namespace, ours.home}


def test_no_line_of_history_is_lost_in_a_race(sites: Callable[[], Site]) -> None:
    """Two instances push to one status branch at the same time: every transition is there."""
    one, two = sites(), sites()
    shared = (f"--repo={one.remote.url('repository.git')}", "--status-branch=told")
    for number in range(3):
        files = [
            package(
                site.namespace,
                site.name,
                {"a": config_map("a", str(number))},
                clusters=[site.name],
            )
            for site in (one, two)
        ]
        one.commit(*files)
        running = [site.start("--once", *shared) for site in (one, two)]
        for agent in running:
            assert agent.ended().code == 0
    for site in (one, two):
        paths = [path for path in one.repository.files("told") if f"{site.namespace}/" in path]
        lines = [
            json.loads(line)
            for path in paths
            if path.startswith("history/")
            for line in one.repository.show("told", path).splitlines()
        ]
        assert [line["seq"] for line in lines] == list(range(1, 7)), lines


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_an_agent_that_is_asked_to_end_ends(site: Site, number: signal.Signals, code: int) -> None:
    """SIGTERM ends a running agent with 0 and Ctrl-C with 130, within ten seconds."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    agent = site.start()
    site.wait_until_told("Synced")
    agent.tell(number)
    assert agent.ended(10).code == code
