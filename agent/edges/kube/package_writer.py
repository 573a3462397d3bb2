"""The writer that package passes see: effects, memory and telling of one package at a time.

Never decides; see `agent.passes.ports.Writer` for what each call means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.core import words
from agent.core.identity import acts_as, parse_owner
from agent.core.report.transitions import unpushed
from agent.core.values import Inventory, Remember, WasNotTried
from agent.edges.kube.refusal import is_taken
from agent.edges.kube.seam import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from agent.core.identity import Owner
    from agent.core.report.values import Report
    from agent.core.values import (
        Effect,
        Manifest,
        Outcome,
        Package,
        PackageName,
        Root,
        Transition,
    )
    from agent.edges.kube.notebook import Notebook
    from agent.edges.kube.telling import Teller
    from agent.edges.kube.writer import Writer


class PackageWriter:
    """Writes for passes, with the clock, the live Packages and the exits it was given."""

    def __init__(  # noqa: PLR0913 - what it is made of, each once
        self,
        *,
        writer: Writer,
        notebook: Notebook,
        teller: Teller,
        now: Callable[[], datetime],
        root: Callable[[PackageName], Root | None],
        has_namespace: Callable[[str], bool],
        manifest: Callable[[Package, Mapping[str, str]], Manifest],
        status: Callable[[Report, Inventory, int], Mapping[str, Any]],
        on_problem: Callable[[PackageName, str], None],
        is_ours: Callable[[Owner], bool],
        tells_git: bool = False,
    ) -> None:
        """Take the parts.

        `manifest` makes the Package of a declaration and the labels that were let in, `status` its
        status; `on_problem` hears what was not told. With `tells_git` there is somebody who tells
        Git what inventories remember.
        """
        self._writer = writer
        self._notebook = notebook
        self._teller = teller
        self._now = now
        self._root = root
        self._has_namespace = has_namespace
        self._manifest = manifest
        self._status = status
        self._on_problem = on_problem
        self._is_ours = is_ours
        self._tells_git = tells_git

    def perform(
        self, package: Package | None, effects: Sequence[Effect], deadline: datetime | None
    ) -> tuple[Outcome, ...]:
        """Carry out the effects as the package's ServiceAccount, where it names one.

        Raises:
            DeclarationError: it names one in a way that names nobody.
        """
        if package is None:
            # Nobody knows whom to act as; the agent's own rights are no substitute.
            why = "the package was never declared"
            keyed = (effect for effect in effects if not isinstance(effect, Remember))
            return tuple(WasNotTried(effect.key, why) for effect in keyed)
        user = acts_as(package)
        return self._writer.perform(package.name, effects, deadline, self._now, user)

    def remember(self, inventory: Inventory) -> bool:
        """Write the inventory; False where that failed or somebody else wrote it since."""
        sent = self._notebook.remember(inventory)
        return sent is None or (isinstance(sent, Response) and is_taken(sent))

    def tell(
        self,
        package: Package | None,
        report: Report,
        inventory: Inventory,
        transitions: Sequence[Transition],
    ) -> None:
        """Bring the Package object, its status and its events up to date."""
        name = report.package
        seen = self._root(name)
        if seen is not None and self._is_anothers(seen):
            owner = seen.annotations.get(words.OWNER, "")
            self._say(name, f"the Package belongs to {owner}: nothing is told in it")
            return
        if package is not None and self._has_namespace(name.namespace):
            wanted = self._manifest(package, inventory.labels or {})
            seen, problem = self._teller.declare(name, wanted, seen)
            self._say(name, problem)
        if seen is not None:
            told = self._status(report, inventory, seen.generation)
            for problem in self._teller.tell(name, seen, told, transitions):
                self._say(name, problem)

    def retire(self, inventory: Inventory) -> bool:
        """Delete the Package object, then what is remembered of it, once Git was told.

        False where what Git has to be told yet could not be written.
        """
        name = inventory.package
        seen = self._root(name)
        if seen is not None and not self._is_anothers(seen):
            self._say(name, self._teller.retire(name, seen))
        if self._tells_git and unpushed(inventory.told):
            return self.remember(Inventory(name, told=inventory.told, gone=inventory.gone))
        sent = self._notebook.forget(name)
        if sent is not None and not isinstance(sent, Response):
            self._say(name, f"the inventory could not be deleted: {sent.why}")
        return True

    def _is_anothers(self, seen: Root) -> bool:
        """Whether another instance, or an agent of another cluster's name, keeps this Package."""
        whose = parse_owner(seen.annotations.get(words.OWNER, ""))
        return whose is not None and not self._is_ours(whose)

    def _say(self, name: PackageName, problem: str) -> None:
        if problem:
            self._on_problem(name, problem)
