"""Who leads, and what is done again after a moment in which nobody knew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.core.errors import ClusterError
from agent.runtime.leading import Leading

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.runtime.loops import Loop, Started


@dataclass
class Cell:
    """A lease, its fence, and what was told of them."""

    ours: bool = True
    prepared: bool = True
    told: list[str] = field(default_factory=list)
    steps: Loop | None = None
    says: str = ""

    def step(self, monotonic: float) -> float:
        """Do what is due."""
        del monotonic
        return 5.0

    def release(self) -> None:
        """Give it back."""

    def holds(self) -> bool:
        """Whether it is ours."""
        return self.ours

    def prepare(self) -> None:
        """Read what was remembered, if it can be read."""
        if not self.prepared:
            raise ClusterError("the API server is away")

    def __call__(self, name: str, loop: Callable[[], Loop]) -> Started:
        """Run nothing by itself."""
        del name
        self.steps = loop()
        return None  # type: ignore[return-value]  # nobody stops it


def led(cell: Cell) -> Leading:
    """Begin to lead."""
    leading = Leading(
        keeper=cell,
        fence=cell,
        monotonic=lambda: 0.0,
        prepare=cell.prepare,
        on_ready=lambda: cell.told.append("ready"),
        on_held=lambda: cell.told.append("held"),
        starts=cell,
    )
    leading.start()
    return leading


def test_every_renewal_is_told() -> None:
    """So that what was barred while the fence was down, unseen by this loop, is done."""
    cell = Cell()
    leading = led(cell)
    assert cell.steps is not None
    assert [next(cell.steps) for _ in range(3)] == [5.0, 5.0, 5.0]
    assert (cell.told, leading.holds()) == (["ready", "held", "held"], True)


def test_a_lease_that_was_lost_begins_anew() -> None:
    """What another agent remembered meanwhile is read before any pass."""
    cell = Cell()
    led(cell)
    assert cell.steps is not None
    next(cell.steps)
    cell.ours = False
    next(cell.steps)
    cell.ours = True
    next(cell.steps)
    assert cell.told == ["ready", "ready"]


def test_nobody_leads_before_what_is_remembered_is_known() -> None:
    """It is read again at the next step."""
    cell = Cell(prepared=False)
    leading = led(cell)
    assert cell.steps is not None
    next(cell.steps)
    assert (cell.told, leading.holds()) == ([], False)
    cell.prepared = True
    next(cell.steps)
    assert (cell.told, leading.holds()) == (["ready"], True)
