"""One file of ours → what it declares, all problems at once.

Never compares one file with another; that is `agent.core.declare`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from posixpath import dirname
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from agent.core import manifests, words
from agent.core.kinds import agentpolicy, override, package, positions, suspension, syncwindow
from agent.core.kinds.complaints import faults
from agent.core.kinds.parsed import NOTHING, PackageDocument, Parsed, PolicyDocument
from agent.core.kinds.shape import Fault, Shape, inside, is_label, later, nearest, shown
from agent.core.values import Origin, PackageName, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.core.kinds.positions import Node, Path
    from agent.core.kinds.shape import Site

BUDGET: Final = manifests.Budget(
    bytes=2**20, depth=60, nodes=100_000, aliases=1_000, documents=1_000
)
"""Declarations are written by hand; what is larger is something else."""

_GROUP: Final = re.compile(
    rb"^(?:\xef\xbb\xbf)?apiVersion:[ \t]*[\"']?([A-Za-z0-9.-]+)/", re.MULTILINE
)
_POLICY: Final = re.compile(
    rb"^kind:[ \t]*(SyncWindow|Suspension|Override|AgentPolicy)\b", re.MULTILINE
)
_ALIKE: Final = 0.85
_LATER_KINDS: Final = {"Hibernation": "hibernation", "Approval": "approvals"}


@dataclass(frozen=True, slots=True)
class Kind:
    """How documents of one kind are read."""

    shape: type[Shape]
    features: Mapping[Path, str]
    omissions: Callable[[Mapping[str, Any]], Iterator[Fault]]
    build: Callable[[Any, Mapping[str, Any]], Any]
    contradictions: Callable[[Any], Iterator[Fault]] = lambda _: iter(())


KINDS: Final[Mapping[str, Kind]] = {
    "Package": Kind(package.PackageShape, package.FEATURES, package.omissions, package.build),
    "SyncWindow": Kind(
        syncwindow.SyncWindowShape,
        syncwindow.FEATURES,
        syncwindow.omissions,
        syncwindow.build,
        syncwindow.contradictions,
    ),
    "Suspension": Kind(
        suspension.SuspensionShape, suspension.FEATURES, suspension.omissions, suspension.build
    ),
    "Override": Kind(override.OverrideShape, override.FEATURES, override.omissions, override.build),
    "AgentPolicy": Kind(
        agentpolicy.AgentPolicyShape,
        agentpolicy.FEATURES,
        agentpolicy.omissions,
        agentpolicy.build,
    ),
}


def is_candidate(data: bytes, *, guarded: bool) -> bool:
    """Whether a file declares something of ours, or was meant to.

    A misspelt group counts, so that a typo never looks like the removal of a package; in the
    policy path so does a kind of ours, whatever its group.
    """
    groups = {match[1].decode() for match in _GROUP.finditer(data)}
    if any(group == words.GROUP or _is_misspelt(group) for group in groups):
        return True
    return guarded and _POLICY.search(data) is not None


def parse(data: bytes, site: Site) -> Parsed:
    """Return what a file declares; one that can't be read declares nobody knows what."""
    if not is_candidate(data, guarded=site.guarded):
        return NOTHING
    checked = manifests.read(data, site.path, BUDGET)
    if checked.problems:
        return Parsed(unknown=checked.problems)
    found = NOTHING
    try:
        for node in positions.compose(data.decode()):
            if node.content is not None:
                found = _joined(found, _document(node, site))
    except positions.UnreadableError as error:
        return Parsed(unknown=(Problem(site.path, error.line, error.column, str(error)),))
    return found


def _joined(one: Parsed, other: Parsed) -> Parsed:
    return Parsed(
        packages=one.packages + other.packages,
        policies=one.policies + other.policies,
        unknown=one.unknown + other.unknown,
        strangers=one.strangers + other.strangers,
    )


def _is_misspelt(group: str) -> bool:
    return group != words.GROUP and SequenceMatcher(None, group, words.GROUP).ratio() >= _ALIKE


# --- one document ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Head:
    """What a document says it is, as far as it can be read."""

    api_version: str
    kind: str
    name: str
    namespace: str

    def label(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def _document(node: Node, site: Site) -> Parsed:
    value = positions.plain(node)
    if not isinstance(value, dict):
        says = f"{shown(value)} is not a declaration: write apiVersion, kind, metadata and spec"
        return Parsed(unknown=(Problem(site.path, node.start.line, node.start.column, says),))
    head = _head(value)
    group = head.api_version.partition("/")[0]
    ours = group == words.GROUP or _is_misspelt(group)
    if not ours and not (site.guarded and head.kind in KINDS):
        return Parsed(strangers=((node.start.line, head.kind or "something without a kind"),))
    if head.api_version != words.API_VERSION or head.kind not in KINDS:
        return _unusable(node, head, site)
    return _known(node, value, head, site)


def _head(value: Mapping[str, Any]) -> _Head:
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    texts = (value.get("apiVersion"), value.get("kind"), metadata.get("name"))
    api_version, kind, name = (text if isinstance(text, str) else "" for text in texts)
    namespace = metadata.get("namespace")
    return _Head(api_version, kind, name, namespace if isinstance(namespace, str) else "")


def _unusable(node: Node, head: _Head, site: Site) -> Parsed:
    """Tell a wrong apiVersion or kind; it may still be a package, or a policy, that we know."""
    meant = nearest(head.kind, (*KINDS, *_LATER_KINDS))
    if head.api_version != words.API_VERSION:
        field, says = (
            "apiVersion",
            f"{shown(head.api_version)} is unknown: write {words.API_VERSION}",
        )
    elif head.kind in _LATER_KINDS:
        field, says = "kind", later(f"the kind {head.kind}", _LATER_KINDS[head.kind])
    else:
        advice = f"did you mean `{meant}`?" if meant else f"write one of {', '.join(KINDS)}"
        what = f"unknown kind {shown(head.kind)}" if head.kind else "kind is missing"
        field, says = "kind", f"{what}: {advice}"
    place = positions.spot(node, (field,))
    problem = Problem(site.path, place.line, place.column, says, head.kind, head.label())
    if meant == "Package" or (not meant and not site.guarded):
        return _bad_package(node, {}, head, (problem,), site)
    return Parsed(policies=(_bad_policy(node, head, (problem,)),))


def _known(node: Node, value: Mapping[str, Any], head: _Head, site: Site) -> Parsed:
    kind = KINDS[head.kind]
    spec = value.get("spec")
    wrong = list(kind.omissions(spec)) if isinstance(spec, dict) else []
    document: Any = None
    try:
        document = kind.shape.model_validate(value, context=site)
    except ValidationError as error:
        wrong += faults(error, kind.shape, kind.features)
    else:
        wrong += kind.contradictions(document)
    if head.kind != "Package":
        wrong += _place(value, head, site)
    problems = tuple(sorted((_problem(fault, node, head, site) for fault in wrong), key=_place_of))
    if head.kind == "Package":
        if problems:
            return _bad_package(node, value, head, problems, site)
        return _good_package(node, kind.build(document, value["spec"]), site)
    if problems:
        return Parsed(policies=(_bad_policy(node, head, problems),))
    return _good_policy(node, kind.build(document, value["spec"]), head, site)


def _problem(fault: Fault, node: Node, head: _Head, site: Site) -> Problem:
    place = positions.spot(node, fault.path, name=fault.of_name)
    return Problem(site.path, place.line, place.column, fault.message, head.kind, head.label())


def _place_of(problem: Problem) -> tuple[int, int]:
    return problem.line, problem.column


def _place(value: Mapping[str, Any], head: _Head, site: Site) -> Iterator[Fault]:
    """Yield why a policy may not stand where it does."""
    spec = value.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    if head.kind in {"Override", "AgentPolicy"} and head.namespace:
        yield Fault(("metadata", "namespace"), f"{head.kind} has no namespace: remove it")
    elif head.kind in {"SyncWindow", "Suspension"} and not head.namespace and "match" not in spec:
        yield Fault(("spec",), "spec.match is missing: write which packages are meant")
    if site.guarded:
        return
    if head.kind in {"Override", "AgentPolicy"}:
        says = f"{head.kind} is read from the policy path only: move it there"
        yield Fault(("kind",), says)
    elif not head.namespace:
        yield Fault(
            ("metadata",),
            f"outside the policy path a {head.kind} is for one namespace: write "
            "metadata.namespace, or move it to the policy path",
        )
    elif head.kind == "SyncWindow" and spec.get("effect") == "Allow":
        yield Fault(
            ("spec", "effect"),
            "outside the policy path a SyncWindow may only be Deny: move it to the policy path",
        )


# --- what becomes of it ------------------------------------------------------------------------


def _good_package(node: Node, found: Any, site: Site) -> Parsed:
    at = positions.spot(node, ("spec", "dependsOn"), name=True)
    origin = Origin(site.path, node.start.line)
    source = found.source
    return Parsed(
        packages=(
            PackageDocument(
                name=found.name,
                line=node.start.line,
                column=node.start.column,
                package=replace(found, origin=origin),
                folder=getattr(source, "path", None) or source.chart,
                clusters=found.clusters,
                dependencies_at=(at.line, at.column),
            ),
        )
    )


def _bad_package(
    node: Node,
    value: Mapping[str, Any],
    head: _Head,
    problems: tuple[Problem, ...],
    site: Site,
) -> Parsed:
    if not is_label(head.name) or not is_label(head.namespace):
        return Parsed(unknown=problems)
    spec = value.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    clusters = spec.get("clusters")
    names = clusters if isinstance(clusters, list) else []
    document = PackageDocument(
        name=PackageName(head.namespace, head.name),
        line=node.start.line,
        column=node.start.column,
        package=None,
        problems=problems,
        folder=_folder(spec, site),
        clusters=tuple(name for name in names if isinstance(name, str)),
    )
    return Parsed(packages=(document,))


def _folder(spec: Mapping[str, Any], site: Site) -> str | None:
    """Return the source folder of a package that is otherwise invalid, where it says one."""
    source = spec.get("source")
    source = source if isinstance(source, dict) else {}
    helm = source.get("helm")
    written = source.get("path") or (helm.get("chart") if isinstance(helm, dict) else None)
    return inside(written, dirname(site.path)) if isinstance(written, str) else None


def _good_policy(node: Node, found: Any, head: _Head, site: Site) -> Parsed:
    origin = Origin(site.path, node.start.line)
    document = _bad_policy(node, head, ())
    return Parsed(policies=(replace(document, policy=replace(found, origin=origin)),))


def _bad_policy(node: Node, head: _Head, problems: tuple[Problem, ...]) -> PolicyDocument:
    return PolicyDocument(
        kind=head.kind,
        name=head.name,
        namespace=head.namespace,
        line=node.start.line,
        column=node.start.column,
        policy=None,
        problems=problems,
    )
