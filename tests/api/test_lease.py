"""The API server arbitrates between two agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real_writer import NOW, Desk, at_desk
from scripted_api import Fence

from agent.edges.kube.lease import LeaseFence, LeaseKeeper
from agent.edges.kube.sending import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.conftest import Api


@pytest.fixture
def agent(api: Api) -> Iterator[Desk]:
    """Give a connection with the test's own namespace as home."""
    with at_desk(api.transport, api.namespace) as found:
        yield found


class Holder:
    """A keeper on a clock that the test sets."""

    def __init__(self, agent: Desk, identity: str) -> None:
        self.time = 0.0
        self.fence = LeaseFence(lambda: self.time)
        sender = Sender(agent.transport, Fence(), lambda _: None, agent.journal.append)
        home, now = agent.home, lambda: NOW
        self.keeper = LeaseKeeper(agent.transport, sender, home, identity, self.fence, now)

    def step(self, time: float) -> float:
        """Step at that time of its own clock."""
        self.time = time
        return self.keeper.step(time)


def test_the_lease_goes_to_one_and_after_its_death_to_the_other(agent: Desk, api: Api) -> None:
    """Takeover comes one lease after the last renewal was seen."""
    first, second = Holder(agent, "a"), Holder(agent, "b")
    first.step(0.0)
    second.step(0.0)
    first.step(5.0)
    time = 5.0
    while not second.fence.holds():
        time += second.step(time)
    assert 20.0 <= time <= 30.0
    found = api.get("coordination.k8s.io/v1/leases", "tidegate-default")["spec"]
    assert (found["holderIdentity"], found["leaseTransitions"]) == ("b", 1)
    assert found["renewTime"] == "2026-11-21T06:00:00.000000Z"
    first.step(time)
    assert not first.fence.holds()


def test_a_released_lease_is_free(agent: Desk) -> None:
    """The next agent does not wait."""
    first, second = Holder(agent, "a"), Holder(agent, "b")
    first.step(0.0)
    first.keeper.release()
    second.step(0.0)
    assert (first.fence.holds(), second.fence.holds()) == (False, True)
