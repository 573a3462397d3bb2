"""Commits of `suspend` and `resume`: finds the declaration, edits its text, pushes on top.

Never forces, and never changes a byte that was not meant.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.assemble.repository import mirror_folder
from agent.cli.exits import Exit, Stop
from agent.cli.output import progress
from agent.cli.selectors import selector
from agent.cli.where import cache_folder, not_found, package_name, with_repository
from agent.core import edit, words
from agent.core.declare import Layout
from agent.core.kinds.packageset import everything
from agent.core.policies import Match, Subject, Suspension
from agent.core.values import Grade
from agent.edges import clock
from agent.edges.git.address import Remote
from agent.edges.git.checkout import identity
from agent.edges.git.edit import commit_on_top
from agent.edges.git.mirror import Mirror
from agent.passes.repository import Repository, read_declared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.core.declare import Declaration
    from agent.core.values import PackageName
    from agent.edges.git.branch import Identity
    from agent.edges.git.edit import ReadPath
    from agent.settings import Settings

_SUSPEND: Final = (words.SUSPEND, words.SUSPEND_REASON, words.SUSPEND_UNTIL, words.SUSPEND_BY)
_NOT_SUSPENDED: Final = frozenset({"", "false"})


@dataclass(frozen=True, slots=True)
class Hold:
    """What is to be declared: why, until when, and which grades."""

    reason: str
    until: datetime | None
    grades: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which packages are held together."""

    namespace: str
    selector: str


@dataclass(slots=True)
class Committed:
    """What a commit changed; without a diff nothing had to be."""

    repository: str
    path: str = ""
    diff: str = ""
    commit: str = ""


@dataclass(slots=True)
class _Desk:
    """Where a change is made: the declarations as they are, and who changes them."""

    settings: Settings
    remote: Remote
    author: Identity
    declaration: Declaration
    folder: Path
    made: Committed = field(init=False)

    def __post_init__(self) -> None:
        self.made = Committed(self.settings.repo)

    def commit(self, path: str, change: Callable[[str | None], str], message: str) -> Committed:
        """Change one file by a function of its text (None: no such file; empty: remove it)."""

        def edited(read: ReadPath) -> Mapping[str, bytes | None]:
            before = read(path)
            old = before.decode() if before is not None else None
            new = change(old)
            self.made.path = path
            self.made.diff = _diff(path, old or "", new)
            return {path: new.encode() if new else None}

        with progress(f"committing to {self.remote}"):
            self.made.commit = commit_on_top(
                self.remote, edited, message, self.author, self.folder / "edit.git"
            )
        return self.made


def _open(given: Settings) -> _Desk:
    """Read the declarations of the branch as it is now; nothing is rendered.

    Raises:
        Stop: no repository, or nobody knows who commits.
        SourceError: the repository can't be read.
    """
    settings = with_repository(given)
    author = identity(Path.cwd(), os.environ)
    if author is None:
        do = "git config --global user.name … and user.email …"
        raise Stop(Exit.USAGE, "Git does not know who you are", do=do)
    remote = Remote(settings.repo, settings.branch, settings.git_credentials)
    folder = cache_folder(settings)
    mirror = Mirror(mirror_folder(settings, folder), remote)
    with progress(f"reading {remote}"):
        layout = Layout(settings.path, settings.policies, settings.cluster)
        declaration = read_declared(mirror.fetch(), None, Repository(mirror, layout))
    return _Desk(settings, remote, author, declaration, folder)


def _file_of(desk: _Desk, name: PackageName) -> str:
    """Return the file that declares a package, for whichever cluster.

    Raises:
        Stop: none does, or several.
    """
    declared = {placed.document.name: placed.path for placed in everything(desk.declaration.files)}
    if name not in declared:
        raise not_found(name, declared, str(desk.remote))
    paths = {p.path for p in everything(desk.declaration.files) if p.document.name == name}
    if len(paths) > 1:
        says = f"package {name} is declared in several files: {', '.join(sorted(paths))}"
        raise Stop(Exit.USAGE, says, where=str(desk.remote), do="edit the right one by hand")
    return declared[name]


# --- one package -------------------------------------------------------------------------------


def suspend_package(given: Settings, package: str, hold: Hold) -> Committed:
    """Annotate a package's declaration; who suspended it first, and why, stays.

    Raises:
        AgentError: it is not declared, or can't be committed.
    """
    name, desk = package_name(package), _open(given)
    path = _file_of(desk, name)
    grades = "true" if "All" in hold.grades else ", ".join(hold.grades)
    changes = {
        words.SUSPEND: grades,
        words.SUSPEND_UNTIL: hold.until.isoformat() if hold.until else None,
    }
    first = {
        words.SUSPEND_REASON: hold.reason,
        words.SUSPEND_BY: f"{desk.author.name} <{desk.author.email}>",
    }

    def change(text: str | None) -> str:
        is_new = not _is_suspended(desk, name)
        return _annotated(text, path, name, {**changes, **(first if is_new else {})})

    ending = f" until {hold.until.isoformat()}" if hold.until else ""
    return desk.commit(path, change, f"Suspend {name}{ending}\n\n{hold.reason}\n")


def resume_package(given: Settings, package: str, reason: str) -> Committed:
    """Take the suspend annotations off a package's declaration.

    Raises:
        Stop: Git does not suspend it.
        AgentError: it is not declared, or can't be committed.
    """
    name, desk = package_name(package), _open(given)
    path = _file_of(desk, name)
    if not _annotations(desk, name).keys() & {*_SUSPEND}:
        raise Stop(
            Exit.NOT_FOUND,
            f"{name} is not suspended by its declaration",
            where=f"{path}, {desk.remote}",
            do=f"`tidegate explain {name}` says what holds it; `--live` ends a hold in the cluster",
        )

    def change(text: str | None) -> str:
        return _annotated(text, path, name, dict.fromkeys(_SUSPEND))

    return desk.commit(path, change, _message(f"Resume {name}", reason))


def _is_suspended(desk: _Desk, name: PackageName) -> bool:
    """Whether the declaration holds the package now."""
    annotations = _annotations(desk, name)
    try:
        until = datetime.fromisoformat(annotations.get(words.SUSPEND_UNTIL, ""))
        over = until <= clock.now()
    except (ValueError, TypeError):  # no end, or one that can't be read and so never comes
        over = False
    return not over and annotations.get(words.SUSPEND, "").strip().lower() not in _NOT_SUSPENDED


def _annotations(desk: _Desk, name: PackageName) -> Mapping[str, str]:
    for placed in everything(desk.declaration.files):
        if placed.document.name == name and placed.document.package is not None:
            return placed.document.package.annotations
    return {}


def _annotated(
    text: str | None, path: str, name: PackageName, changes: Mapping[str, str | None]
) -> str:
    if text is None:
        says = f"{path} has gone from the branch meanwhile"
        raise Stop(Exit.NOT_FOUND, says, do="try again")
    return edit.set_annotations(text, "Package", str(name), changes)


# --- many packages -----------------------------------------------------------------------------


def suspend_many(given: Settings, scope: Scope, hold: Hold) -> Committed:
    """Write a Suspension into the policy path.

    Raises:
        AgentError: it can't be committed.
    """
    chosen, desk = selector(scope.selector), _open(given)
    match = Match(
        namespaces=Subject(names=(scope.namespace,)) if scope.namespace else None,
        packages=Subject(selector=chosen) if chosen else None,
    )
    name = _name(scope, clock.now())
    suspension = Suspension(
        name, (match,), hold.reason, frozenset(map(Grade, hold.grades)), until=hold.until
    )
    path = f"{desk.settings.policies}/suspensions/{name}.yaml"
    text = edit.suspension_document(suspension)
    what = ", ".join(filter(None, (scope.namespace, scope.selector)))
    return desk.commit(path, lambda _: text, f"Suspend {what}\n\n{hold.reason}\n")


def _name(scope: Scope, now: datetime) -> str:
    """Make a name that says whom and when: `hold-shop-20261120-1200`."""
    plain = re.sub(r"[^a-z0-9]+", "-", f"{scope.namespace} {scope.selector}".lower()).strip("-")
    return f"hold-{plain[:40].strip('-')}-{now:%Y%m%d-%H%M%S}"


def remove_suspension(given: Settings, name: str, reason: str) -> Committed:
    """Remove a Suspension; its file goes with its last document.

    Raises:
        Stop: there is none of that name.
        AgentError: it can't be committed.
    """
    desk = _open(given)
    found = {
        document.name: (path, document.namespace)
        for path, parsed in desk.declaration.files.items()
        for document in parsed.policies
        if document.kind == "Suspension"
    }
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise Stop(
            Exit.NOT_FOUND,
            f"there is no Suspension {name}",
            where=str(desk.remote),
            do=f"there are: {known}",
        )
    path, namespace = found[name]
    full = f"{namespace}/{name}" if namespace else name

    def change(text: str | None) -> str:
        return edit.without_document(text or "", "Suspension", full)

    return desk.commit(path, change, _message(f"Remove Suspension {name}", reason))


def _message(subject: str, reason: str) -> str:
    return f"{subject}\n\n{reason}\n" if reason.strip() else f"{subject}\n"


def _diff(path: str, old: str, new: str) -> str:
    lines = unified_diff(
        old.splitlines(keepends=True),
        new.splitlines(keepends=True),
        f"a/{path}" if old else "/dev/null",
        f"b/{path}" if new else "/dev/null",
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
