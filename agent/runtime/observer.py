"""The writer of `--observe`: it writes nothing, so every pass only says what it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from agent.core.report.values import Report
    from agent.core.values import Effect, Inventory, Outcome, Package, Transition


class Observer:
    """See `agent.passes.ports.Writer` for what each call would do."""

    def perform(
        self, package: Package | None, effects: Sequence[Effect], deadline: datetime | None
    ) -> tuple[Outcome, ...]:
        """Carry out nothing; there are no outcomes."""
        del package, effects, deadline
        return ()

    def remember(self, inventory: Inventory) -> bool:
        """Remember in this process only."""
        del inventory
        return True

    def tell(
        self,
        package: Package | None,
        report: Report,
        inventory: Inventory,
        transitions: Sequence[Transition],
    ) -> None:
        """Tell the cluster nothing; Git is told by the status pass."""

    def retire(self, inventory: Inventory) -> bool:  # noqa: ARG002 - as the port has it
        """Delete nothing."""
        return True


class Always:
    """The leader of a process that writes nothing: it may always look."""

    says = ""

    def holds(self) -> bool:
        """Whether passes may run: always."""
        return True
