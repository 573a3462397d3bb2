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
from agent.core.reading import at, items, mapping, text, texts
from agent.core.report.status import SCHEMA, document, entry_of, instant
from agent.core.select import labels_match
from agent.core.values import PackageName
from agent.edges import clock
from agent.edges.git.address import Remote
from agent.edges.git.mirror import Mirror
from agent.edges.kube import memory, verbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    found = [each for each in items(answer.get("items")) if _is_selected(each, selects)]
    told = document(
        [_entry(each) for each in found],
        settings.cluster or mine.get("cluster", ""),
        settings.instance,
        mine.get("revision", ""),
    )
    return told | {"polledAt": instant(clock.now())}


def _entry(package: Mapping[str, Any]) -> dict[str, Any]:
    metadata = mapping(package.get("metadata"))
    where = text(metadata.get("namespace")), text(metadata.get("name"))
    return entry_of(mapping(package.get("status")), *where)


def _is_selected(package: Mapping[str, Any], selects: LabelSelector | None) -> bool:
    return selects is None or labels_match(selects, texts(at(package, "metadata", "labels")))


def from_git(settings: Settings, selects: LabelSelector | None) -> dict[str, Any]:
    """Read `status.json` of the status branch; `polledAt` is the time of its commit.

    Raises:
        Stop: no repository or cluster is named, or it has no such file.
        GitError: the branch can't be read.
    """
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
