"""One writer at a time, on nobody's clock but our own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scripted_api import Fence, Reply, ScriptedAPI, answer, refusal

from agent.core.errors import ClusterError
from agent.core.identity import Home
from agent.edges.kube.failures import NoAnswerError
from agent.edges.kube.lease import LeaseFence, LeaseKeeper
from agent.edges.kube.sending import Sender

if TYPE_CHECKING:
    from agent.edges.kube.seam import Request

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
LEASES = "/apis/coordination.k8s.io/v1/namespaces/tidegate-system/leases"


@dataclass
class Cell:
    """The one Lease of a cluster, with its versions."""

    lease: dict[str, Any] | None = None
    version: int = 0
    broken: Exception | None = None
    lands: bool = True
    """Whether a write that is not answered takes place all the same."""
    log: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        """Answer a request as the API server would."""
        self.log.append(request.method)
        if self.broken and not (self.lands and request.method != "GET"):
            return self.broken
        reply = self._reply(request)
        return self.broken or reply

    def _reply(self, request: Request) -> Reply:
        if request.method == "POST":
            return self._write(request) if self.lease is None else refusal(409, "AlreadyExists", "")
        if self.lease is None:
            return refusal(404, "NotFound", "", name="tidegate-default")
        if request.method == "GET":
            return answer(200, self.lease)
        seen = json.loads(request.body)["metadata"]["resourceVersion"]
        return self._write(request) if seen == str(self.version) else refusal(409, "Conflict", "")

    def _write(self, request: Request) -> Reply:
        self.version += 1
        self.lease = json.loads(request.body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return answer(200, self.lease)

    @property
    def holder(self) -> str:
        """Who holds it."""
        return self.lease["spec"]["holderIdentity"] if self.lease else ""


class Agent:
    """A keeper with its fence and a clock that a test sets."""

    def __init__(self, cell: Cell, identity: str) -> None:
        self.time = 0.0
        self.fence = LeaseFence(lambda: self.time)
        api = ScriptedAPI(cell)
        sender = Sender(api, Fence(), lambda _: None, lambda _: None)
        home = Home("default", "prod-1", "tidegate-system")
        self.keeper = LeaseKeeper(api, sender, home, identity, self.fence, lambda: NOW)

    def step(self, time: float) -> float:
        """Step at that time of its own clock."""
        self.time = time
        return self.keeper.step(time)


def test_a_free_lease_is_taken() -> None:
    """The fence holds from then on, until shortly before the lease ends."""
    cell = Cell()
    agent = Agent(cell, "a")
    assert not agent.fence.holds()
    assert agent.step(100.0) == 5.0
    assert (agent.fence.holds(), agent.fence.deadline, agent.keeper.says) == (True, 115.0, "")
    assert cell.lease is not None
    assert cell.lease["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-21T06:00:00.000000Z",
        "renewTime": "2026-11-21T06:00:00.000000Z",
        "leaseTransitions": 0,
    }
    agent.time = 113.0
    assert not agent.fence.holds()


def test_a_renewal_is_one_request() -> None:
    """A quiet agent costs the API server a PUT in five seconds."""
    cell = Cell()
    agent = Agent(cell, "a")
    agent.step(0.0)
    cell.log.clear()
    assert agent.step(5.0) == 5.0
    assert (cell.log, agent.fence.deadline) == (["PUT"], 20.0)


def test_a_held_lease_is_left_alone() -> None:
    """Its holder renews, so it never ends on our clock."""
    cell = Cell()
    first, second = Agent(cell, "a"), Agent(cell, "b")
    for time in range(0, 60, 5):
        first.step(float(time))
        assert second.step(1000.0 + time) == 2.0
    assert (cell.holder, second.fence.holds()) == ("a", False)
    assert second.keeper.says == "a holds Lease tidegate-system/tidegate-default"


def test_a_dead_holder_is_replaced_within_thirty_seconds() -> None:
    """After a kill -9 the next agent waits one lease on its own clock, and no longer."""
    cell = Cell()
    Agent(cell, "a").step(0.0)
    second, time = Agent(cell, "b"), 1000.0
    while not second.fence.holds():
        time += second.step(time)
    assert cell.holder == "b"
    assert 1015.0 <= time <= 1030.0
    assert cell.lease is not None
    assert cell.lease["spec"]["leaseTransitions"] == 1


def test_a_holder_that_can_not_renew_stops_before_another_may_start() -> None:
    """The fence falls by itself, with no answer from anywhere."""
    cell = Cell()
    first, second = Agent(cell, "a"), Agent(cell, "b")
    first.step(0.0)
    second.step(0.0)
    cell.broken = ClusterError("partition")
    cell.lands = False
    for time in (5.0, 7.0, 9.0, 11.0, 13.0):
        assert first.step(time) == 2.0
    assert not first.fence.holds()
    cell.broken = None
    second.step(14.9)
    assert not second.fence.holds()
    second.step(15.0)
    assert second.fence.holds()
    first.step(16.0)
    assert not first.fence.holds()


def test_a_renewal_without_an_answer_keeps_the_fence_and_is_looked_up() -> None:
    """It may have landed: the version is then another one, and still ours."""
    cell = Cell()
    agent = Agent(cell, "a")
    agent.step(0.0)
    cell.broken = NoAnswerError("reset", sent=True)
    agent.step(5.0)
    assert (agent.fence.holds(), agent.fence.deadline) == (True, 15.0)
    cell.broken = None
    cell.log.clear()
    agent.step(7.0)
    assert (cell.log, agent.fence.deadline) == (["GET", "PUT"], 22.0)


def test_a_lease_taken_by_another_drops_the_fence_at_once() -> None:
    """Whatever the deadline says: the server knows better."""
    cell = Cell()
    agent = Agent(cell, "a")
    agent.step(0.0)
    assert cell.lease is not None
    cell.version += 1
    cell.lease["spec"]["holderIdentity"] = "b"
    cell.lease["metadata"]["resourceVersion"] = str(cell.version)
    agent.step(5.0)
    assert not agent.fence.holds()
    agent.step(5.2)
    assert agent.keeper.says == "b holds Lease tidegate-system/tidegate-default"


def test_of_two_that_race_one_wins() -> None:
    """The other sees who it was."""
    cell = Cell()
    first, second = Agent(cell, "a"), Agent(cell, "b")
    second.keeper._look(0.0)
    first.step(0.0)
    second.keeper._take(0.0)
    second.step(0.2)
    assert (cell.holder, first.fence.holds(), second.fence.holds()) == ("a", True, False)


def test_a_released_lease_is_taken_at_once() -> None:
    """A rolling update does not pause syncing."""
    cell = Cell()
    first, second = Agent(cell, "a"), Agent(cell, "b")
    first.step(0.0)
    second.step(0.0)
    first.keeper.release()
    assert not first.fence.holds()
    second.step(1.0)
    assert (cell.holder, second.fence.holds()) == ("b", True)


def test_a_missing_permission_is_told() -> None:
    """The message is the server's."""
    api = ScriptedAPI.replying(refusal(403, "Forbidden", "leases is forbidden"))
    sender = Sender(api, Fence(), lambda _: None, lambda _: None)
    home = Home("default", "prod-1", "tidegate-system")
    keeper = LeaseKeeper(api, sender, home, "a", LeaseFence(lambda: 0.0), lambda: NOW)
    assert keeper.step(0.0) == 2.0
    assert keeper.says == "Lease tidegate-default can't be read (403): leases is forbidden"
