"""The running agent: queues, workers and timers; it wakes passes and takes in what they did.

Never decides: a pass gets a name and looks at the world.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from agent.core import words
from agent.core.admit import standings
from agent.core.errors import AgentError, SourceError
from agent.core.identity import package_label
from agent.core.values import GroupKind, PackageName, WasNotTried, WasUnknown
from agent.passes.package import Passed, sync
from agent.runtime.edges import Edges
from agent.runtime.loops import Thread
from agent.runtime.news import News
from agent.runtime.queue import Queue
from agent.runtime.surroundings import DEFINITION, NAMESPACE, PACKAGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from agent.core.values import Key
    from agent.passes.ports import Writer
    from agent.runtime.loops import Loop, Started, Starts
    from agent.runtime.memory import Memory
    from agent.runtime.records import Changed
    from agent.runtime.source import GitSource
    from agent.runtime.timers import Timers
    from agent.runtime.view import WatchedCluster

log = logging.getLogger(__name__)

REPOSITORY: Final = "repository"
STATUS: Final = "status"
KINDS: Final = "kinds"
STATE: Final = "state"
RETRY: Final = timedelta(seconds=10)
SOON: Final = timedelta(seconds=1)
DEBOUNCE: Final = timedelta(milliseconds=200)
FETCHED_BY: Final = timedelta(seconds=3)
"""How long an edge waits for Git: what is known already is synced then."""


class Leader(Protocol):
    """Whether this process may write now."""

    def holds(self) -> bool:
        """Whether the lease is ours."""
        ...


class Teller(Protocol):
    """The status pass."""

    def run(self, now: datetime) -> datetime | None:
        """Tell Git what is due; returns when to come back."""
        ...


@dataclass(slots=True)
class World:
    """What passes look at; see `agent.passes.ports.World`."""

    instance: str
    cluster_name: str
    source: GitSource
    cluster: WatchedCluster
    memory: Memory


class Agent:
    """Workers over two queues: packages, and the slow passes (repository, status, discovery)."""

    def __init__(  # noqa: PLR0913 - what it is made of, each once
        self,
        *,
        world: World,
        writer: Writer,
        leader: Leader,
        timers: Timers,
        teller: Teller | None,
        clock: Callable[[], datetime],
        interval: timedelta,
        on_kinds: Callable[[], None] = lambda: None,
        on_pass: Callable[[Passed], None] = lambda _: None,
        on_done: Callable[[], None] = lambda: None,
        on_revision: Callable[[], None] = lambda: None,
        on_poll: Callable[[bool], None] = lambda _: None,
        workers: int = 4,
        starts: Starts = Thread,
    ) -> None:
        self.world = world
        self._writer = writer
        self._leader = leader
        self._timers = timers
        self._teller = teller
        self._clock = clock
        self._interval = interval
        self._on_kinds = on_kinds
        self._on_pass = on_pass
        self._on_done = on_done
        self._on_revision = on_revision
        self._on_poll = on_poll
        self._workers = workers
        self._starts = starts
        self.packages: Queue[PackageName] = Queue()
        self.slow: Queue[str] = Queue()
        self._news = News(timers, clock, self.packages.is_idle, lambda: self.slow.wake(STATUS))
        self._started: list[Started] = []
        self._failures: dict[PackageName, int] = {}
        self._asked: set[PackageName] = set()
        self._waiting: set[PackageName] = set()
        """Packages whose kinds were not all known when a pass last looked."""
        self._edges = Edges()
        self._unseen: dict[str, str] = {}
        self._expects_kinds = False
        self._names: dict[str, PackageName] = {}
        self._barred: dict[PackageName, None] = {}
        """Packages that were woken while the lease was not surely ours: each once, however long."""
        self._barred_slow: dict[str, None] = {}

    # --- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start workers and timers; the first thing they do is to read the repository."""
        for number in range(self._workers):
            self._start(f"package-{number}", self._work_packages)
        for number in range(2):
            self._start(f"slow-{number}", self._work_slow)
        self._timers.every("poll", self._interval, lambda: self.slow.wake(REPOSITORY))
        self.slow.wake(REPOSITORY)

    def _start(self, name: str, loop: Callable[[], Loop]) -> None:
        self._started.append(self._starts(name, loop))

    def stop(self, seconds: float) -> bool:
        """Start no pass any more and wait for those that run; False when one did not end."""
        self._timers.stop()
        self.packages.stop()
        self.slow.stop()
        deadline = time.monotonic() + seconds
        ended = [each.join(deadline - time.monotonic()) for each in self._started]
        return all(ended)

    def leads(self) -> bool:
        """Whether passes may run: before, nobody knows what is remembered."""
        return self._leader.holds()

    def is_quiet(self) -> bool:
        """Whether no pass runs, is ready to, or is about to be woken by new definitions."""
        return not self._expects_kinds and self.packages.is_idle() and self.slow.is_idle()

    # --- what wakes passes ---------------------------------------------------------------------

    def on_leading(self) -> None:
        """The lease became ours, and what was remembered is known."""
        self.slow.wake(STATE)
        self.wake_everyone()

    def on_held(self) -> None:
        """The lease is ours still: do what was barred while that was not sure."""
        for name in list(self._barred):  # those that are barred meanwhile wait for the next
            del self._barred[name]
            self.packages.wake(name)
        for key in list(self._barred_slow):
            del self._barred_slow[key]
            self.slow.wake(key)

    def wake_everyone(self) -> None:
        """Look at every package again: a kind is known at last, or we may act at last."""
        snapshot = self.world.source.snapshot()
        if snapshot is None:
            return
        declared = snapshot.declared
        self.packages.wake_all(
            sorted({*declared.packages, *declared.invalid, *self.world.memory.packages()})
        )

    def on_live(self, changed: Changed) -> None:
        """An object of ours changed, by somebody else's hand or by a controller's."""
        name = self._named(changed.package)
        if name is not None:
            self.packages.wake(name)

    def _named(self, label: str) -> PackageName | None:
        if label not in self._names:
            world = self.world
            self._names = {
                package_label(world.instance, world.cluster_name, name): name
                for name in self._known()
            }
        return self._names.get(label)

    def _known(self) -> frozenset[PackageName]:
        snapshot = self.world.source.snapshot()
        declared = snapshot.declared.packages if snapshot else {}
        return frozenset({*declared, *self.world.memory.packages()})

    def on_surroundings(self, key: Key) -> None:
        """A Namespace, Package, autoscaler or definition changed."""
        kind = GroupKind(key.group, key.kind)
        if kind == DEFINITION:
            # Definitions come in dozens: one look when the last of them came.
            self._expects_kinds = True
            self._timers.at(KINDS, self._clock() + DEBOUNCE, lambda: self.slow.wake(KINDS))
        elif kind == PACKAGE:
            self._package_changed(PackageName(key.namespace, key.name))
        elif kind == NAMESPACE:
            self._wake_namespace(key.name)
        else:
            self._wake_namespace(key.namespace)

    def _package_changed(self, name: PackageName) -> None:
        """Somebody annotated the Package, or deleted it; asking for a sync asks Git first.

        Packages of other instances are seen here too, and are none of ours.
        """
        if name not in self._known():
            return
        root = self.world.cluster.root(name)
        asked = root.annotations.get(words.SYNC_REQUESTED_AT, "") if root else ""
        if asked and asked != self.world.memory.inventory(name).handled_sync:
            self._asked.add(name)
            self.slow.wake(REPOSITORY)
        self.packages.wake(name)

    def _wake_namespace(self, namespace: str) -> None:
        for name in self._known():
            inventory = self.world.memory.inventory(name)
            lives_there = any(each.namespace == namespace for each in inventory.entries)
            if name.namespace == namespace or lives_there:
                self.world.memory.forget_answers(name)
                self.packages.wake(name)

    def on_synced(self, kind: GroupKind) -> None:
        """A kind is listed whole for the first time: passes that waited for it may run."""
        log.debug("watching %s", kind)
        self.packages.wake_all(sorted(self._waiting))

    # --- workers -------------------------------------------------------------------------------

    def _work_packages(self) -> Loop:
        while (name := self.packages.take()) is not None:
            try:
                self._pass(name)
            except AgentError as error:
                self._retry(name, str(error))
            except Exception:
                log.exception("the pass over %s failed", name)
                self._retry(name, "an error inside Tidegate, logged with its traceback")
            finally:
                self.packages.done(name)
                self._news.look()
                self._on_done()
            yield 0.0

    def _retry(self, name: PackageName, why: str) -> None:
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        pause = min(RETRY * 2 ** min(failures - 1, 6), timedelta(minutes=10))
        log.warning("%s: %s; tried again in %s", name, why, pause)
        self._alarm(name, self._clock() + pause)

    def _alarm(self, name: PackageName, when: datetime | None) -> None:
        self._timers.at(("package", name), when, lambda: self.packages.wake(name))

    def _pass(self, name: PackageName) -> None:
        if not self._leader.holds():
            self._barred[name] = None
            return
        self._waiting.add(name)  # before it looks: what becomes known meanwhile wakes it again
        passed = sync(name, self.world, self._writer, self._clock)
        if passed is None:
            self._say_what_is_unseen()
            return
        self._waiting.discard(name)
        self._failures.pop(name, None)
        facts = passed.result.facts
        held = standings(facts, facts.now)
        before = self.world.memory.report(name)
        held_before = self.world.memory.standings(name)
        expires = self.world.memory.put(passed, held)
        self._on_pass(passed)
        self._schedule(name, passed, expires)
        if before != passed.report:
            self._news.heard()
            self._wake_neighbours(name, passed)
        if held != held_before:
            self._wake_takers(name, passed)
        if passed.again:
            self.packages.wake(name)

    def _say_what_is_unseen(self) -> None:
        """A pass that can't run yet is nothing, unless it waits for what we may not see."""
        problems = dict(self.world.cluster.problems())
        if problems != self._unseen:
            for what, why in problems.items():
                log.warning("%s cannot be watched, so nothing is decided about it: %s", what, why)
        self._unseen = problems

    def _schedule(self, name: PackageName, passed: Passed, expires: datetime | None) -> None:
        doubtful = any(isinstance(o, WasUnknown | WasNotTried) for o in passed.result.outcomes)
        soon = self._clock() + SOON if doubtful or not passed.saved else None
        instants = [when for when in (expires, soon) if when is not None]
        self._alarm(name, min(instants, default=None))
        self._edge(name, passed.wake)

    def _edge(self, name: PackageName, when: datetime | None) -> None:
        """Wake at a gate's edge, after a look at Git; many packages at one edge are spread.

        The first is never delayed. A repository that does not answer delays nobody for long.
        """
        delay = self._edges.delay(name, when)
        fetched = when + delay if when else None
        anyway = fetched + FETCHED_BY if fetched else None
        self._timers.at(("edge", name), fetched, lambda: self._opened(name))
        self._timers.at(("edge-anyway", name), anyway, lambda: self.packages.wake(name))

    def _opened(self, name: PackageName) -> None:
        self._asked.add(name)
        self.slow.wake(REPOSITORY)

    def _wake_neighbours(self, name: PackageName, passed: Passed) -> None:
        """Dependants, and packages that objects moved away from."""
        snapshot = self.world.source.snapshot()
        declared = snapshot.declared.packages if snapshot else {}
        dependants = (each for each, package in declared.items() if name in package.depends_on)
        self.packages.wake_all(sorted({*dependants, *passed.result.facts.movers.values()}))

    def _wake_takers(self, name: PackageName, passed: Passed) -> None:
        """Packages that objects move to from here: they are held by what holds this one."""
        snapshot = self.world.source.snapshot()
        claims = snapshot.claims if snapshot else {}
        takers = {taker for key in passed.inventory.entries for taker in claims.get(key, ())}
        self.packages.wake_all(sorted(takers - {name}))

    def _work_slow(self) -> Loop:
        passes = {
            REPOSITORY: self._repository,
            STATUS: self._status,
            KINDS: self._kinds,
            STATE: self._state,
        }
        while (key := self.slow.take()) is not None:
            try:
                passes[key]()
            except AgentError as error:
                log.warning("%s: %s", key, error)
            except Exception:
                log.exception("the %s pass failed", key)
            finally:
                self.slow.done(key)
                self._on_done()
            yield 0.0

    def _repository(self) -> None:
        asked, self._asked = self._asked, set()
        before = self._commit()
        try:
            changed = self.world.source.refresh()
        except SourceError:
            self.packages.wake_all(sorted(self.world.source.recover()))
            raise
        finally:
            self._on_poll(not self.world.source.polled.problem)
            self.packages.wake_all(sorted(asked))
        # The first commit may declare nothing: what is remembered has to be looked at all the same.
        if changed or self._commit() != before:
            log.info("revision %s", self._commit()[:12])
            self.packages.wake_all(sorted(changed | self._leaving()))
            self.slow.wake(STATE)
            self._news.heard()

    def _commit(self) -> str:
        snapshot = self.world.source.snapshot()
        return snapshot.declared.commit if snapshot else ""

    def _leaving(self) -> frozenset[PackageName]:
        """Packages we remember that Git does not declare."""
        snapshot = self.world.source.snapshot()
        declared = snapshot.declared.packages if snapshot else {}
        return frozenset(self.world.memory.packages() - declared.keys())

    def _status(self) -> None:
        if self._teller is None or self._is_silent():
            return
        if not self._leader.holds():
            self._barred_slow[STATUS] = None
            return
        again = self._teller.run(self._clock())
        self._timers.at("status", again, lambda: self.slow.wake(STATUS))

    def _is_silent(self) -> bool:
        """Whether no package was looked at yet, though there are some: nothing to tell so far."""
        return bool(self._known()) and not self.world.memory.reports()

    def _kinds(self) -> None:
        self._expects_kinds = False
        self._on_kinds()
        changed = self.world.source.reread()
        for name in self._known():
            self.world.memory.forget_answers(name)
        self.packages.wake_all(sorted({*changed, *self._known()}))

    def _state(self) -> None:
        if self._leader.holds():
            self._on_revision()
        else:
            self._barred_slow[STATE] = None
