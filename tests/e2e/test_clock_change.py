"""Nights on which clocks change, lived through by the real command with a clock of its own.

Berlin's clocks show 02:00 to 03:00 twice on 25 October 2026 (00:00 to 01:00 UTC, and an hour
later), and not at all on 29 March, when 01:00 UTC is 03:00.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from e2e.manifests import config_map, objects_of, package, policy

if TYPE_CHECKING:
    from e2e.agent_process import Site
    from e2e.manifests import Files

pytestmark = [pytest.mark.e2e, pytest.mark.real]

BOTH: Final = ("cron", "wall")
"""Two packages, each with a window of its own: by cron and duration, and by from and to."""
EVERY_DAY: Final = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def nights(duration: str, to: str) -> Files:
    """Give the window from half past two, in both forms."""
    cron = {"cron": "30 2 * * *", "duration": duration}
    wall = {"days": EVERY_DAY, "from": "02:30", "to": to}
    return window("cron", recurring=[cron]) | window("wall", recurring=[wall])


def window(name: str, zone: str = "Europe/Berlin", **spec: Any) -> Files:
    """Give the file of an Allow window for the package of the same name."""
    match = [{"packages": {"names": [name]}}]
    given = {"effect": "Allow", "timeZone": zone, **spec, "match": match}
    return {f"policies/{name}.yaml": policy("SyncWindow", name, **given)}


def declared(site: Site, *names: str) -> Files:
    """Give packages of one ConfigMap each, called like the package."""
    files: Files = {}
    for name in names:
        files |= package(site.namespace, name, {name: config_map(name)})
    return files


def witness(site: Site, *stretches: tuple[str, str]) -> Files:
    """Give a package that syncs in these stretches of UTC alone: it tells that they are reached."""
    once = [{"from": begin, "to": end} for begin, end in stretches]
    return declared(site, "witness") | window("witness", "Etc/UTC", once=once)


def changed(site: Site, value: str, *names: str) -> str:
    """Commit other contents of ConfigMaps; gives the commit."""
    return site.commit(*(objects_of(name, {name: config_map(name, value)}) for name in names))


def lives_through_the_opening(site: Site, begin: str, opens: str, closes: str) -> None:
    """Start the agent before the opening, and see it apply by itself from then on."""
    commit = site.repository.head()
    assert commit
    with site.start(clock=begin, interval="10m") as agent:  # nothing but the edge wakes it
        for name in BOTH:
            told = site.wait_until_told("Waiting", "WindowClosed", name)
            assert [hold["until"] for hold in told["holds"]] == [opens]
        assert site.values() == {}
        for name in BOTH:
            status = site.wait_until_applied(commit, name)
            assert status["since"] >= opens
            assert status["next"] == closes
        agent.stop()


def is_held_when_the_witness_was_seen(site: Site, begin: str, seen: str, value: str) -> None:
    """Start the agent, wait until the witness could sync, and commit a change that comes late."""
    with site.start(clock=begin) as agent:
        site.wait_until_applied(seen, "witness")
        late = changed(site, value, *BOTH)
        for name in BOTH:
            status = site.wait_until_observed(late, name)
            assert (status["state"], status["reason"]) == ("Waiting", "WindowClosed")
            assert [hold["until"] for hold in status["holds"]] == ["2026-10-26T01:30:00Z"]
        agent.stop()


def test_a_time_that_comes_twice_opens_once(site: Site) -> None:
    """It opens at the first 02:30 and closes after; at the second 02:30 it stays closed."""
    site.commit(declared(site, *BOTH), nights("15m", "02:45"))
    mark = site.plane.marker()
    opens, closes = "2026-10-25T00:30:00Z", "2026-10-25T00:45:00Z"
    lives_through_the_opening(site, "2026-10-25T00:29:50Z", opens, closes)

    changed(site, "2", *BOTH)
    with site.start("--once", clock="2026-10-25T00:40:00Z") as agent:
        assert agent.ended().code == 0

    closed = ("2026-10-25T00:45:01", "2026-10-25T01:00:00")
    second = ("2026-10-25T01:30:01", "2026-10-25T02:00:00")
    seen = site.commit(witness(site, closed, second))
    is_held_when_the_witness_was_seen(site, "2026-10-25T00:44:55Z", seen, "3")
    seen = changed(site, "2", "witness")
    is_held_when_the_witness_was_seen(site, "2026-10-25T01:29:55Z", seen, "4")

    assert site.values() == {"cron": "2", "wall": "2", "witness": "2"}
    applied = [f"patch configmaps/{name}" for name in ("cron", "wall", "witness") for _ in "12"]
    assert sorted(site.workload_writes(mark)) == applied


def test_a_time_that_does_not_come_opens_right_after_the_jump(site: Site) -> None:
    """There is no 02:30: it opens when the clocks jump to 03:00."""
    site.commit(declared(site, *BOTH), nights("1h", "04:00"))
    opens, closes = "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"
    lives_through_the_opening(site, "2026-03-29T00:59:50Z", opens, closes)
    assert site.values() == {"cron": "1", "wall": "1"}
