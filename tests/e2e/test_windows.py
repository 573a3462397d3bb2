"""A window opens and closes by the clock, and no commit gets around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from e2e.command import tidegate
from e2e.manifests import config_map, objects_of, package, policy, workload

if TYPE_CHECKING:
    from e2e.agent_process import Site
    from e2e.manifests import Files

pytestmark = [pytest.mark.e2e, pytest.mark.real]

HOUR = 3600


def after(seconds: float) -> datetime:
    """Give the instant so many seconds from now, UTC, without fractions."""
    now = datetime.now(UTC)  # noqa: TID251 - people write windows by the clock
    return now.replace(microsecond=0) + timedelta(seconds=seconds)


def window(site: Site, *stretches: tuple[datetime, datetime], **spec: Any) -> Files:
    """Give the file of a window over these stretches."""
    given = {
        "effect": "Deny",
        "timeZone": "Etc/UTC",
        "once": [
            {"from": begin.strftime("%Y-%m-%dT%H:%M:%S"), "to": end.strftime("%Y-%m-%dT%H:%M:%S")}
            for begin, end in stretches
        ],
        "match": [{"namespaces": {"names": [site.namespace]}}],
        **spec,
    }
    return {"policies/hours.yaml": policy("SyncWindow", "hours", **given)}


def frozen(site: Site, **spec: Any) -> None:
    """Have a synced package, labelled `tier: backend`, inside a freeze of all that are."""
    site.commit(package(site.namespace, objects={"a": config_map("a")}, labels={"tier": "backend"}))
    site.sync()
    labelled = [{"packages": {"selector": {"matchLabels": {"tier": "backend"}}}}]
    site.commit(window(site, (after(-HOUR), after(HOUR)), match=labelled, **spec))
    site.sync()


def shortly_before(instant: datetime) -> str:
    """Give the time for a clock on which an instant is about to come."""
    return (instant - timedelta(seconds=3)).isoformat()


def told_at(status: Any) -> datetime:
    """Give the instant of the last transition, by the agent's clock."""
    return datetime.fromisoformat(status["transitions"][-1]["time"])


def test_a_closed_window_holds_and_its_opening_lets_go(site: Site) -> None:
    """The first sync waits for the window, and starts when it opens without a new commit."""
    opens = after(HOUR)
    commit = site.commit(
        package(site.namespace, objects={"a": config_map("a")}),
        window(site, (opens, after(2 * HOUR)), effect="Allow", description="nights only"),
    )
    mark = site.plane.marker()
    with site.start() as agent:
        status = site.wait_until_told("Waiting", "WindowClosed")
        assert [(one["message"], one["until"]) for one in status["holds"]] == [
            (
                "SyncWindow hours is closed: nights only",
                opens.isoformat().replace("+00:00", "Z"),
            )
        ]
        assert site.values() == {}
        agent.stop()
    with site.start(clock=shortly_before(opens)) as agent:
        assert told_at(site.wait_until_applied(commit)) >= opens
        agent.stop()
    assert site.workload_writes(mark) == ["patch configmaps/a"]


@pytest.mark.usefixtures("no_controllers")
def test_a_sync_cut_short_by_its_window_is_finished_at_the_next(site: Site) -> None:
    """Closed between waves and killed: the next opening finishes the same revision."""
    waves = {
        "one": workload("one", annotations={"tidegate.io/wave": "1"}),
        "two": config_map("two", annotations={"tidegate.io/wave": "2"}),
    }
    closes, reopens = after(120), after(240)  # 600 seconds of bad health would be a failure
    commit = site.commit(
        package(site.namespace, "web", waves),
        window(site, (after(-HOUR), closes), (reopens, after(HOUR)), effect="Allow"),
    )
    with site.start() as agent:
        site.wait_until_told("Progressing")
        site.wait_for("apps/v1/deployments", "one", bool)
        agent.stop()
    with site.start(clock=shortly_before(closes)) as agent:
        assert told_at(site.wait_until_told("Interrupted")) >= closes
        agent.kill()
    site.bury()
    site.make_available("one")
    mark = site.plane.marker()
    with site.start(clock=shortly_before(reopens)) as again:
        assert told_at(site.wait_until_applied(commit)) >= reopens
        again.stop()
    assert site.workload_writes(mark) == ["patch configmaps/two"]


def test_relabelling_is_no_way_out_of_a_freeze(site: Site) -> None:
    """A relabelling is held, and seen to be; so is what the next commit changes."""
    frozen(site)
    mark = site.plane.marker()
    site.commit(package(site.namespace, labels={"tier": "canary"}))
    site.sync(expect=6)
    assert site.told() == ("Waiting", "WindowClosed")
    (hold,) = site.status()["holds"]
    assert (hold["gate"], hold["origin"]["path"]) == ("windows", "policies/hours.yaml")
    assert hold["until"] == hold["next"] != ""
    explained = tidegate(site, "explain", f"{site.namespace}/web")
    assert "(labels: tier: backend → canary)" in explained.stdout
    planned = tidegate(site, "plan", f"{site.namespace}/web")
    assert "Git labels: tier: backend → canary held by windows: WindowClosed" in planned.stdout
    site.commit(objects_of("web", {"a": config_map("a", "2")}))
    site.sync(expect=6)
    assert site.workload_writes(mark) == []
    assert site.told() == ("Waiting", "WindowClosed")


def test_a_relabelling_lands_when_the_freeze_is_over(site: Site) -> None:
    """The live Package keeps the labels of before until then, and gets the new ones by itself."""
    frozen(site)
    site.commit(package(site.namespace, labels={"tier": "canary"}))
    site.sync(expect=6)
    assert tier(site) == "backend"
    site.commit(window(site, (after(-2 * HOUR), after(-HOUR))))
    site.sync()
    assert (tier(site), site.told()) == ("canary", ("Synced", "Synced"))


def tier(site: Site) -> str:
    """Give the label of the live Package."""
    found = site.get("tidegate.io/v1alpha1/packages", "web")
    assert found is not None
    return str(found["metadata"]["labels"]["tier"])


def test_a_freeze_outlives_its_folder(site: Site) -> None:
    """The policy folder disappears: the freeze stays in force, and the run says that it failed."""
    frozen(site)
    site.commit({"policies/hours.yaml": None}, objects_of("web", {"a": config_map("a", "2")}))
    site.sync(expect=3)
    assert (site.value("a"), site.told()) == ("1", ("Waiting", "WindowClosed"))


def test_a_broken_window_leaves_the_last_good_one(site: Site) -> None:
    """A window that can't be read changes nothing: the one before stays in force."""
    frozen(site)
    site.commit(
        window(site, (after(-HOUR), after(HOUR)), timeZone="Mars/Olympus"),
        objects_of("web", {"a": config_map("a", "2")}),
    )
    site.sync(expect=3)
    assert (site.value("a"), site.told()) == ("1", ("Waiting", "WindowClosed"))


def test_without_any_good_policies_nothing_is_applied(site: Site) -> None:
    """Policies that were never readable may hold anything, so nothing is applied."""
    site.commit(
        package(site.namespace, objects={"a": config_map("a")}),
        window(site, (after(-HOUR), after(HOUR)), timeZone="Mars/Olympus"),
    )
    site.sync(expect=3)
    assert site.values() == {}


def test_an_override_lets_one_package_through(site: Site) -> None:
    """An Override passes the window it names, for the packages it names."""
    frozen(site, override="Direct")
    site.commit(objects_of("web", {"a": config_map("a", "2")}))
    site.sync(expect=6)
    spec = {
        "packages": [f"{site.namespace}/web"],
        "passes": ["SyncWindow/hours"],
        "until": after(HOUR).isoformat(),
        "reason": "INC-2",
    }
    site.commit({"policies/pass.yaml": policy("Override", "pass", **spec)})
    site.sync()
    assert site.value("a") == "2"
