"""A Job runs once for its content, and what replaces it is proved before the old one goes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from e2e.manifests import job, objects_of, package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from control_plane.client import Object
    from e2e.agent_process import Site
    from e2e.manifests import Files

pytestmark = [pytest.mark.e2e, pytest.mark.real]

JOBS = "batch/v1/jobs"
MIGRATE = ["delete jobs/migrate", "patch jobs/migrate"]
POLICIES = ("Skip", "Recreate", "RecreateFinished", "Once")


@pytest.fixture
def site(sites: Callable[[], Site]) -> Iterator[Site]:
    """Give a site in which controllers and a stand-in for nodes run Jobs."""
    site = sites()
    with ExitStack() as running:
        running.enter_context(site.plane.controller_manager())
        running.enter_context(site.plane.kubelet(site.namespace))
        yield site


def migration(
    policy: str, image: str, outcome: str = "", name: str = "migrate", **spec: Any
) -> dict[str, Any]:
    """Give a Job under a policy; `outcome` tells the stand-in for nodes."""
    made = job(name, f"example/migrate:{image}", annotations={"tidegate.io/jobs": policy})
    made["spec"] |= spec
    if outcome:
        made["spec"]["template"]["metadata"] = {"annotations": {"test/outcome": outcome}}
    return made


def change(policy: str, image: str, outcome: str = "", **spec: Any) -> Files:
    """Give the file of the Job `migrate`."""
    return objects_of("web", {"migrate": migration(policy, image, outcome, **spec)})


def one_each(image: str, outcome: str = "", **spec: Any) -> Files:
    """Give one Job for every policy, called as the policy."""
    made = {name: migration(name, image, outcome, name.lower(), **spec) for name in POLICIES}
    return objects_of("web", dict(made))


def images(site: Site) -> dict[str, str]:
    """Give the image that each Job runs."""
    found = site.client.get(site.path(JOBS)).body["items"]
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"]
        for one in found
    }


def let_pods_end(site: Site) -> None:
    """Take the word `hold` from the Pods of the namespace, so that they succeed."""
    for pod in site.client.get(site.path("pods")).body["items"]:
        site.patch("pods", pod["metadata"]["name"], {"metadata": {"annotations": None}})


def is_running(found: Object | None) -> bool:
    """Whether a Job has a Pod."""
    return bool(found) and found["status"].get("active") == 1


REPLACED = sorted(
    f"{verb} jobs/{name.lower()}" for name in POLICIES[1:] for verb in ("delete", "patch")
)


def test_new_content_of_finished_jobs(site: Site) -> None:
    """`Skip` leaves the old Job and says so, the others run the new content exactly once."""
    site.commit(package(site.namespace), one_each("1"))
    site.sync()
    mark = site.plane.marker()
    site.commit(one_each("2"))
    site.sync()
    assert images(site) == {
        "skip": "example/migrate:1",
        "recreate": "example/migrate:2",
        "recreatefinished": "example/migrate:2",
        "once": "example/migrate:2",
    }
    assert site.told() == ("Synced", "JobSkipped")
    assert site.conditions()["JobSkipped"] == "True"
    site.delete(JOBS, "skip")
    site.wait_for(JOBS, "skip", lambda one: one is None)
    site.sync()
    assert sorted(site.workload_writes(mark)) == REPLACED


def test_running_jobs_are_never_replaced(site: Site) -> None:
    """A running Job holds its replacement, which happens by itself when it has ended."""
    site.commit(package(site.namespace), one_each("1", "hold"))
    with site.start() as agent:
        for name in POLICIES:
            site.wait_for(JOBS, name.lower(), is_running)
        mark = site.plane.marker()
        commit = site.commit(one_each("2"))
        site.wait_until_told("Waiting", "ReplacementHeld")
        assert site.conditions()["ReplacementHeld"] == "True"
        assert site.workload_writes(mark) == []
        let_pods_end(site)
        site.wait_until_applied(commit)
        site.wait_until_told("Synced")
        assert agent.stop().code == 0
    assert sorted(site.workload_writes(mark)) == REPLACED


def test_force_replaces_a_running_job(site: Site) -> None:
    """`Recreate,Force` ends a running Job, its Pods first."""
    site.commit(package(site.namespace), change("Recreate,Force", "1", "hold"))
    assert site.once(timeout="6s").code == 7
    mark = site.plane.marker()
    site.commit(change("Recreate,Force", "2"))
    site.sync()
    assert site.workload_writes(mark) == MIGRATE
    assert images(site) == {"migrate": "example/migrate:2"}


def test_content_that_completed_once_never_runs_again(site: Site) -> None:
    """Under `Once` going back to content that completed earlier runs nothing."""
    site.commit(package(site.namespace), change("Once", "1"))
    site.sync()
    site.commit(change("Once", "2"))
    site.sync()
    uid, mark = site.uid(JOBS, "migrate"), site.plane.marker()
    site.commit(change("Once", "1"))
    site.sync()
    assert site.uid(JOBS, "migrate") == uid
    assert site.workload_writes(mark) == []


def test_jobs_that_their_ttl_removed_are_done(site: Site) -> None:
    """A completed Job that its TTL removes is done in every policy, also for the next agent."""
    site.commit(package(site.namespace), one_each("1", ttlSecondsAfterFinished=0))
    with site.start() as agent:
        site.wait_until_quiet()
        for name in POLICIES:
            site.wait_for(JOBS, name.lower(), lambda one: one is None)
        agent.stop()
    mark = site.plane.marker()
    site.sync()
    assert site.workload_writes(mark) == []
    assert site.told() == ("Synced", "Synced")


def test_a_job_that_failed_and_went_stays_failed(site: Site) -> None:
    """The disappearance of a failed Job does not run it again: the failure is told on."""
    site.commit(package(site.namespace), change("Once", "1", "fail"))
    site.sync(expect=3)
    assert site.told() == ("Failed", "JobFailed")
    mark = site.plane.marker()
    site.delete(JOBS, "migrate")
    site.wait_for(JOBS, "migrate", lambda one: one is None)
    site.sync(expect=3)
    assert site.told() == ("Failed", "JobFailed")
    assert site.workload_writes(mark) == []


def test_an_invalid_replacement_leaves_the_old_job(site: Site) -> None:
    """A new Job that the server would refuse is found out before the old one is deleted."""
    site.commit(package(site.namespace), change("Recreate", "1"))
    site.sync()
    uid, mark = site.uid(JOBS, "migrate"), site.plane.marker()
    site.commit(change("Recreate", "2", parallelism=1, completionMode="Sometimes"))
    site.sync(expect=3)
    assert site.uid(JOBS, "migrate") == uid
    assert site.workload_writes(mark) == []
    assert site.told() == ("Failed", "ApplyFailed")


@pytest.mark.parametrize("place", ["delete:before", "delete:after", "apply:after"])
def test_killed_during_a_replacement_runs_one_new_job(site: Site, place: str) -> None:
    """An agent that dies on the way leaves it to the next to run the new Job, exactly once."""
    site.commit(package(site.namespace), change("Recreate", "1"))
    site.sync()
    mark = site.plane.marker()
    site.commit(change("Recreate", "2"))
    site.die(f"{place}:kill")
    site.sync()
    site.sync()
    assert site.workload_writes(mark) == MIGRATE
    assert images(site) == {"migrate": "example/migrate:2"}


def test_a_frozen_replacement_is_still_put_back(site: Site) -> None:
    """What we deleted we put back: a suspension after the deletion does not stop the new Job."""
    site.commit(package(site.namespace), change("Recreate", "1"))
    site.sync()
    mark = site.plane.marker()
    site.commit(change("Recreate", "2"))
    site.die("delete:after:kill")
    site.commit(package(site.namespace, annotations={"tidegate.io/suspend": "true"}))
    site.sync(expect=6)
    assert site.workload_writes(mark) == MIGRATE
    assert images(site) == {"migrate": "example/migrate:2"}


def test_generated_names_run_each_content_once(site: Site) -> None:
    """`generateName` names a Job after its content; older ones stay up to `job-history`."""
    keep = {"tidegate.io/job-history": "1"}

    def version(number: int) -> Files:
        made = job("seed", f"example/seed:{number}", generated=True, annotations=keep)
        return objects_of("web", {"seed": made})

    site.commit(package(site.namespace), version(1))
    site.sync()
    for number in (2, 3):
        site.commit(version(number))
        site.sync()
    assert sorted(images(site).values()) == ["example/seed:2", "example/seed:3"]
    mark = site.plane.marker()
    site.sync()
    site.commit(version(2))
    site.sync()
    assert site.workload_writes(mark) == []
