"""Which repository and which cluster a verb is about: by option, else by where one stands.

Never guesses: what can't be found is asked for by the name of its option.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.cli.exits import Exit, Stop
from agent.core.errors import AgentError, ClusterError
from agent.core.values import PackageName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agent.assemble.cluster import Connected
    from agent.settings import Settings

_FROM_STATE: Final = {
    "repo": "repo",
    "branch": "branch",
    "path": "path",
    "policies": "policiesPath",
}
"""Setting → what an agent calls it in `tidegate-state`."""


def package_name(text: str) -> PackageName:
    """Read `namespace/name`.

    Raises:
        Stop: it is something else.
    """
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise Stop(Exit.USAGE, f"{text!r} is not a package", do="write namespace/name")
    return PackageName(namespace, name)


def not_found(name: PackageName, known: Iterable[PackageName], where: str) -> Stop:
    """Say that there is no such package, and which one was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    meant = get_close_matches(str(name), [str(each) for each in known], n=1)
    do = f"did you mean {meant[0]}?" if meant else "`tidegate status` lists them all"
    return Stop(Exit.NOT_FOUND, f"there is no package {name}", where=where, do=do)


def connect(settings: Settings, folder: Path) -> Connected:
    """Find the cluster.

    Raises:
        Stop: there is no such kubeconfig or context.
    """
    from agent.assemble.cluster import connected  # noqa: PLC0415 - heavy

    try:
        return connected(settings, folder)
    except ClusterError as error:
        raise Stop(Exit.USAGE, str(error), do="see `kubectl config get-contexts`") from error


def cache_folder(settings: Settings) -> Path:
    """Give the folder for what a verb keeps; apart from an agent's on the same machine."""
    from agent.settings import state_folder  # noqa: PLC0415

    folder = state_folder(settings, os.environ) / "cli"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def in_checkout(settings: Settings) -> Settings:
    """Take the repository of the current checkout, where none is named."""
    if settings.repo:
        return settings
    from agent.edges.git.checkout import remote_url  # noqa: PLC0415

    return replace(settings, repo=remote_url(Path.cwd()))


def with_repository(settings: Settings) -> Settings:
    """Name the repository without asking a cluster.

    Raises:
        Stop: neither an option nor the current checkout names one.
    """
    found = in_checkout(settings)
    if not found.repo:
        raise Stop(
            Exit.USAGE,
            "no repository: this folder is no checkout with a remote",
            do="give --repo URL, or go into a checkout",
        )
    return found


def completed(
    settings: Settings, states: Callable[[], Mapping[str, Mapping[str, str]]]
) -> Settings:
    """Name repository and cluster: by option, else the checkout, else what an agent left.

    Args:
        settings: as given.
        states: reads `tidegate-state`: instance → what its agent says of itself.

    Raises:
        Stop: one of them is not to be found.
    """
    found = in_checkout(settings)
    if not (found.repo and found.cluster):
        state = states().get(settings.instance, {})
        if not found.repo:
            known: dict[str, Any] = {
                name: state[key] for name, key in _FROM_STATE.items() if state.get(key)
            }
            found = replace(found, **known)
        found = replace(found, cluster=found.cluster or state.get("cluster", ""))
    for name, what in (("repo", "repository"), ("cluster", "cluster name")):
        if not getattr(found, name):
            says = f"no {what}: no agent has said here which one it follows"
            raise Stop(Exit.USAGE, says, do=f"give --{name}, or set TIDEGATE_{name.upper()}")
    return found


def states_of(cluster: Connected) -> Mapping[str, Mapping[str, str]]:
    """Read what agents say of themselves; nothing where it can't be read."""
    from agent.edges.kube.memory import read_states  # noqa: PLC0415

    try:
        return read_states(cluster.transport, cluster.home.namespace)
    except AgentError:
        return {}
