"""What is remembered survives the API server, its limits, crashes and a second agent."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from real_writer import Desk, at_desk

from agent.core import inventory
from agent.core.inventory import Damaged
from agent.core.values import Entry, Inventory, Key, PackageName, Remember, WasRefused
from agent.edges import failpoints
from agent.edges.kube import memory
from agent.edges.kube.seam import Response
from agent.edges.kube.sending import Lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.conftest import Api

PAYMENTS = PackageName("shop", "payments")
LEDGER = PackageName("shop", "ledger")


@pytest.fixture
def agent(api: Api) -> Iterator[Desk]:
    """Give an agent that remembers in the test's own namespace."""
    with at_desk(api.open("tidegate/0 (test)"), api.namespace) as found:
        yield found


@pytest.fixture
def other(api: Api) -> Iterator[Desk]:
    """Give a second agent with the same memory, as after a split brain."""
    with at_desk(api.open("tidegate/0 (test)"), api.namespace) as found:
        yield found


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split early, so that parts don't cost seconds."""
    monkeypatch.setattr(inventory, "PART_BYTES", 4096)


def _key(name: str) -> Key:
    return Key("", "ConfigMap", "shop", name)


def _large(seed: int, objects: int = 60) -> Inventory:
    """Give an inventory that needs two parts; with 16,000 objects more than 1 MiB."""
    noise = random.Random(seed)  # noqa: S311
    found = {_key(f"c{number}"): Entry(noise.randbytes(80).hex()) for number in range(objects)}
    return Inventory(PAYMENTS, entries=found)


def _small(package: PackageName, name: str) -> Inventory:
    return Inventory(package, entries={_key(name): Entry("u1")})


def _remember(agent: Desk, wanted: Inventory) -> None:
    assert agent.perform(wanted.package, Remember(wanted)) == ()


def _kept(api: Api) -> list[str]:
    """Name the parts that are kept; a real cluster with controllers has its own ConfigMap too."""
    return [name for name in api.names("configmaps") if name.startswith("tidegate-")]


def test_inventories_come_back_after_a_restart(agent: Desk, other: Desk) -> None:
    """One LIST finds them all, under their packages' names."""
    inventories = {PAYMENTS: _small(PAYMENTS, "a"), LEDGER: _small(LEDGER, "b")}
    for each in inventories.values():
        _remember(agent, each)
    assert other.notebook.load_all() == inventories


def test_nothing_is_there_in_the_beginning(agent: Desk) -> None:
    """An absent inventory is none, and not an empty or damaged one."""
    assert (agent.notebook.load_all(), agent.notebook.load(PAYMENTS)) == ({}, None)


def test_more_than_a_mebibyte_is_split_and_comes_back(agent: Desk, other: Desk, api: Api) -> None:
    """A second write replaces the parts and leaves none of the first behind."""
    for seed in (1, 2):
        large = _large(seed, 16_000)
        _remember(agent, large)
        assert other.notebook.load(PAYMENTS) == large
    assert len(_kept(api)) == 2
    _remember(agent, _small(PAYMENTS, "a"))
    assert len(_kept(api)) == 1


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("place", ["remember:after:error", "remember:before:error@2"])
def test_a_write_cut_short_leaves_the_last_inventory(agent: Desk, other: Desk, place: str) -> None:
    """The head is what counts, and it comes last; the next write clears the remains away."""
    _remember(agent, _large(1))
    failpoints.arm(place)
    try:
        with pytest.raises(failpoints.FailpointReached):
            agent.notebook.remember(_large(2))
    finally:
        failpoints.arm("")
    assert other.notebook.load(PAYMENTS) == _large(1)
    _remember(other, _large(3))
    assert other.notebook.load(PAYMENTS) == _large(3)
    loaded = memory.load(other.transport, other.home, PAYMENTS)
    assert loaded is not None
    assert len(loaded.written.parts) == 1


@pytest.mark.usefixtures("small_parts")
def test_a_missing_part_is_damage(agent: Desk, api: Api) -> None:
    """Nothing is proved from half an inventory; writing a whole one heals it."""
    _remember(agent, _large(1))
    api.delete("configmaps", next(name for name in _kept(api) if not name.endswith("-0")))
    assert isinstance(agent.notebook.load(PAYMENTS), Damaged)
    _remember(agent, _large(1))
    assert agent.notebook.load(PAYMENTS) == _large(1)


def test_of_two_agents_only_one_writes_and_nothing_is_lost(agent: Desk, other: Desk) -> None:
    """Who comes second is refused, reads again, and adds to what it finds."""
    _remember(agent, _small(PAYMENTS, "a"))
    other.notebook.load_all()
    _remember(agent, _small(PAYMENTS, "b"))
    late = _small(PAYMENTS, "c")
    (outcome,) = other.perform(PAYMENTS, Remember(late))
    assert isinstance(outcome, WasRefused)
    assert outcome.says.code == 409
    assert other.notebook.load(PAYMENTS) == _small(PAYMENTS, "b")
    _remember(other, late)
    assert agent.notebook.load(PAYMENTS) == late


def test_two_first_inventories_do_not_overwrite_each_other(agent: Desk, other: Desk) -> None:
    """Both saw none; one of them made it."""
    _remember(agent, _small(PAYMENTS, "a"))
    (outcome,) = other.perform(PAYMENTS, Remember(_small(PAYMENTS, "b")))
    assert isinstance(outcome, WasRefused)
    assert outcome.says.reason == "AlreadyExists"


@pytest.mark.parametrize("before", [(), ("a",)])
def test_a_write_whose_answer_was_lost_is_found_again(
    agent: Desk, other: Desk, before: tuple[str, ...]
) -> None:
    """It landed, so the next one goes on from it: the first of a package, or a later one."""
    for name in before:
        _remember(agent, _small(PAYMENTS, name))
    agent.transport.loses = 1
    assert isinstance(agent.notebook.remember(_small(PAYMENTS, "b")), Lost)
    _remember(agent, _small(PAYMENTS, "c"))
    assert other.notebook.load(PAYMENTS) == _small(PAYMENTS, "c")


def test_what_another_agent_wrote_after_a_lost_answer_stays(agent: Desk, other: Desk) -> None:
    """What is there is nothing that we may have written."""
    agent.transport.loses = 1
    assert isinstance(agent.notebook.remember(_small(PAYMENTS, "a")), Lost)
    other.notebook.load_all()
    _remember(other, _small(PAYMENTS, "b"))
    (outcome,) = agent.perform(PAYMENTS, Remember(_small(PAYMENTS, "c")))
    assert isinstance(outcome, WasRefused)
    assert other.notebook.load(PAYMENTS) == _small(PAYMENTS, "b")


@pytest.mark.usefixtures("small_parts")
def test_a_forgotten_package_leaves_nothing(agent: Desk, api: Api) -> None:
    """Neither the head nor a part."""
    _remember(agent, _large(1))
    sent = agent.notebook.forget(PAYMENTS)
    assert isinstance(sent, Response)
    assert _kept(api) == []


def test_state_is_kept_per_instance(agent: Desk) -> None:
    """Two instances that share a namespace leave each other's alone; at rest nothing is sent."""
    state = {"policies": "0123abcd", "repository": "https://git.example.com/shop.git"}
    assert agent.teller.keep_state(state) == ""
    agent.transport.sent.clear()
    assert agent.teller.keep_state(state) == ""
    assert agent.transport.sent == []
    assert memory.read_state(agent.transport, agent.home) == state
