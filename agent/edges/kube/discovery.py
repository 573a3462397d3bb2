"""Which kinds the cluster serves, and under which paths.

Never guesses that a kind is gone: a group whose server does not answer is reported as stale.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from agent.core.reading import items, mapping, text
from agent.core.values import GroupKind, KindInfo
from agent.edges.kube.failures import RefusedError
from agent.edges.kube.seam import Request
from agent.edges.kube.status import refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.edges.kube.seam import Transport

# KEP-3352; v2 since Kubernetes 1.30, v2beta1 since 1.26, older servers answer in the plain form.
_AGGREGATED: Final = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Kinds(Mapping[GroupKind, KindInfo]):
    """What discovery said at one time."""

    infos: Mapping[GroupKind, KindInfo] = field(default_factory=dict)
    watchable: frozenset[GroupKind] = frozenset()
    """Kinds that can be listed and watched."""
    stale: frozenset[str] = frozenset()
    """Groups whose kinds may be out of date: nothing is proved absent there."""

    def __getitem__(self, kind: GroupKind) -> KindInfo:
        return self.infos[kind]

    def __iter__(self) -> Iterator[GroupKind]:
        return iter(self.infos)

    def __len__(self) -> int:
        return len(self.infos)


class Discovery:
    """What the cluster serves, asked on first use and again on demand; safe from any thread."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._one_at_a_time = threading.Lock()
        self._begun = 0
        self._kinds: Kinds | None = None

    def kinds(self) -> Kinds:
        """Give what is known, asking only if nothing is.

        Raises:
            ClusterError: nothing is known and the server does not answer.
        """
        return self._kinds or self.refresh()

    def refresh(self) -> Kinds:
        """Ask again; those who ask while one is under way share the next one.

        A refresh that had begun already is no use to them: they may know of something newer.

        Raises:
            ClusterError: the server does not answer; what was known stays.
        """
        asked = self._begun
        with self._one_at_a_time:
            if self._kinds is None or self._begun == asked:
                self._begun += 1
                self._kinds = _kept(self._kinds, _discover(self._transport))
            return self._kinds

    def find(self, kind: GroupKind) -> KindInfo | None:
        """Look a kind up, asking again once where it is not known.

        Raises:
            ClusterError: the server does not answer.
        """
        return self.kinds().get(kind) or self.refresh().get(kind)


class _Served(NamedTuple):
    """One kind in one version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]


class _Found(NamedTuple):
    served: list[_Served]
    stale: set[str]


def _discover(transport: Transport) -> Kinds:
    found = _Found([], set())
    for path in ("/api", "/apis"):
        answer = _read(transport, path, _AGGREGATED)
        if answer.get("kind") == "APIGroupDiscoveryList":
            _aggregated(answer, found)
        else:
            _plain(transport, path, answer, found)
    return _kinds(found)


def _read(transport: Transport, path: str, accept: str = "application/json") -> Mapping[str, Any]:
    response = transport.send(Request("GET", path, accept=accept))
    if response.status != _OK:
        raise refused(f"discovery: GET {path}", response)
    return mapping(orjson.loads(response.body))


def _aggregated(answer: Mapping[str, Any], found: _Found) -> None:
    for group in items(answer.get("items")):
        name = text(mapping(group.get("metadata")).get("name"))
        for version in items(group.get("versions")):
            if version.get("freshness") == "Stale":
                found.stale.add(name)
            for resource in items(version.get("resources")):
                found.served.append(_aggregated_kind(name, text(version.get("version")), resource))


def _aggregated_kind(group: str, version: str, resource: Mapping[str, Any]) -> _Served:
    return _Served(
        group,
        version,
        text(mapping(resource.get("responseKind")).get("kind")),
        text(resource.get("resource")),
        resource.get("scope") == "Namespaced",
        frozenset(resource.get("verbs") or ()),
    )


def _plain(transport: Transport, path: str, answer: Mapping[str, Any], found: _Found) -> None:
    """Read each group and version by itself, as servers before 1.26 (and sandboxes) offer them."""
    for group, version in _plain_versions(answer):
        where = f"{path}/{group}/{version}" if group else f"{path}/{version}"
        try:
            resources = items(_read(transport, where).get("resources"))
        except RefusedError:
            found.stale.add(group)
            continue
        found.served.extend(
            _Served(
                group,
                version,
                text(each.get("kind")),
                text(each.get("name")),
                each.get("namespaced") is True,
                frozenset(each.get("verbs") or ()),
            )
            for each in resources
            if "/" not in text(each.get("name"))
        )


def _plain_versions(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if answer.get("kind") == "APIVersions":
        yield from (("", version) for version in answer.get("versions") or ())
        return
    for group in items(answer.get("groups")):
        first = text(mapping(group.get("preferredVersion")).get("version"))
        others = [text(each.get("version")) for each in items(group.get("versions"))]
        for version in dict.fromkeys([first, *others]):
            if version:
                yield text(group.get("name")), version


def _kinds(found: _Found) -> Kinds:
    infos: dict[GroupKind, KindInfo] = {}
    watchable: set[GroupKind] = set()
    for each in found.served:
        kind = GroupKind(each.group, each.kind)
        if not each.kind:  # a stale version may list resources without one
            continue
        if {"list", "watch"} <= each.verbs:
            watchable.add(kind)
        known = infos.get(kind)
        if known is None:
            infos[kind] = KindInfo(
                each.group, each.kind, each.plural, each.namespaced, (each.version,)
            )
        elif known.plural == each.plural:
            infos[kind] = _with_version(known, each.version)
    return Kinds(infos, frozenset(watchable), frozenset(found.stale))


def _with_version(info: KindInfo, version: str) -> KindInfo:
    versions = tuple(dict.fromkeys((*info.versions, version)))
    return KindInfo(info.group, info.kind, info.plural, info.namespaced, versions)


def _kept(before: Kinds | None, after: Kinds) -> Kinds:
    """Keep what was known of stale groups: their server may only be restarting."""
    if before is None or not after.stale:
        return after
    old = _of_groups(before, after.stale)
    return Kinds(
        old | dict(after.infos),
        after.watchable | (before.watchable & old.keys()),
        after.stale,
    )


def _of_groups(kinds: Kinds, groups: Iterable[str]) -> dict[GroupKind, KindInfo]:
    return {kind: info for kind, info in kinds.infos.items() if kind.group in groups}


def server_version(transport: Transport) -> str:
    """Give the version the server says it has, `v1.36.3`; empty where it does not say.

    Raises:
        ClusterError: the server does not answer.
    """
    response = transport.send(Request("GET", "/version"))
    found = mapping(orjson.loads(response.body)) if response.status == _OK else {}
    return text(found.get("gitVersion"))


def api_versions(kinds: Kinds) -> tuple[str, ...]:
    """Name what is served as Helm does: `apps/v1` and `apps/v1/Deployment`."""
    groups, whole = set(), set()
    for info in kinds.infos.values():
        for version in info.versions:
            group = f"{info.group}/{version}" if info.group else version
            groups.add(group)
            whole.add(f"{group}/{info.kind}")
    return (*sorted(groups), *sorted(whole))
