"""One agent of one repository on one cluster: its parts, what they report, and its life."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from agent import __version__
from agent.assemble.cluster import through
from agent.assemble.repository import git_source
from agent.core.errors import ClusterError
from agent.core.inventory import Damaged
from agent.core.kinds.crd import crd
from agent.core.kinds.package_object import package_object
from agent.core.report.status import document, entry, status
from agent.core.values import Inventory, WasApplied
from agent.edges import process
from agent.edges.kube import memory
from agent.edges.kube.groundwork import Groundwork, NoFence
from agent.edges.kube.lease import LeaseFence, LeaseKeeper
from agent.edges.kube.notebook import Notebook
from agent.edges.kube.package_writer import PackageWriter
from agent.edges.kube.sending import Sender
from agent.edges.kube.telling import Teller
from agent.edges.kube.watch import Watches
from agent.edges.kube.writer import Writer, served_paths
from agent.edges.recorder import Recorder
from agent.edges.serving import Server
from agent.passes.status import Teller as StatusTeller
from agent.runtime.agent import Agent, World
from agent.runtime.leading import Leading
from agent.runtime.live import LiveState
from agent.runtime.memory import Memory
from agent.runtime.observer import Always, Observer
from agent.runtime.once import Settling
from agent.runtime.redaction import Redaction
from agent.runtime.serving import Heartbeat, Serving
from agent.runtime.status import StatusPass
from agent.runtime.surroundings import Surroundings
from agent.runtime.view import WatchedCluster

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.assemble.outside import Outside
    from agent.core.declared import Snapshot
    from agent.core.values import GroupKind, Key, PackageName
    from agent.edges.kube.sending import Record
    from agent.passes.package import Passed
    from agent.runtime.records import Changed
    from agent.settings import Settings

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
LONGEST_SILENCE = timedelta(minutes=10)
"""Without a pass for this long the process is taken for dead; a poll is a pass."""


class Running:
    """One agent of one repository on one cluster, from start to stop."""

    def __init__(self, settings: Settings, folder: Path, outside: Outside) -> None:
        self._settings = settings
        self._outside = outside
        self._stopping = threading.Event()
        self.settling = Settling()
        self.redaction = Redaction()
        self.memory = Memory()
        self._key = b""
        self.metrics = outside.metrics
        longest = max(LONGEST_SILENCE, 10 * settings.interval)
        self.heartbeat = Heartbeat(outside.monotonic, longest.total_seconds())
        cluster = self._cluster = through(
            outside.transport, settings, folder, self.redaction.text, outside.monotonic
        )
        self.source = git_source(
            settings,
            outside.mirror,
            outside.renders,
            kinds=cluster.discovery.kinds,
            on_read=self._on_read,
            capabilities=cluster.capabilities,
            secret_key=lambda: self._key,
            now=outside.now,
        )
        watches = Watches(cluster.transport, cluster.discovery, settings.instance)
        self.live = LiveState(watches.ours, self._on_live, self._on_synced, outside.starts)
        self.surroundings = Surroundings(
            watches.all, self._on_surroundings, self._on_ready, outside.starts
        )
        self._fence = LeaseFence(outside.monotonic)
        self._unfenced = Sender(cluster.transport, NoFence(), self._wait, self._journal)
        sender = Sender(cluster.transport, self._fence, self._wait, self._journal)
        self._notebook = Notebook(cluster.transport, sender, cluster.home)
        self._writer = Writer(
            transport=cluster.transport,
            sender=sender,
            notebook=self._notebook,
            executor=outside.executor,
            paths=served_paths(cluster.discovery.find),
            home=cluster.home,
            redact=self.redaction.text,
        )
        self._teller = Teller(sender, cluster.home, self.redaction.text)
        self.leading = self._leading()
        self.metrics.follow_leader(self.leading.holds)
        self._server = self._listener()
        self.status = self._status_pass()
        self.agent = Agent(
            world=self._world(),
            writer=Observer() if settings.observe else self._package_writer(),
            leader=Always() if settings.observe else self.leading,
            timers=outside.timers,
            teller=self.status,
            clock=outside.now,
            interval=settings.interval,
            on_kinds=self._on_kinds,
            on_pass=self._on_pass,
            on_done=self.settling.notify,
            on_revision=self._keep_state,
            on_poll=self._on_poll,
            starts=outside.starts,
        )

    # --- parts ---------------------------------------------------------------------------------

    def _world(self) -> World:
        settings, cluster = self._settings, self._cluster
        view = WatchedCluster(
            instance=settings.instance,
            cluster=settings.cluster,
            live=self.live,
            surroundings=self.surroundings,
            discovery=cluster.discovery,
            schemas=cluster.schemas,
            reader=cluster.reader,
        )
        return World(
            settings.instance,
            settings.cluster,
            self.source,
            view,
            self.memory,
        )

    def _leading(self) -> Leading:
        keeper = LeaseKeeper(
            self._cluster.transport,
            self._unfenced,
            self._cluster.home,
            self._outside.identity,
            self._fence,
            self._outside.now,
        )
        return Leading(
            keeper=keeper,
            fence=self._fence,
            monotonic=self._outside.monotonic,
            prepare=self._prepare,
            on_ready=self._on_leading,
            on_held=self._on_held,
            starts=self._outside.starts,
        )

    def _package_writer(self) -> PackageWriter:
        return PackageWriter(
            writer=self._writer,
            notebook=self._notebook,
            teller=self._teller,
            now=self._outside.now,
            root=self.surroundings.root,
            manifest=lambda package, labels: package_object(
                package, labels, self._settings.instance, self._settings.cluster
            ),
            has_namespace=lambda name: self.surroundings.namespace(name).exists,
            status=lambda report, inventory, generation: status(
                report, inventory, generation, self.redaction.text
            ),
            on_problem=lambda package, says: log.warning("%s: %s", package, says),
            tells_git=not self._settings.no_status,
            is_ours=lambda owner: (
                (owner.instance, owner.cluster) == (self._settings.instance, self._settings.cluster)
            ),
        )

    def _listener(self) -> Serving | None:
        """Bind now, so that a wrong address ends the start and not the run."""
        if self._settings.listen is None:
            return None
        server = Server(self._settings.listen, self.metrics, self.heartbeat.is_live, self._is_ready)
        return Serving(server)

    def _status_pass(self) -> StatusPass | None:
        if self._outside.publisher is None:
            return None
        teller = StatusTeller(
            cluster=self._settings.cluster,
            instance=self._settings.instance,
            version=__version__,
            source=self.source,
            memory=self.memory,
            publisher=self._outside.publisher,
            redact=self.redaction.text,
        )
        return StatusPass(teller, self.memory, self._on_told)

    # --- what the edges report -----------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        self._outside.pause(self._stopping, seconds)

    def _journal(self, record: Record) -> None:
        log.debug(
            "%s %s %s → %s %s",
            record.effect,
            record.method,
            record.path,
            record.status,
            record.says,
        )

    def _on_poll(self, ok: bool) -> None:  # noqa: FBT001 - what it was, and nothing else
        self.metrics.polled(ok)
        self.heartbeat.beat()

    def _on_leading(self) -> None:
        self.agent.on_leading()

    def _on_held(self) -> None:
        self.agent.on_held()

    def _on_told(self, package: PackageName) -> None:
        """A package is gone and Git knows: its next pass forgets it."""
        self.agent.packages.wake(package)

    def _on_ready(self) -> None:
        self.agent.wake_everyone()

    def _on_read(self, snapshot: Snapshot) -> None:
        self.redaction.learn(snapshot)

    def _on_live(self, changed: Changed) -> None:
        self.agent.on_live(changed)

    def _on_synced(self, kind: GroupKind) -> None:
        self.agent.on_synced(kind)

    def _on_surroundings(self, key: Key) -> None:
        self.agent.on_surroundings(key)

    def _on_kinds(self) -> None:
        self._cluster.discovery.refresh()
        self._cluster.schemas.refresh()
        self.surroundings.ensure()

    def _on_pass(self, passed: Passed) -> None:
        for outcome in passed.result.outcomes:
            if isinstance(outcome, WasApplied):
                self.live.put(outcome.live)
        if self._settings.record is not None:
            Recorder(self._settings.record, self._key).record(passed.result.facts)
        self._pin(passed)
        self.metrics.passed(passed)
        report, told = passed.report, passed.inventory.told
        if told.seq != passed.result.facts.inventory.told.seq:
            log.info("%s: %s: %s", report.package, report.state, report.message)

    def _pin(self, passed: Passed) -> None:
        """Keep the applied commit in the mirror, also if the branch is rewritten."""
        applied, before = passed.inventory.applied, passed.result.facts.inventory.applied
        if applied is not None and (before is None or before.commit != applied.commit):
            self.source.pin(passed.result.facts.package, applied.commit)

    def _is_ready(self) -> tuple[bool, str]:
        """Whether this process does its work: reads Git, sees the cluster, leads or stands by."""
        if self.source.snapshot() is None:
            return False, "the repository was not read yet"
        if not self.surroundings.synced():
            return False, "the cluster is not watched yet"
        leads = self._settings.observe or self.leading.holds()
        return True, "ok" if leads else f"standing by: {self.leading.says}"

    # --- life ----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Read what was remembered; runs each time the lease becomes ours."""
        found = self._notebook.load_all()
        for name, inventory in found.items():
            if isinstance(inventory, Damaged):
                raise ClusterError(
                    f"the inventory of {name} is damaged: {inventory.why}; nothing is written "
                    "until its ConfigMaps in the agent's namespace are repaired or removed"
                )
        self.memory.load({n: one for n, one in found.items() if isinstance(one, Inventory)})

    def start(self) -> None:
        """Prepare the ground, watch, ask for the lease, and start the passes.

        Raises:
            ClusterError: the cluster lacks something and the agent may not make it.
        """
        if self._server is not None:
            self._server.start()
        if self._settings.observe:
            self._key = memory.read_key(self._cluster.transport, self._cluster.home)
            self._prepare()
        else:
            self._break_ground()
        log.info(
            "no tenants are declared: who writes to %s writes to all of %s",
            self._settings.repo,
            self._settings.cluster,
        )
        self._cluster.discovery.refresh()
        self.surroundings.ensure()
        self._recall()
        self.agent.start()
        if not self._settings.observe:
            self.leading.start()

    def _break_ground(self) -> None:
        ground = Groundwork(
            self._cluster.transport,
            self._unfenced,
            self._cluster.home,
            self.redaction.text,
            __version__,
        )
        for problem in (ground.ensure_namespace(), ground.ensure_crd(crd(), self._wait)):
            if problem:
                raise ClusterError(problem)
        self._key, no_key = ground.ensure_key(self._outside.key)
        if no_key:
            raise ClusterError(no_key)

    def _recall(self) -> None:
        """Begin with the last good policies, so that a broken newer set does not open a freeze."""
        state = memory.read_state(self._cluster.transport, self._cluster.home)
        self._teller.recall(state)
        same = state.get("repo") == self._settings.repo
        if same and state.get("policies"):
            self.source.recall(state["policies"])

    def _keep_state(self) -> None:
        """Remember where the policies in force can be read again, whenever they change."""
        settings, snapshot = self._settings, self.source.snapshot()
        if settings.observe or snapshot is None or not snapshot.declared.policies.valid:
            return
        state = {
            "repo": settings.repo,
            "branch": settings.branch,
            "path": settings.path,
            "policiesPath": settings.policies,
            "cluster": settings.cluster,
            "policies": self.source.policies_commit,
        }
        problem = self._teller.keep_state(state)
        if problem:
            log.warning("%s", problem)

    def _tell_last(self) -> None:
        """Push what Git was not told yet; only who leads, or who only looks, speaks."""
        leads = self._settings.observe or self.leading.holds()
        if self.status is not None and leads and self.source.snapshot() is not None:
            self.status.run(self._outside.now(), at_once=True)
            for package in () if self._settings.observe else self.memory.forgettable():
                self._notebook.forget(package)  # as its next pass would, but none runs any more

    def told(self) -> Mapping[str, Any]:
        """What every package is doing, as `status -o json` shows it."""
        snapshot, settings = self.source.snapshot(), self._settings
        entries = [
            entry(report, inventory.told, self.redaction.text)
            for _, (report, inventory) in sorted(self.memory.reports().items())
        ]
        revision = snapshot.declared.commit if snapshot else ""
        return document(entries, settings.cluster, settings.instance, revision)

    def stop(self) -> bool:
        """End within ten seconds: passes, writes, watches, one status push, and the lease last."""
        self._stopping.set()
        self._writer.stop()
        ended = self.agent.stop(STOP_SECONDS)
        self._tell_last()
        self.source.keep_pins()
        self._outside.transport.close()
        ended = self.live.stop() and self.surroundings.stop() and ended
        if not self._settings.observe:
            self.leading.stop()
        if self._server is not None:
            self._server.stop()
        self._outside.executor.shutdown(wait=False, cancel_futures=True)
        process.shutdown()
        return ended
