"""A commit costs what it changes, and nothing is written at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, objects_of, package

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]


def test_one_changed_object_among_two_hundred_is_one_write(site: Site) -> None:
    """A commit that changes one ConfigMap of 200 writes one object, in five requests at most."""
    names = [f"map-{number:03}" for number in range(200)]
    site.commit(package(site.namespace, objects={name: config_map(name) for name in names}))
    with site.start() as agent:
        site.wait_until_quiet()
        mark = site.plane.marker()
        commit = site.commit(objects_of("web", {"map-007": config_map("map-007", "2")}))
        site.wait_until_applied(commit)
        agent.stop()
    assert site.workload_writes(mark) == ["patch configmaps/map-007"]
    assert site.value("map-007") == "2"
    requests = [one for one in site.asked(mark) if one.resource != "leases"]
    assert len(requests) <= 5, [(one.verb, one.uri) for one in requests]
    told = site.repository.log(site.status_branch)[0].message
    assert f"\nTidegate-Revision: {commit}\n" in told


def test_nothing_is_asked_at_rest_but_the_lease(site: Site) -> None:
    """While nothing changes the agent renews its Lease, and asks and writes nothing else."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    with site.start():
        site.wait_until_quiet()
        mark = site.plane.marker()
        site.wait_for_renewal(mark)
        asked = {one.resource for one in site.asked(mark)}
    assert asked == {"leases"}


def test_a_second_once_writes_nothing(site: Site) -> None:
    """What is as in Git is left alone: a second `--once` writes only its Lease."""
    site.commit(package(site.namespace, objects={"a": config_map("a"), "b": config_map("b")}))
    site.sync()
    mark = site.plane.marker()
    site.sync()
    assert site.mutations(mark) == []
    assert site.values() == {"a": "1", "b": "1"}
