"""Killed while a package comes, is taken over, or goes: the next start ends it, nothing twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from e2e.manifests import config_map, package, text

if TYPE_CHECKING:
    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]

# A place in the install, and one in the removal that follows in the same story; `@2` is its second
# turn: the inventory after the writes, the second object, the end of what is remembered.
PLACES = (
    ("lease:after:kill", "lease:after:kill"),
    ("fetch:after:kill", "fetch:before:kill"),
    ("remember:before:kill", "remember:before:kill"),
    ("remember:after:kill", "remember:after:kill"),
    ("remember:before:kill@2", "remember:before:kill@2"),
    ("remember:after:kill@2", "remember:after:kill@2"),
    ("apply:before:kill", "delete:before:kill"),
    ("apply:after:kill", "delete:after:kill"),
    ("apply:after:kill@2", "delete:after:kill@2"),
    ("tell:before:kill", "tell:before:kill"),
    ("tell:after:kill", "tell:after:kill"),
    ("tell:after:kill@2", "tell:after:kill@2"),
    ("publish:before:kill", "publish:before:kill"),
    ("publish:after:kill", "publish:after:kill"),
)


def history(site: Site) -> list[tuple[str, str]]:
    """Give what Git has of the package's transitions: from which state to which."""
    paths = (one for one in site.repository.files(site.status_branch) if one.startswith("history/"))
    texts = (site.repository.show(site.status_branch, path) for path in paths)
    lines = [json.loads(line) for text_ in texts for line in text_.splitlines()]
    return [(line["from"], line["to"]) for line in lines]


@pytest.mark.parametrize(("coming", "going"), PLACES, ids=lambda place: place.replace(":", "-"))
def test_killed_while_a_package_comes_and_while_it_goes(
    site: Site, coming: str, going: str
) -> None:
    """Each object is made once and deleted once; in the end nothing of it is left anywhere."""
    files = package(
        site.namespace, objects={"a": config_map("a"), "b": config_map("b")}, pruneDelay="0s"
    )
    site.commit(files, {"README.md": "hello"})
    mark = site.plane.marker()
    site.die(coming)
    site.sync()
    assert site.values() == {"a": "1", "b": "1"}
    assert sorted(site.workload_writes(mark)) == ["patch configmaps/a", "patch configmaps/b"]
    mark = site.plane.marker()
    site.commit(dict.fromkeys(files))
    site.die(going)
    site.sync()
    assert site.values() == {}
    assert sorted(site.workload_writes(mark)) == ["delete configmaps/a", "delete configmaps/b"]
    assert site.get("tidegate.io/v1alpha1/packages", "web") is None
    kept = site.client.get(site.path("configmaps", "", site.home)).body["items"]
    assert [one["metadata"]["name"] for one in kept] == ["tidegate-state"]
    states = [to for _, to in history(site)]
    assert states in (["Progressing", "Synced", "Deleting"], ["Synced", "Deleting"]), states
    told = site.repository.files(site.status_branch)
    assert not [path for path in told if path.startswith("packages/")]


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("effect", ["adopt", "apply"])
def test_killed_while_an_object_is_taken_over(site: Site, effect: str, side: str) -> None:
    """An adoption cut short is finished, and the object is the same one."""
    theirs = text(config_map("app", "theirs", namespace=site.namespace, extra="old"))
    site.plane.kubectl("apply", "-f", "-", stdin=theirs)
    uid = site.uid("configmaps", "app")
    site.commit(package(site.namespace, objects={"app": config_map("app", "ours")}))
    site.die(f"{effect}:{side}:kill")
    site.sync()
    live = site.get("configmaps", "app")
    assert live is not None
    assert (live["metadata"]["uid"], live["data"]) == (uid, {"value": "ours"})
    assert [each["manager"] for each in live["metadata"]["managedFields"]] == ["tidegate"]
    mark = site.plane.marker()
    site.sync()
    assert site.mutations(mark) == []
