"""Opens what a verb looks at: repository, cluster, and what the agent remembers; writes nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Final

from agent.assemble import repository
from agent.cli.exits import Exit, Stop
from agent.cli.output import progress
from agent.cli.where import cache_folder, completed, connect, not_found, states_of
from agent.core.errors import ClusterError
from agent.core.inventory import Damaged
from agent.core.redact import Redactor, secret_values
from agent.core.values import Complete
from agent.edges import clock
from agent.edges.git.address import Remote
from agent.edges.git.errors import GitError
from agent.edges.git.mirror import Mirror
from agent.edges.git.repository import Repository
from agent.edges.kube.memory import load_all, read_key
from agent.runtime.looking import Looked, Scene, everyone, look
from agent.runtime.memory import Memory
from agent.runtime.snapshot import ListedCluster

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo
    from pathlib import Path

    from agent.assemble.cluster import Connected
    from agent.core.values import PackageName
    from agent.runtime.source import GitSource
    from agent.settings import Settings

_COMMIT: Final = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A scene with what a verb says about it."""

    scene: Scene
    settings: Settings
    revision: str
    redactor: Redactor

    def look(self, names: Iterable[PackageName]) -> tuple[Looked, ...]:
        """Look at these packages, now.

        Raises:
            Stop: one of them is neither declared nor remembered.
        """
        names, known = tuple(names), everyone(self.scene)
        for name in names:
            if name not in known:
                where = f"{self.settings.repo}, branch {self.settings.branch}, {self.revision[:12]}"
                raise not_found(name, known, where)
        with progress("comparing with the cluster"):
            return look(self.scene, names, clock.now())


def open_scene(given: Settings, revision: str = "") -> Opened:
    """Read the repository and connect to the cluster.

    Args:
        given: the options as given.
        revision: a branch, or a commit of the branch followed; empty for the newest.

    Raises:
        Stop: something is not named, or the revision is not to be found.
        AgentError: something can't be read.
    """
    folder = cache_folder(given)
    cluster = connect(given, folder)
    settings = completed(given, lambda: states_of(cluster))
    cluster.home = replace(cluster.home, cluster=settings.cluster)
    key = known_key(cluster)
    source = repository.git_source(
        settings,
        repository.mirror(settings, folder),
        repository.renders(folder),
        kinds=cluster.discovery.kinds,
        capabilities=cluster.capabilities,
        secret_key=lambda: key,
    )
    with progress(f"reading {settings.repo}"):
        source.refresh()
        if revision:
            # The policies of the branch followed stay the last good ones, as they would for it.
            source.read(_resolved(settings, folder, revision))
    scene = _scene(settings, cluster, source)
    snapshot = source.snapshot()
    commit = snapshot.declared.commit if snapshot else ""
    return Opened(scene, settings, commit, _redactor(source))


def known_key(cluster: Connected) -> bytes:
    """The key for digests of Secrets; without it unchanged Secrets are compared field by field."""
    try:
        return read_key(cluster.transport, cluster.home)
    except ClusterError:
        return b""


def _scene(settings: Settings, cluster: Connected, source: GitSource) -> Scene:
    memory = Memory()
    loaded = load_all(cluster.transport, cluster.home)
    for name, each in loaded.items():
        if isinstance(each.inventory, Damaged):
            says = f"what is remembered of {name} is damaged: {each.inventory.why}"
            raise Stop(Exit.FAILED, says, where=f"namespace {cluster.home.namespace}")
    memory.load(
        {n: each.inventory for n, each in loaded.items() if not isinstance(each.inventory, Damaged)}
    )
    listed = ListedCluster(
        settings.instance, settings.cluster, cluster.reader, cluster.discovery, cluster.schemas
    )
    home = cluster.home
    return Scene(home.instance, home.cluster, home.namespace, source, listed, memory)


def _resolved(settings: Settings, folder: Path, revision: str) -> str:
    """Find a commit by its id or the start of it, else fetch the branch of that name."""
    mirror = repository.mirror_folder(settings, folder)
    if _COMMIT.fullmatch(revision):
        found = Repository(mirror).resolve(revision)
        if found:
            return found
    try:
        remote = Remote(settings.repo, revision, settings.git_credentials)
        return Mirror(mirror, remote).fetch()
    except GitError as error:
        says = f"{revision} is neither a commit of branch {settings.branch} nor a branch: {error}"
        raise Stop(Exit.NOT_FOUND, says, where=settings.repo, do="push it first") from error


def _redactor(source: GitSource) -> Redactor:
    snapshot = source.snapshot()
    rendered = snapshot.rendered.values() if snapshot else ()
    return Redactor(
        value
        for each in rendered
        if isinstance(each, Complete)
        for desired in each.objects
        for value in secret_values(desired.manifest)
    )


def local_zone() -> tzinfo:
    """Return the zone of whoever looks."""
    return clock.now().astimezone().tzinfo or UTC
