"""A window closes while a revision is being applied."""

from __future__ import annotations

from datetime import timedelta

from facts_builder import PAYMENTS
from simulated.story import package_of, policies_of, rendered
from simulated.world import World, new_world

from agent.core.values import State

NIGHTLY = """
apiVersion: tidegate.io/v1alpha1
kind: SyncWindow
metadata: {name: nightly}
spec:
  effect: Allow
  timeZone: Etc/UTC
  onClose: Stop
  match: [{packages: {names: ["*"]}}]
  recurring: [{from: "11:00", to: "12:03"}]
"""


def half_applied() -> World:
    """Apply six objects at a minute each, three minutes before the window closes."""
    world = new_world()
    world.git.commit_of()
    world.git.policies = policies_of(NIGHTLY)
    package = package_of(PAYMENTS, {})
    objects = [{"kind": "ConfigMap", "name": f"c{i}", "data": {"a": "1"}} for i in range(6)]
    world.git.declare(package, rendered(package, objects))

    def minute(where: str) -> None:
        if where.startswith("before Con"):
            world.clock.at += timedelta(minutes=1)

    world.writer.step = minute
    world.run()
    return world


def test_writing_stops_at_the_close_and_says_so() -> None:
    """Nothing is begun after the close; the revision is half applied, and told to be."""
    world = half_applied()
    assert len(world.api.objects) == 3
    assert world.passed[PAYMENTS].report.state is State.INTERRUPTED
    assert world.passed[PAYMENTS].report.next is not None


def test_the_next_opening_goes_on_with_the_same_revision() -> None:
    """It needs no new commit, and nothing is applied twice."""
    world = half_applied()
    world.clock.at = world.passed[PAYMENTS].report.next or world.clock.at
    world.writer.step = world.step
    world.run()
    assert (len(world.api.objects), len(world.api.writes)) == (6, 6)
    assert world.passed[PAYMENTS].report.state is State.SYNCED


def test_a_restart_in_between_changes_nothing() -> None:
    """The half that is missing is known from the cluster and the inventory alone."""
    world = half_applied()
    world.restart()
    world.run()
    assert world.passed[PAYMENTS].report.state is State.INTERRUPTED
    assert len(world.api.writes) == 3
