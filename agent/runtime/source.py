"""What Git says, kept in memory: the reading in force, swapped whole when a new one is complete."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from agent.core.errors import AgentError, SourceError
from agent.core.values import Reason, Unknown
from agent.passes.repository import Reading, policies, read_declared, read_revision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from agent.core.declare import Declaration
    from agent.core.declared import Snapshot
    from agent.core.values import Applied, GroupKind, KindInfo, Package, PackageName, Rendered
    from agent.passes.repository import Rendering, Repository

log = logging.getLogger(__name__)


class Mirror(Protocol):
    """The mirror, as polling needs it; see `agent.edges.git.mirror`."""

    def poll(self) -> str | None:
        """The branch's commit over there; None if there is no such branch."""
        ...

    def fetch(self) -> str:
        """Bring it here."""
        ...

    def tip(self) -> str | None:
        """The commit fetched last."""
        ...

    def has(self, commit: str) -> bool:
        """Whether the commit was brought here before."""
        ...

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether the commit follows the ancestor, or is it."""
        ...

    def resolve(self, revision: str) -> str:
        """The commit whose id begins so; empty where there is none, or several."""
        ...

    def pin_all(self, commits: Mapping[str, str]) -> None:
        """Keep commits, by name, although the branch may lose them."""
        ...


@dataclass(frozen=True, slots=True)
class Polled:
    """How the last poll went."""

    at: datetime | None = None
    commit: str = ""
    problem: str = ""
    """Why nothing newer can be read, or empty."""
    since: datetime | None = None
    """Since when it can't be read."""


class GitSource:
    """See `agent.passes.ports.Source`; `refresh` is the repository pass with its memory."""

    def __init__(
        self,
        *,
        mirror: Mirror,
        repository: Repository,
        rendering: Rendering,
        kinds: Callable[[], Mapping[GroupKind, KindInfo]],
        clock: Callable[[], datetime],
        on_read: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._mirror = mirror
        self._repository = repository
        self._rendering = rendering
        self._kinds = kinds
        self._clock = clock
        self._on_read = on_read
        self._reading: Reading | None = None
        self._policies: Declaration | None = None
        self._policies_commit = ""
        self._polled = Polled()
        self._bases: dict[PackageName, tuple[str, Rendered]] = {}
        self._unpinned: dict[PackageName, str] = {}
        self._lock = threading.Lock()

    @property
    def polled(self) -> Polled:
        """How the last poll went."""
        return self._polled

    def polled_at(self) -> datetime | None:
        """When the repository was last asked with success."""
        return self._polled.at

    def snapshot(self) -> Snapshot | None:
        """The newest revision that was read whole, or None before the first."""
        reading = self._reading
        return reading.snapshot if reading else None

    def reread(self) -> frozenset[PackageName]:
        """Read the commit in force again, because the cluster serves other kinds now.

        Raises:
            SourceError: the mirror could not be read.
        """
        reading = self._reading
        return self.read(reading.snapshot.declared.commit) if reading else frozenset()

    def refresh(self) -> frozenset[PackageName]:
        """Poll, and read what is new.

        Returns:
            The packages a pass has to look at again.

        Raises:
            SourceError: nothing newer could be read; what was read stays in force.
        """
        self.keep_pins()  # before the fetch that may bring a rewritten branch
        try:
            commit = self._newest()
        except SourceError as error:
            since = self._polled.since or self._clock()
            self._polled = replace(self._polled, problem=str(error), since=since)
            raise
        now = self._clock()
        known = self._reading.snapshot.declared.commit if self._reading else ""
        changed: frozenset[PackageName] = frozenset()
        if commit != known:
            changed = self.read(commit)
        self._polled = Polled(now, commit)
        return changed

    def recover(self) -> frozenset[PackageName]:
        """Begin with the commit fetched last, while the repository can't be reached.

        Returns:
            As `refresh`; nothing once any commit was read in this run.

        Raises:
            SourceError: the mirror could not be read.
        """
        commit = self._mirror.tip() if self._reading is None else None
        return self.read(commit) if commit else frozenset()

    def recall(self, commit: str) -> None:
        """Begin with the policies of a commit, if the mirror can be brought to have it.

        They stay in force while newer ones can't be read; nothing else of the commit counts.
        """
        self._policies_commit = commit
        with suppress(SourceError):  # the first poll says why
            if not self._mirror.has(commit):
                self._mirror.fetch()
        try:
            self._policies = read_declared(commit, None, self._repository)
        except SourceError as error:
            log.warning("the last good policies (commit %s) can't be read: %s", commit[:12], error)

    @property
    def policies_commit(self) -> str:
        """A commit at which the policies in force can be read; it moves only when they change."""
        return self._policies_commit

    def pin(self, package: PackageName, commit: str) -> None:
        """Keep a commit that a package was applied at, also if the branch loses it.

        Not at once: the mirror forgets nothing by itself, and a process per package is dear.
        """
        with self._lock:
            self._unpinned[package] = commit

    def keep_pins(self) -> None:
        """Pin what was applied since the last time."""
        with self._lock:
            pins, self._unpinned = self._unpinned, {}
        try:
            self._mirror.pin_all({f"{name.namespace}/{name.name}": pins[name] for name in pins})
        except SourceError as error:
            log.warning("%d applied commits are not pinned: %s", len(pins), error)

    def _newest(self) -> str:
        commit = self._mirror.poll()
        if commit is None:
            raise SourceError("the branch does not exist in the repository (any more)")
        known = self._reading.snapshot.declared.commit if self._reading else ""
        return commit if commit == known else self._mirror.fetch()

    def read(self, commit: str) -> frozenset[PackageName]:
        """Read a commit the mirror has, and let it count from now on.

        Raises:
            SourceError: the mirror could not be read.
        """
        reading = read_revision(
            commit,
            self._reading,
            self._repository,
            self._rendering,
            self._kinds(),
            self._policies,
        )
        before = self._reading.declaration if self._reading else self._policies
        if before is None or policies(reading.declaration) != policies(before):
            self._policies_commit = reading.snapshot.declared.policies.commit
        self._on_read(reading.snapshot)
        self._reading = reading
        return reading.changed

    def base(self, package: Package, applied: Applied) -> Rendered:
        """The package as it was declared, rendered at the revision last applied."""
        with self._lock:
            known = self._bases.get(package.name)
        if known is not None and known[0] == applied.digest:
            return known[1]
        try:
            rendered = self._rendering.render(package, applied.commit, self._kinds())
        except AgentError as error:
            return Unknown(Reason.BASE_UNKNOWN, f"the applied revision is lost: {error}")
        with self._lock:
            self._bases[package.name] = (applied.digest, rendered)
        return rendered

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or a descendant of it."""
        return commit == ancestor or self._mirror.descends(commit, ancestor)

    def resolve(self, revision: str) -> str:
        """The commit whose id begins so; empty where there is none, or several."""
        return self._mirror.resolve(revision)

    def at(self, package: Package, commit: str) -> Rendered:
        """The package as it is declared now, rendered at another commit."""
        return self._rendering.render(package, commit, self._kinds())

    def content(self, package: Package, commit: str) -> str:
        """Digest of what the package would be rendered of at a commit; empty where none can be."""
        return self._rendering.content(package, commit)
