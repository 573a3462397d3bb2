"""Documents → what a package wants: every object named, placed, ruled and ready to be applied.

Never asks a cluster, never drops an object in silence, and never returns a part of a package: one
problem anywhere and nobody knows what it wants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agent.core import hooks, order, rules, scopes
from agent.core.canonical import canonical, suspensions
from agent.core.canonical import problems as content_problems
from agent.core.encode import EncodeError, digest
from agent.core.inventory import keyed
from agent.core.manifests import objects
from agent.core.reading import at, group_kind, mapping, text, texts
from agent.core.values import (
    ChartSource,
    Complete,
    Desired,
    GroupKind,
    JobPolicy,
    Key,
    Origin,
    Problem,
    Reason,
    Unknown,
)
from agent.core.words import GROUP, WAVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from agent.core.manifests import Document
    from agent.core.values import KindInfo, Manifest, Package, Rendered, Rules

JOB: Final = GroupKind("batch", "Job")
SECRET: Final = GroupKind("", "Secret")
_REPLICAS: Final = "/spec/replicas"
_MOST_TOLD: Final = 20
_NAME_DIGITS: Final = 8
_LONGEST_JOB_NAME: Final = 63
_FORBIDDEN_IN_NAMES: Final = frozenset("/%")


@dataclass(frozen=True, slots=True)
class _Draft:
    """An object under a name, before its origin and its neighbours are known."""

    desired: Desired
    document: Document
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Left:
    """An object that is left out on purpose."""

    note: str


_Made: TypeAlias = _Draft | _Left | tuple[str, ...]
"""What becomes of a document; texts are what is wrong with it."""


def desire(
    package: Package,
    documents: Sequence[Document],
    kinds: Mapping[GroupKind, KindInfo],
    commit: str,
    author_of: Callable[[str], tuple[str, str]],
    notes: tuple[str, ...] = (),
) -> Rendered:
    """Turn the documents of a package's source into all that it wants at one commit.

    Args:
        package: the declaration.
        documents: as read; Lists are unpacked here.
        kinds: what discovery knows; it wins over the tables.
        commit: the revision that the documents were read at.
        author_of: path → (commit that last changed it, its author).
        notes: what rendering left out, put before what is left out here.

    Returns:
        Complete, its objects in the order of applying, or Unknown, whose sentence lists every
        problem with file and line.
    """
    read, problems = _objects(documents)
    definitions = [each.value for each in read if group_kind(each.value) == scopes.CRD]
    defined = scopes.declared_by(definitions)

    def namespaced(kind: GroupKind) -> bool:
        return scopes.is_namespaced(kind, kinds, defined)

    made = [(document, _draft(package, document, namespaced)) for document in read]
    drafts = [draft for _, draft in made if isinstance(draft, _Draft)]
    problems += _problems(made)
    problems += _twice(drafts)
    if problems:
        return _unknown(problems, commit)
    notes += tuple(note for _, each in made for note in _notes(each))
    wanted = order.ordered(_scaled(_traced(drafts, author_of)))
    return Complete(commit, _digest(wanted), wanted, notes)


def _objects(documents: Iterable[Document]) -> tuple[list[Document], list[Problem]]:
    """Check and unpack document by document, so that one wrong does not hide the next."""
    found: list[Document] = []
    problems: list[Problem] = []
    for document in documents:
        read = objects((document,))
        found += read.manifests
        problems += read.problems
    return found, problems


def _draft(package: Package, document: Document, namespaced: Callable[[GroupKind], bool]) -> _Made:
    """Name and rule one object."""
    value = document.value
    annotations = texts(at(value, "metadata", "annotations"))
    key = _key(value, package, namespaced)
    hook = hooks.hook(annotations) if isinstance(package.source, ChartSource) else None
    if hook is not None and hook.dropped:
        return _Left(f"{key} {hook.note}")
    base = rules.of_package(package, key)
    if hook is not None and GroupKind(key.group, key.kind) == JOB:
        base = replace(base, jobs=JobPolicy.ONCE)
    marked = rules.marked(base, annotations)
    wrong = (*_name_problems(key, value), *content_problems(value), *marked.problems)
    if wrong:
        return tuple(f"{key}: {why}" for why in wrong)
    wave, notes = _wave(key, marked.wave, hook)
    try:
        desired = _desired(key, value, marked.rules, wave)
    except EncodeError as error:
        return (f"{key}: {error}",)
    return _Draft(replace(desired, suspend=suspensions(annotations)), document, notes)


def _problems(made: Iterable[tuple[Document, _Made]]) -> Iterator[Problem]:
    for document, wrong in made:
        if isinstance(wrong, tuple):
            yield from (Problem(document.path, document.line, 1, why) for why in wrong)


def _notes(made: _Made) -> tuple[str, ...]:
    match made:
        case _Draft():
            return made.notes
        case _Left():
            return (made.note,)
        case _:
            return ()


def _key(value: Manifest, package: Package, namespaced: Callable[[GroupKind], bool]) -> Key:
    kind = group_kind(value)
    namespace = ""
    if namespaced(kind):
        namespace = text(at(value, "metadata", "namespace")) or package.name.namespace
    name = text(at(value, "metadata", "name")) or text(at(value, "metadata", "generateName"))
    return Key(kind.group, kind.kind, namespace, name)


def _name_problems(key: Key, value: Manifest) -> Iterator[str]:
    """Yield why an object can't be applied under this kind and name.

    Names become parts of a URL: apimachinery's IsValidPathSegmentName.
    """
    if key.group == GROUP:
        yield f"a package can't apply kinds of {GROUP}: take it out"
    if not text(at(value, "metadata", "name")) and GroupKind(key.group, key.kind) != JOB:
        yield "generateName works for Jobs only: give it a metadata.name"
    for field, name in (("name", key.name), ("namespace", key.namespace)):
        if name in {".", ".."}:
            yield f"metadata.{field} may not be `{name}`"
        elif not _FORBIDDEN_IN_NAMES.isdisjoint(name):
            yield f"metadata.{field} may not contain `/` or `%`"


def _wave(key: Key, named: int | None, hook: hooks.Hook | None) -> tuple[int, tuple[str, ...]]:
    """Place an object: definitions and Namespaces first, then what it names, then its hook."""
    notes: tuple[str, ...] = ()
    if hook is not None and hook.note:
        notes = (f"{key} {hook.note}",)
    if order.is_first(GroupKind(key.group, key.kind)):
        if named is not None:
            notes += (f"{key} is applied before all waves: {WAVE} {named} has no effect on it",)
        return order.FIRST, notes
    if named is not None:
        return named, notes
    return (hook.wave if hook is not None else 0), notes


def _desired(key: Key, value: Manifest, ruled: Rules, wave: int) -> Desired:
    manifest = canonical(value, key.namespace)
    if GroupKind(key.group, key.kind) == JOB:
        manifest["metadata"] = rules.unmarked(manifest["metadata"])
    content = digest(manifest)
    if not text(at(value, "metadata", "name")):
        key = key._replace(name=_generated(key.name, content))
        manifest["metadata"] = {**manifest["metadata"], "name": key.name}
    return Desired(key, value["apiVersion"], manifest, content, wave, ruled)


def _generated(prefix: str, content: str) -> str:
    """Name a Job after its content, so that the same content never runs twice.

    Long prefixes are cut: a Job's name is a label of its Pods, which has 63 characters at most.
    """
    hexadecimal = content.rpartition(":")[2]
    return prefix[: _LONGEST_JOB_NAME - _NAME_DIGITS] + hexadecimal[:_NAME_DIGITS]


def secured(wants: Complete, secret_key: bytes) -> Complete:
    """Replace the digests of Secrets by HMACs under this installation's key.

    Who reads an inventory or a status cannot try guesses of a short password on them.
    """
    objects = tuple(
        replace(each, digest=keyed(each.digest, secret_key))
        if GroupKind(each.key.group, each.key.kind) == SECRET
        else each
        for each in wants.objects
    )
    return replace(wants, digest=_digest(objects), objects=objects)


def _twice(drafts: Iterable[_Draft]) -> Iterator[Problem]:
    """Yield every object that stands in two places, naming both."""
    first: dict[Key, Document] = {}
    for draft in drafts:
        key, here = draft.desired.key, draft.document
        there = first.setdefault(key, here)
        if there is not here:
            where = f"{there.path}:{there.line}"
            yield Problem(here.path, here.line, 1, f"{key} is already declared in {where}")


def _traced(drafts: Sequence[_Draft], author_of: Callable[[str], tuple[str, str]]) -> list[Desired]:
    """Say of each object where it is written and who last changed that file."""
    authors = {path: author_of(path) for path in {each.document.path for each in drafts}}
    return [
        replace(each.desired, origin=Origin(here.path, here.line, *authors[here.path]))
        for each in drafts
        for here in (each.document,)
    ]


# --- neighbours --------------------------------------------------------------------------------


def _scaled(wanted: Sequence[Desired]) -> list[Desired]:
    """Leave the replicas of workloads to the autoscalers beside them."""
    targets = {target for each in wanted for target in _targets(each)}
    return [
        replace(each, rules=replace(each.rules, ignore=(*each.rules.ignore, _REPLICAS)))
        if each.key in targets and _REPLICAS not in each.rules.ignore
        else each
        for each in wanted
    ]


def _targets(scaler: Desired) -> Iterator[Key]:
    """Yield the workload a HorizontalPodAutoscaler, or a ScaledObject of KEDA, scales."""
    by_keda = (scaler.key.group, scaler.key.kind) == ("keda.sh", "ScaledObject")
    by_kubernetes = (scaler.key.group, scaler.key.kind) == (
        "autoscaling",
        "HorizontalPodAutoscaler",
    )
    if not (by_keda or by_kubernetes):
        return
    reference: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment"} if by_keda else {}
    reference |= mapping(at(scaler.manifest, "spec", "scaleTargetRef"))
    kind = group_kind(reference)
    yield Key(kind.group, kind.kind, scaler.key.namespace, text(reference.get("name")))


# --- the whole ---------------------------------------------------------------------------------


def _unknown(problems: Sequence[Problem], commit: str) -> Unknown:
    told = [f"{each.path}:{each.line}: {each.message}" for each in problems[:_MOST_TOLD]]
    if len(problems) > _MOST_TOLD:
        told.append(f"and {len(problems) - _MOST_TOLD} more")
    first = problems[0]
    origin = Origin(first.path, first.line)
    return Unknown(Reason.RENDER_FAILED, "\n".join(told), origin, commit)


def _digest(wanted: Iterable[Desired]) -> str:
    return digest(sorted([*each.key, each.digest] for each in wanted))
