"""Killed anywhere, the next start finishes the work, and does nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, objects_of, package

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]

EFFECTS = ("remember", "apply", "delete", "tell", "event", "publish", "fetch")


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("effect", EFFECTS)
def test_killed_at_an_effect_it_converges_with_each_write_once(
    site: Site, effect: str, side: str
) -> None:
    """One object changed, one new, one removed: whatever was cut off, each is written once."""
    site.commit(package(site.namespace, objects={name: config_map(name) for name in "ab"}))
    site.sync()
    mark = site.plane.marker()
    site.commit(
        objects_of("web", {"a": config_map("a", "2"), "b": None, "c": config_map("c")}),
    )
    site.die(f"{effect}:{side}:kill")
    site.sync()
    assert site.values() == {"a": "2", "c": "1"}
    assert site.told() == ("Synced", "Synced")
    writes = ["delete configmaps/b", "patch configmaps/a", "patch configmaps/c"]
    assert sorted(site.workload_writes(mark)) == writes


def test_the_next_agent_takes_over_from_a_killed_one(site: Site) -> None:
    """Without anybody's help the Lease of a killed agent runs out and the next one goes on."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}))
    with site.start() as first:
        site.wait_until_told("Synced")
        first.kill()
    site.commit(objects_of("web", {"a": config_map("a", "2")}))
    site.sync(timeout="30s")
    assert site.value("a") == "2"
