"""The one wiring of edges, runtime and passes, used by every command and by tests."""

from __future__ import annotations

import hashlib
import logging
import secrets
import signal
import socket
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from agent import __version__
from agent.core.declare import Layout
from agent.core.errors import ClusterError
from agent.core.identity import Home
from agent.core.inventory import Damaged
from agent.core.kinds.crd import crd
from agent.core.kinds.package_object import package_object
from agent.core.report.status import document, entry, status
from agent.core.values import Inventory, Unknown, WasApplied
from agent.edges import clock, logs, process
from agent.edges.git.address import Remote
from agent.edges.git.mirror import Mirror
from agent.edges.git.publish import Identity, Publisher
from agent.edges.kube import memory
from agent.edges.kube.discovery import Discovery, api_versions, server_version
from agent.edges.kube.groundwork import Groundwork, NoFence
from agent.edges.kube.lease import LeaseFence, LeaseKeeper
from agent.edges.kube.notebook import Notebook
from agent.edges.kube.openapi import Schemas
from agent.edges.kube.package_writer import PackageWriter
from agent.edges.kube.read import Reader
from agent.edges.kube.sending import Sender
from agent.edges.kube.telling import Teller
from agent.edges.kube.transport import connect
from agent.edges.kube.watch import Watches
from agent.edges.kube.writer import Writer, served_paths
from agent.edges.metrics import Metrics
from agent.edges.recorder import Recorder
from agent.edges.render.cache import Cache
from agent.edges.render.helm import Capabilities
from agent.edges.render.render import Programs, Renderer, resolve
from agent.edges.serving import Server
from agent.edges.timers import Timers
from agent.passes.repository import Repository
from agent.passes.status import Teller as StatusTeller
from agent.runtime import once, signals
from agent.runtime.agent import Agent, World
from agent.runtime.blamed import Blamed
from agent.runtime.leading import Leading
from agent.runtime.live import LiveState
from agent.runtime.memory import Memory
from agent.runtime.observer import Always, Observer
from agent.runtime.once import Settling
from agent.runtime.redaction import Redaction
from agent.runtime.rendering import Rendering
from agent.runtime.serving import Heartbeat, Serving
from agent.runtime.source import GitSource
from agent.runtime.status import StatusPass
from agent.runtime.surroundings import Surroundings
from agent.runtime.view import WatchedCluster
from agent.settings import state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from agent.core.declared import Snapshot
    from agent.core.values import GroupKind, Key, KindInfo, Package, PackageName, Rendered
    from agent.edges.kube.sending import Record
    from agent.edges.kube.transport import HttpTransport
    from agent.passes.package import Passed
    from agent.runtime.records import Changed
    from agent.settings import Settings

log = logging.getLogger(__name__)

CONNECTIONS = 64
"""Watches of some dozen kinds, and the request threads."""
INTERRUPTED = 130
KEY_BYTES = 32
STOP_SECONDS = 8.0
LONGEST_SILENCE = timedelta(minutes=10)
"""Without a pass for this long the process is taken for dead; a poll is a pass."""
REQUEST_THREADS = 12
"""Measured: more than 16 connections do not apply faster on two cores, fewer than 8 do slower."""


def user_agent(instance: str) -> str:
    """How the agent names itself on every request (the contract)."""
    return f"tidegate/{__version__} ({instance})"


def mirror_folder(settings: Settings, folder: Path) -> Path:
    """Where the branch is mirrored: beside those of other repositories the folder served."""
    address = hashlib.sha256(f"{settings.repo} {settings.branch}".encode()).hexdigest()[:12]
    return folder / f"mirror-{address}.git"


def git_source(
    settings: Settings,
    folder: Path,
    kinds: Callable[[], Mapping[GroupKind, KindInfo]],
    on_read: Callable[[Snapshot], None] = lambda _: None,
    capabilities: Callable[[], Capabilities] = Capabilities,
    secret_key: Callable[[], bytes] = bytes,
) -> GitSource:
    """The repository side alone: mirror, renderers, declarations."""
    remote = Remote(settings.repo, settings.branch, settings.git_credentials)
    mirror = Mirror(mirror_folder(settings, folder), remote)
    blamed = Blamed(mirror)
    programs = Programs.at(settings.kustomize or "kustomize", settings.helm or "helm")
    renderer = Renderer(mirror, Cache(folder / "renders"), programs, capabilities)

    def resolved(package: Package, commit: str, known: Mapping[GroupKind, KindInfo]) -> Rendered:
        raw = renderer.render(package, commit)
        paths = () if isinstance(raw, Unknown) else {each.path for each in raw.documents}
        return resolve(raw, package, known, commit, blamed.of(commit, paths), secret_key())

    return GitSource(
        mirror=mirror,
        repository=Repository(mirror, Layout(settings.path, settings.policies, settings.cluster)),
        rendering=Rendering(renderer, resolved),
        kinds=kinds,
        clock=clock.now,
        on_read=on_read,
    )


@dataclass(slots=True)
class Connected:
    """The cluster side: reading, and what writing needs."""

    transport: HttpTransport
    discovery: Discovery
    schemas: Schemas
    reader: Reader
    home: Home

    def capabilities(self) -> Capabilities:
        """What charts are told of the cluster: its version, and the API versions it serves."""
        return Capabilities(server_version(self.transport), api_versions(self.discovery.kinds()))


def connected(
    settings: Settings,
    folder: Path,
    redact: Callable[[str], str] = str,
    on_request: Callable[[str, str, int], None] | None = None,
) -> Connected:
    """Find the cluster and ask it nothing yet.

    Raises:
        ClusterError: there is no such kubeconfig or context.
    """
    transport = connect(
        settings.kubeconfig,
        settings.context,
        user_agent(settings.instance),
        connections=CONNECTIONS,
        on_request=on_request,
    )
    discovery = Discovery(transport)
    return Connected(
        transport,
        discovery,
        Schemas(transport, folder / "openapi"),
        Reader(transport, discovery, redact=redact),
        Home(settings.instance, settings.cluster, settings.agent_namespace),
    )


class Running:
    """One agent of one repository on one cluster, from start to stop."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self.settling = Settling()
        self.redaction = Redaction()
        self._executor = ThreadPoolExecutor(REQUEST_THREADS, thread_name_prefix="request")
        self.memory = Memory()
        self._key = b""
        self.metrics = Metrics()
        longest = max(LONGEST_SILENCE, 10 * settings.interval)
        self.heartbeat = Heartbeat(clock.monotonic, longest.total_seconds())
        cluster = self._cluster = connected(
            settings, folder, self.redaction.text, self.metrics.request
        )
        self.source = git_source(
            settings,
            folder,
            cluster.discovery.kinds,
            self._on_read,
            cluster.capabilities,
            lambda: self._key,
        )
        watches = Watches(cluster.transport, cluster.discovery, settings.instance)
        self.live = LiveState(watches.ours, self._on_live, self._on_synced)
        self.surroundings = Surroundings(watches.all, self._on_surroundings, self._on_ready)
        self._fence = LeaseFence(clock.monotonic)
        self._unfenced = Sender(cluster.transport, NoFence(), self._wait, self._journal)
        sender = Sender(cluster.transport, self._fence, self._wait, self._journal)
        self._notebook = Notebook(cluster.transport, sender, cluster.home)
        self._writer = Writer(
            transport=cluster.transport,
            sender=sender,
            notebook=self._notebook,
            executor=self._executor,
            paths=served_paths(cluster.discovery.find),
            home=cluster.home,
            redact=self.redaction.text,
        )
        self._teller = Teller(sender, cluster.home, self.redaction.text)
        self.leading = self._leading()
        self.metrics.follow_leader(self.leading.holds)
        self._server = self._listener()
        self.status = self._status_pass(folder)
        self.agent = Agent(
            world=self._world(),
            writer=Observer() if settings.observe else self._package_writer(),
            leader=Always() if settings.observe else self.leading,
            timers=Timers(),
            teller=self.status,
            clock=clock.now,
            interval=settings.interval,
            on_kinds=self._on_kinds,
            on_pass=self._on_pass,
            on_done=self.settling.notify,
            on_revision=self._keep_state,
            on_poll=self._on_poll,
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
        identity = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        keeper = LeaseKeeper(
            self._cluster.transport,
            self._unfenced,
            self._cluster.home,
            identity,
            self._fence,
            clock.now,
        )
        return Leading(keeper, self._fence, clock.monotonic, self._prepare, self._on_leading)

    def _package_writer(self) -> PackageWriter:
        return PackageWriter(
            writer=self._writer,
            notebook=self._notebook,
            teller=self._teller,
            now=clock.now,
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

    def _status_pass(self, folder: Path) -> StatusPass | None:
        settings = self._settings
        if settings.no_status:
            return None
        remote = Remote(settings.repo, settings.status_ref, settings.git_credentials)
        author = Identity("tidegate", f"{settings.instance}@{settings.cluster}.tidegate.io")
        teller = StatusTeller(
            cluster=settings.cluster,
            instance=settings.instance,
            version=__version__,
            source=self.source,
            memory=self.memory,
            publisher=Publisher(folder / "status.git", remote, author),
            redact=self.redaction.text,
        )
        return StatusPass(teller, self.memory, self._on_told)

    # --- what the edges report -----------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        self._stopping.wait(seconds)

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
        self._key, no_key = ground.ensure_key(secrets.token_bytes(KEY_BYTES))
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
            self.status.run(clock.now(), at_once=True)
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
        self._cluster.transport.close()
        ended = self.live.stop() and self.surroundings.stop() and ended
        if not self._settings.observe:
            self.leading.stop()
        if self._server is not None:
            self._server.stop()
        self._executor.shutdown(wait=False, cancel_futures=True)
        process.shutdown()
        return ended


def run(
    settings: Settings,
    environment: Mapping[str, str],
    show: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> int:
    """Run the agent until it is told to stop, or once; returns the exit code of the contract.

    With `--once`, `show` gets what every package is doing at the end (`tidegate.status/v1`).
    """
    folder = state_folder(settings, environment)
    folder.mkdir(parents=True, exist_ok=True)
    running = Running(settings, folder)
    logs.configure(as_json=not sys.stderr.isatty(), redact=running.redaction.text)
    clock.warn_if_moved()
    stopped = threading.Event()
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        stopped.set()
        running.settling.stop()

    with signals.listening((signal.SIGTERM, signal.SIGINT), stop):
        try:
            running.start()
            if not settings.once:
                stopped.wait()
                return _ended(received, 0)
            code = _once(running, settings)
            show(running.told())
            return _ended(received, code)
        finally:
            running.stop()


def _ended(received: Sequence[int], code: int) -> int:
    """Ctrl-C interrupts; SIGTERM is how a run is meant to end."""
    return INTERRUPTED if signal.SIGINT in received else code


def _once(running: Running, settings: Settings) -> int:
    """Converge as far as possible within the timeout."""
    end = clock.monotonic() + settings.timeout.total_seconds()

    def left() -> float:
        return max(0.0, end - clock.monotonic())

    agent, settling = running.agent, running.settling
    settled = settling.wait(agent, left(), observing=settings.observe)
    while settled and once.is_refused(once.reports(agent).values()):
        before = once.words(agent)
        settling.wait_while(agent, before, min(left(), once.GRACE.total_seconds()))
        settled = settling.wait(agent, left(), observing=settings.observe)
        if once.words(agent) == before:
            break
    return once.exit_code(agent, observing=settings.observe)
