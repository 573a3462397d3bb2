"""The single checks: each says what it found and, where that is not enough, what to do."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.assemble.repository import mirror_folder
from agent.cli.exits import Exit, Stop
from agent.cli.failures import code_of
from agent.cli.where import cache_folder, completed, connect, states_of
from agent.core.errors import AgentError
from agent.core.reading import text
from agent.core.values import GroupKind
from agent.core.words import GROUP
from agent.edges.git.address import Remote
from agent.edges.git.mirror import Mirror
from agent.edges.kube import asking, memory
from agent.edges.kube.asking import Right
from agent.edges.render.render import Programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.assemble.cluster import Connected
    from agent.settings import Settings

PERMISSIONS: Final = "permissions"


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer."""

    name: str
    level: Level
    says: str
    do: str = ""
    code: Exit = Exit.FAILED
    """The exit code, if it failed."""


_BASE: Final = "deploy/base/rights.yaml"
_CLUSTER: Final = "deploy/cluster/manage.yaml"
_CRD: Final = "deploy/crds"
_EVERYWHERE: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (_BASE, f"packages.{GROUP}", ("get", "list", "watch", "create", "patch", "delete")),
    (_BASE, f"packages.{GROUP}/status", ("patch",)),
    (_BASE, "events.events.k8s.io", ("create",)),
    (_BASE, "namespaces", ("get", "list", "watch")),
    (_BASE, "horizontalpodautoscalers.autoscaling", ("list", "watch")),
    (_BASE, "customresourcedefinitions.apiextensions.k8s.io", ("get", "list", "watch")),
)
"""File in deploy/ → resource → verbs, in the whole cluster."""
_AT_HOME: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (_BASE, "configmaps", ("get", "list", "create", "update", "patch", "delete")),
    (_BASE, "leases.coordination.k8s.io", ("get", "create", "update")),
)
"""The same, in the agent's namespace."""
_OBJECTS: Final = ("get", "list", "watch", "create", "patch", "delete")


def examine(settings: Settings, acting: str) -> tuple[Check, ...]:
    """Make all checks; one that fails does not keep the others from being made."""
    return (*_of_cluster(settings, acting), *_of_repository(settings), *_renderers(settings))


def exit_of(found: tuple[Check, ...]) -> Exit:
    """Return the code of the worst: a missing permission before all others."""
    codes = {each.code for each in found if each.level is Level.FAILED}
    order = (Exit.FORBIDDEN, Exit.FAILED)
    return next((code for code in order if code in codes), min(codes, default=Exit.OK))


# --- cluster -----------------------------------------------------------------------------------


def _of_cluster(settings: Settings, acting: str) -> Iterator[Check]:
    try:
        cluster = connect(settings, cache_folder(settings))
        version = memory.get(cluster.transport, "/version") or {}
        yield Check("connection", Level.OK, f"Kubernetes {text(version.get('gitVersion'))}")
    except (AgentError, Stop) as error:
        code = error.code if isinstance(error, Stop) else code_of(error)
        do = error.do if isinstance(error, Stop) else "is the API server reachable from here?"
        yield Check("connection", Level.FAILED, str(error), do, code)
        return
    yield _definition(cluster)
    yield from _permissions(cluster, settings, acting)


def _definition(cluster: Connected) -> Check:
    try:
        served = cluster.discovery.find(GroupKind(GROUP, "Package")) is not None
    except AgentError as error:
        return Check("crd", Level.FAILED, str(error), code=code_of(error))
    if served:
        return Check("crd", Level.OK, "the cluster knows Packages")
    do = f"`run` applies it where it may, or: kubectl apply --server-side -k {_CRD}"
    return Check("crd", Level.WARNING, "the cluster knows no Packages yet", do)


def _permissions(cluster: Connected, settings: Settings, acting: str) -> Iterator[Check]:
    who = acting or asking.who(cluster.transport) or "you"
    objects = (_CLUSTER, "*.*", ("get", "list", "watch") if settings.observe else _OBJECTS)
    missing: dict[str, list[Right]] = {}
    try:
        for namespace, table in (
            ("", (*_EVERYWHERE, objects)),
            (settings.agent_namespace, _AT_HOME),
        ):
            for file, resource, verbs in table:
                for right in (Right(verb, resource, namespace) for verb in verbs):
                    if not asking.is_allowed(cluster.transport, right, acting):
                        missing.setdefault(file, []).append(right)
    except AgentError as error:
        yield Check(PERMISSIONS, Level.FAILED, str(error), code=code_of(error))
        return
    yield from (_lacking(who, file, rights) for file, rights in missing.items())
    if not missing:
        yield Check(PERMISSIONS, Level.OK, f"{who} may do all that an agent does")


def _lacking(who: str, file: str, rights: list[Right]) -> Check:
    says = f"{who} may not {', '.join(map(str, rights))}"
    if file == _CLUSTER:
        # With one ServiceAccount per package (deploy/impersonate) that is as it should be.
        do = f"apply {file}; or name a serviceAccountName in every package (deploy/impersonate)"
        return Check(PERMISSIONS, Level.WARNING, says, do)
    return Check(PERMISSIONS, Level.FAILED, says, f"apply {file}", Exit.FORBIDDEN)


# --- repository and renderers ------------------------------------------------------------------


def _of_repository(given: Settings) -> Iterator[Check]:
    try:
        settings = _completed(given)
        remote = Remote(settings.repo, settings.branch, settings.git_credentials)
        commit = Mirror(mirror_folder(settings, cache_folder(settings)), remote).poll()
    except (AgentError, Stop) as error:
        code = error.code if isinstance(error, Stop) else code_of(error)
        do = error.do if isinstance(error, Stop) else "see --repo, --branch and --git-credentials"
        yield Check("repository", Level.FAILED, str(error), do, code)
        return
    if commit is None:
        says = f"{remote} does not exist"
        yield Check("repository", Level.FAILED, says, "name it with --branch", Exit.NOT_FOUND)
        return
    yield Check("repository", Level.OK, f"{remote} is at {commit[:12]}")
    yield Check(
        "tenants",
        Level.WARNING,
        "no tenants are declared: whoever writes to the repository decides for the whole cluster",
        "guard the branch and the policy path (CODEOWNERS)",
    )


def _completed(given: Settings) -> Settings:
    """Find the repository; the cluster's name does not matter here."""
    named = replace(given, cluster=given.cluster or "-")
    try:
        cluster = connect(given, cache_folder(given))
    except Stop:
        return completed(named, dict)
    return completed(named, lambda: states_of(cluster))


def _renderers(settings: Settings) -> Iterator[Check]:
    programs = Programs.at(settings.kustomize or "kustomize", settings.helm or "helm")
    for program in (programs.kustomize, programs.helm):
        do = f"only packages that use it need it; {program.get}"
        if shutil.which(program.argv[0]) is None:
            yield Check(program.name, Level.WARNING, f"{program.argv[0]} is not there", do)
            continue
        try:
            yield Check(program.name, Level.OK, program.version())
        except AgentError as error:
            yield Check(program.name, Level.WARNING, str(error), do)
