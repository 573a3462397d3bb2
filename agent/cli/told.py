"""What the agent told of its packages, as `tidegate.status/v1`: from the cluster or from Git.

`polledAt` is when what is shown was true: the time of reading, or that of the commit.

Never looks at what is live or declared; that is `explain`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.cli.exits import Exit, Stop
from agent.cli.where import (
    cache_folder,
    connect,
    not_found,
    package_name,
    states_of,
    with_repository,
)
from agent.core.errors import AgentError
from agent.core.identity import Home
from agent.core.reading import at, items, mapping, text, texts
from agent.core.report.status import SCHEMA, document, entry_of, instant
from agent.core.select import labels_match
from agent.core.values import Inventory, PackageName
from agent.edges import clock
from agent.edges.kube import asking, memory, verbs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.assemble.cluster import Connected
    from agent.core.policies import LabelSelector
    from agent.settings import Settings

_PACKAGES: Final = f"{verbs.OURS}/packages"
_FILE: Final = "status.json"


def from_cluster(settings: Settings, selects: LabelSelector | None) -> dict[str, Any]:
    """Read the status of the live Packages.

    Raises:
        Stop: the cluster has no Packages at all.
        ClusterError: they can't be read.
    """
    cluster = connect(settings, cache_folder(settings))
    answer = memory.get(cluster.transport, _PACKAGES)
    if answer is None:
        do = "start an agent (`tidegate run`), or apply deploy/crds"
        raise Stop(Exit.NOT_FOUND, "this cluster knows no Packages", do=do)
    mine = states_of(cluster).get(settings.instance, {})
    live = items(answer.get("items"))
    entries = [_entry(each) for each in live if _is_selected(each, selects)]
    if selects is None:
        entries += _without_object(cluster, frozenset(name_of(_entry(each)) for each in live))
    told = document(
        entries,
        settings.cluster or mine.get("cluster", ""),
        settings.instance,
        _revision(entries),
    )
    return told | {"polledAt": instant(clock.now())}


def _entry(package: Mapping[str, Any]) -> dict[str, Any]:
    metadata = mapping(package.get("metadata"))
    where = text(metadata.get("namespace")), text(metadata.get("name"))
    return entry_of(mapping(package.get("status")), *where)


def _revision(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the revision that all packages were seen at; empty where they differ.

    A package that a commit does not change may still show an older one.
    """
    seen = {each["revision"]["observed"] for each in entries}
    return str(seen.pop()) if len(seen) == 1 else ""


def _without_object(cluster: Connected, live: frozenset[PackageName]) -> Iterator[dict[str, Any]]:
    """Yield what is remembered of packages that have no Package, for want of a namespace.

    Who may not read the agent's memory sees only what is live.
    """
    try:
        for owner in sorted(asking.remembered(cluster.transport, cluster.home)):
            if owner.package not in live:
                home = Home(owner.instance, owner.cluster, cluster.home.namespace)
                loaded = memory.load(cluster.transport, home, owner.package)
                if loaded is not None and isinstance(loaded.inventory, Inventory):
                    yield _remembered(loaded.inventory)
    except AgentError:
        return


def _remembered(inventory: Inventory) -> dict[str, Any]:
    told, applied = inventory.told, inventory.applied
    revision = {"attempted": inventory.attempted, "applied": applied.commit if applied else ""}
    told_status = {
        "state": told.state,
        "reason": told.reason,
        "message": "its namespace is not there, so the cluster has no Package of it",
        "revision": {**revision, "observed": told.tail[-1].revision if told.tail else ""},
        "objects": len(inventory.entries),
        "conditions": [
            {"type": kind, "status": status, "lastTransitionTime": instant(since)}
            for kind, status, since in told.conditions
        ],
    }
    return entry_of(told_status, *inventory.package)


def _is_selected(package: Mapping[str, Any], selects: LabelSelector | None) -> bool:
    return selects is None or labels_match(selects, texts(at(package, "metadata", "labels")))


def from_git(settings: Settings, selects: LabelSelector | None) -> dict[str, Any]:
    """Read `status.json` of the status branch; `polledAt` is the time of its commit.

    Raises:
        Stop: no repository or cluster is named, or it has no such file.
        GitError: the branch can't be read.
    """
    from agent.edges.git.address import Remote  # noqa: PLC0415 - the other reading needs no Git
    from agent.edges.git.mirror import Mirror  # noqa: PLC0415

    if selects is not None:
        raise Stop(Exit.USAGE, "-l needs a cluster: status in Git has no labels", do="drop one")
    settings = with_repository(settings)
    if not (settings.cluster or settings.status_branch):
        raise Stop(Exit.USAGE, "which cluster's status is wanted?", do="give --cluster NAME")
    remote = Remote(settings.repo, settings.status_ref, settings.git_credentials)
    mirror = Mirror(cache_folder(settings) / "status.git", remote)
    commit = mirror.fetch()
    content = mirror.read_path(commit, _FILE)
    found = orjson.loads(content) if content else {}
    if found.get("schema") != SCHEMA:
        raise Stop(Exit.NOT_FOUND, f"there is no {_FILE} of {SCHEMA}", where=str(remote))
    polled = datetime.fromtimestamp(mirror.commit(commit).time, UTC)
    return {**found, "polledAt": instant(polled)}


def narrowed(told: Mapping[str, Any], package: str | None, namespace: str) -> dict[str, Any]:
    """Keep one package, or those of a namespace.

    Raises:
        Stop: there is no such package.
    """
    packages: Sequence[Mapping[str, Any]] = told["packages"]
    if package is not None:
        name, known = package_name(package), [name_of(each) for each in packages]
        if name not in known:
            raise not_found(name, known, f"cluster {told['cluster'] or 'of this context'}")
        packages = [each for each in packages if name_of(each) == name]
    elif namespace:
        packages = [each for each in packages if each["namespace"] == namespace]
    return {**told, "packages": list(packages)}


def name_of(entry: Mapping[str, Any]) -> PackageName:
    """Return the name of an entry's package."""
    return PackageName(text(entry.get("namespace")), text(entry.get("name")))
