"""Policy documents of a revision → the set in force; whatever is invalid keeps the last good one.

Never loosens: doubt keeps what held before, or holds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from agent.core.kinds.packageset import is_under
from agent.core.policies import (
    AgentPolicy,
    Match,
    Override,
    Subject,
    Suspension,
    SyncWindow,
)
from agent.core.values import Origin, Policies, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.core.kinds.parsed import Parsed, Policy, PolicyDocument

_DIGITS: Final = 7
"""Of a commit id: as many as people compare."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A policy document and the file it stands in."""

    path: str
    guarded: bool
    """In the policy path."""
    document: PolicyDocument
    problems: tuple[Problem, ...] = ()

    def wrong(self, says: str) -> Stated:
        """Return it with one more problem, at its first line."""
        document = self.document
        name = f"{document.namespace}/{document.name}" if document.namespace else document.name
        problem = Problem(self.path, document.line, document.column, says, document.kind, name)
        return replace(self, problems=(*self.problems, problem))


@dataclass(frozen=True, slots=True)
class Revision:
    """What judging the policies of one revision needs."""

    commit: str
    files: Mapping[str, Parsed]
    """Only files that declare something."""
    folder: str
    """The policy path."""
    exists: bool
    """Something is in the policy path, if only a README."""
    authors: Mapping[str, tuple[str, str]]


def policy_set(revision: Revision, last: Policies | None) -> tuple[Policies, tuple[Problem, ...]]:
    """Return the policies in force and every problem of the newest ones."""
    stated = _zoned(_unique(_stated(revision)))
    guarded = [each for each in stated if each.guarded]
    problems = [problem for each in stated for problem in each.problems]
    unreadable = [
        problem
        for path, parsed in sorted(revision.files.items())
        if is_under(path, revision.folder)
        for problem in parsed.unknown
    ]
    bad = [*unreadable, *(problem for each in guarded for problem in each.problems)]
    base = _guarded(revision, guarded, bad, last)
    own = tuple(_own(revision, [each for each in stated if not each.guarded], last))
    everything = (*_kept(base), *own)
    return replace(
        base,
        windows=tuple(each for each in everything if isinstance(each, SyncWindow)),
        suspensions=tuple(each for each in everything if isinstance(each, Suspension)),
    ), tuple(problems)


def _stated(revision: Revision) -> list[Stated]:
    return [
        Stated(path, is_under(path, revision.folder), document, document.problems)
        for path, parsed in sorted(revision.files.items())
        for document in parsed.policies
    ]


def _unique(stated: Sequence[Stated]) -> list[Stated]:
    """Tell policies that are declared twice; of AgentPolicy there may be one, whatever its name."""
    groups: dict[tuple[object, ...], list[Stated]] = defaultdict(list)
    for each in stated:
        groups[_identity(each)].append(each)
    found = []
    for each in stated:
        others = [o for o in groups[_identity(each)] if o is not each]
        where = ", ".join(f"{other.path}:{other.document.line}" for other in others)
        says = f"{each.document.kind} {each.document.name} is declared twice, also at {where}"
        found.append(each.wrong(says) if others else each)
    return found


def _identity(stated: Stated) -> tuple[object, ...]:
    """Return what may be there once; a team can't clash with the policy path."""
    document = stated.document
    if document.kind == "AgentPolicy":
        return stated.guarded, document.kind
    name = document.name or (stated.path, document.line)
    return stated.guarded, document.kind, document.namespace, name


def _zoned(stated: Sequence[Stated]) -> list[Stated]:
    """Give windows without a zone the repository's; without that either, they are invalid."""
    agents = [e.document for e in stated if e.guarded and e.document.kind == "AgentPolicy"]
    default = next(
        (each.policy.time_zone for each in agents if isinstance(each.policy, AgentPolicy)), ""
    )
    doubtful = any(each.policy is None for each in agents)
    return [_in_zone(each, default, doubtful=doubtful) for each in stated]


def _in_zone(stated: Stated, default: str, *, doubtful: bool) -> Stated:
    window = stated.document.policy
    if not isinstance(window, SyncWindow) or window.schedule.zone:
        return stated
    if default:
        window = replace(window, schedule=replace(window.schedule, zone=default))
        return replace(stated, document=replace(stated.document, policy=window))
    if doubtful:  # the default is there but can't be read, which is told at its own place
        return replace(stated, document=replace(stated.document, policy=None))
    return stated.wrong(
        "spec.timeZone is missing: write an IANA name, or a default in AgentPolicy spec.timeZone"
    )


# --- the policy path ---------------------------------------------------------------------------


def _guarded(
    revision: Revision, stated: Sequence[Stated], bad: Sequence[Problem], last: Policies | None
) -> Policies:
    """Return the set of the policy path: this revision's, or the last good one with the reason."""
    gone = not revision.exists and last is not None and _had_folder(last, revision.folder)
    if not bad and not gone:
        found = tuple(_dated(each, revision) for each in stated if each.document.policy)
        return _assembled(found, revision.commit)
    why = (
        f"the policy path {revision.folder}/ is gone"
        if gone
        else f"the policies are invalid ({_first(bad)})"
    )
    if last is None or not last.valid:
        return Policies(valid=False, says=f"{why}, and no good set was ever loaded")
    says = f"{why}: those of commit {last.commit[:_DIGITS]} stay in force"
    return replace(
        _assembled(tuple(p for p in _kept(last) if _is_guarded(p, revision)), last.commit),
        overrides=last.overrides,
        agent=last.agent,
        says=says,
    )


def _had_folder(last: Policies, folder: str) -> bool:
    everything: list[Policy] = [*last.windows, *last.suspensions, *last.overrides]
    everything += [last.agent] if last.agent else []
    return any(is_under(policy.origin.path, folder) for policy in everything)


def _is_guarded(policy: SyncWindow | Suspension, revision: Revision) -> bool:
    return is_under(policy.origin.path, revision.folder)


def _kept(policies: Policies) -> tuple[SyncWindow | Suspension, ...]:
    return (*policies.windows, *policies.suspensions)


def _first(problems: Sequence[Problem]) -> str:
    more = f"; {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"


def _assembled(found: Iterable[Policy], commit: str) -> Policies:
    policies = tuple(found)
    return Policies(
        windows=tuple(each for each in policies if isinstance(each, SyncWindow)),
        suspensions=tuple(each for each in policies if isinstance(each, Suspension)),
        overrides=tuple(each for each in policies if isinstance(each, Override)),
        agent=next((each for each in policies if isinstance(each, AgentPolicy)), None),
        commit=commit,
    )


def _dated(stated: Stated, revision: Revision) -> Policy:
    policy = stated.document.policy
    if policy is None:
        raise AssertionError(f"{stated.path}: a policy with problems has no value")
    commit, author = revision.authors.get(stated.path, (revision.commit, ""))
    return replace(policy, origin=replace(policy.origin, commit=commit, author=author))


# --- a namespace's own -------------------------------------------------------------------------


def _own(
    revision: Revision, stated: Sequence[Stated], last: Policies | None
) -> Iterator[SyncWindow | Suspension]:
    """Yield what teams declared for their own namespace.

    One team's mistake must not keep the policies of others from changing, so here the last good
    version of one policy is kept, not that of all; where there is none, the namespace is held.
    """
    before = [] if last is None else [p for p in _kept(last) if not _is_guarded(p, revision)]
    for path, parsed in sorted(revision.files.items()):
        if parsed.unknown:
            yield from (policy for policy in before if policy.origin.path == path)
    for each in stated:
        good = each.document.policy if not each.problems else None
        if good is not None:
            dated = _dated(each, revision)
            if isinstance(dated, SyncWindow | Suspension):
                yield dated
        elif each.document.namespace:
            yield _last_good(each, before) or _hold(each, revision)


def _last_good(
    stated: Stated, before: Iterable[SyncWindow | Suspension]
) -> SyncWindow | Suspension | None:
    document = stated.document
    for policy in before:
        same = (type(policy).__name__, policy.scope, policy.name)
        if same == (document.kind, document.namespace, document.name):
            return policy
    return None


def _hold(stated: Stated, revision: Revision) -> Suspension:
    """Hold a namespace whose own policy can't be read: it was meant to hold something."""
    document = stated.document
    what = f"{document.kind} {document.name}".strip()
    why = _first(stated.problems) if stated.problems else "its time zone can't be read"
    commit, author = revision.authors.get(stated.path, (revision.commit, ""))
    return Suspension(
        name=document.name,
        match=(Match(namespaces=Subject(names=(document.namespace,))),),
        reason=f"{what} can't be read: {why}",
        scope=document.namespace,
        origin=Origin(stated.path, document.line, commit, author),
    )
