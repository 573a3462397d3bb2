"""The status pass: one commit for what is new, at a pace people can read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from facts_builder import COMMIT, NOW, PAYMENTS, declared, kept, later, result_of, synced, wanted

from agent.core.declared import Declared, Snapshot
from agent.core.errors import SourceError
from agent.core.report.judge import judge
from agent.core.report.pace import Pace
from agent.core.report.transitions import advance, pushed
from agent.core.values import Inventory, PackageName, Reason, State
from agent.passes.status import Teller, tell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from agent.core.report.values import Report
    from agent.passes.status import Change

WEB = wanted("Deployment", "web")
FACTS = synced(WEB)
SYNCED = judge(result_of(FACTS, kept(WEB)), FACTS.inventory)
FAILED = replace(SYNCED, state=State.FAILED, reason=Reason.UNHEALTHY)
REQUIRED = ["README.md", "badge.svg", "history/shop/payments/2026-11.jsonl"]


@dataclass
class Branch:
    """A status branch in memory: what was committed, under which subject."""

    files: dict[str, bytes] = field(default_factory=dict)
    log: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    beats: int = 0
    broken: str = ""

    def publish(
        self,
        change: Change,
        subject: str,
        trailers: Mapping[str, str],
        *,
        even_if_same: bool = False,
    ) -> None:
        """Take the files, or refuse."""
        if self.broken:
            raise SourceError(self.broken)
        self.beats += even_if_same
        edited = {**self.files, **change(self.files or None)}
        self.files = {path: content for path, content in edited.items() if content is not None}
        self.log.append((subject, trailers))


@dataclass
class World:
    """What packages told, and what Git declares."""

    told: dict[PackageName, tuple[Report, Inventory]] = field(default_factory=dict)
    names: tuple[PackageName, ...] = (PAYMENTS,)
    complete: bool = True

    def tells(self, report: Report, minute: float = 0) -> None:
        """Take in a report as a package pass would."""
        _, inventory = self.told.get(report.package, (report, FACTS.inventory))
        told = advance(inventory.told, report, later(minutes=minute))
        self.told[report.package] = (report, replace(inventory, told=told))

    def snapshot(self) -> Snapshot:
        """Return the newest revision."""
        packages = {name: declared(name) for name in self.names}
        return Snapshot(Declared(COMMIT, packages, self.complete))

    def packages(self) -> frozenset[PackageName]:
        """Return what has an inventory."""
        return frozenset(self.told)

    def reports(self) -> Mapping[PackageName, tuple[Report, Inventory]]:
        """Return what was told."""
        return dict(self.told)

    def departed(self) -> Mapping[PackageName, Inventory]:
        """Return nothing: nobody left."""
        return {}


@pytest.fixture
def world() -> World:
    """A package that is synced."""
    made = World()
    made.tells(SYNCED)
    return made


@dataclass
class Agent:
    """The pass with its memory of how pushing goes, as the agent runs it."""

    world: World
    branch: Branch = field(default_factory=Branch)
    pace: Pace = field(default_factory=Pace)
    problem: str = ""

    def run(self, now: datetime, *, at_once: bool = False) -> datetime | None:
        """Run one pass; returns when to come back."""
        teller = Teller(
            "prod-1",
            "default",
            "0.1.0",
            self.world,
            self.world,
            self.branch,
            lambda text: text.replace("hunter2", "***"),
        )
        told = tell(teller, self.pace, now, at_once=at_once)
        self.pace, self.problem = told.pace, told.problem
        for name, seq in told.pushed:
            report, inventory = self.world.told[name]
            done = replace(inventory, told=pushed(inventory.told, seq))
            self.world.told[name] = (report, done)
        return told.wake


def test_the_first_word_is_pushed_at_once(world: World):
    """Files, subject and trailers; then nothing until the heartbeat."""
    telling = Agent(world)
    branch = telling.branch
    assert telling.run(NOW) == later(hours=1)
    assert sorted(branch.files)[:3] == REQUIRED
    assert branch.log == [
        (
            "prod-1: payments synced",
            {
                "Tidegate-Revision": COMMIT,
                "Tidegate-Cluster": "prod-1",
                "Tidegate-Instance": "default",
                "Tidegate-Version": "0.1.0",
            },
        )
    ]
    assert world.told[PAYMENTS][1].told.pushed == 1


def test_the_same_again_is_not_pushed(world: World):
    """That the records are in Git now is nothing new."""
    telling = Agent(world)
    branch = telling.branch
    telling.run(NOW)
    assert telling.run(later(minutes=5)) == later(hours=1)
    assert len(branch.log) == 1


def test_a_second_change_waits_a_little(world: World):
    """It comes back after ten seconds and says it all in one commit."""
    telling = Agent(world)
    branch = telling.branch
    telling.run(NOW)
    world.tells(FAILED, minute=0.1)
    assert telling.run(later(seconds=6)) == later(seconds=16)
    assert len(branch.log) == 1
    telling.run(later(seconds=16))
    assert [says for says, _ in branch.log][1:] == ["prod-1: payments failed"]


def test_a_push_that_fails_is_tried_again_later(world: World):
    """What was not told is told with the next push; the problem leaves scrubbed."""
    branch = Branch(broken="https://x:hunter2@host refused")
    telling = Agent(world, branch)
    assert telling.run(NOW) == later(seconds=10)
    assert telling.problem == "https://x:***@host refused"
    assert world.told[PAYMENTS][1].told.pushed == 0
    branch.broken = ""
    assert telling.run(later(seconds=10)) == later(seconds=10, hours=1)
    assert len(branch.log) == 1


def test_the_end_of_a_run_does_not_wait_for_the_pace(world: World):
    """`run --once` pushes before it exits; without news it pushes nothing."""
    telling = Agent(world)
    branch = telling.branch
    telling.run(NOW)
    world.tells(FAILED, minute=0.1)
    telling.run(later(seconds=6), at_once=True)
    telling.run(later(seconds=7), at_once=True)
    assert len(branch.log) == 2


def test_a_package_that_left_loses_its_file_only_when_that_is_sure(world: World):
    """An unknown set proves nothing."""
    telling = Agent(world)
    branch = telling.branch
    telling.run(NOW)
    world.told, world.names, world.complete = {}, (), False
    telling.run(later(minutes=2))
    assert "packages/shop/payments.yaml" in branch.files
    world.complete = True
    telling.run(later(minutes=4))
    assert "packages/shop/payments.yaml" not in branch.files
    assert "history/shop/payments/2026-11.jsonl" in branch.files


def test_a_new_revision_is_told_even_if_nothing_changed(world: World):
    """Whoever pushed a commit sees that the agent has read it."""
    telling = Agent(world)
    branch = telling.branch
    telling.run(NOW)
    world.tells(replace(SYNCED, observed="0" * 40), minute=2)
    telling.run(later(minutes=2))
    assert len(branch.log) == 2


def test_an_hour_of_silence_is_a_heartbeat(world: World):
    """A dead agent's branch must not look healthy."""
    telling = Agent(world)
    branch = telling.branch
    telling.run(NOW)
    assert telling.run(later(hours=1)) == later(hours=2)
    assert [says for says, _ in branch.log][1:] == ["prod-1: 1 synced"]
    assert branch.beats == 1


def test_what_waits_for_its_time_is_not_looked_at(world: World):
    """While packages change all the time, saying what is new is put together once."""
    agent = Agent(world)
    agent.run(NOW)
    world.tells(FAILED, 1)
    agent.run(later(seconds=5))
    world.told.clear()
    assert agent.run(later(seconds=6)) == later(seconds=15)
    assert len(agent.branch.log) == 1
