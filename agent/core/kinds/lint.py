"""What looks wrong in a revision although it can be read, and everything that can't.

Never needs a cluster: labels of namespaces are unknown here, and what depends on them is not told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.core import select, words
from agent.core.gates.suspension import grades
from agent.core.kinds.packageset import Placed, everything, is_under
from agent.core.kinds.shape import hint
from agent.core.policies import OverridePolicy, SyncWindow
from agent.core.values import ChartSource, PackageName, PathSource, Problem
from agent.core.windows import lint as windows
from agent.core.windows.schedule import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.core.declare import Declaration
    from agent.core.policies import Match, Override, Suspension
    from agent.core.values import Origin, Package, Policies


class Severity(StrEnum):
    """Whether something is refused, or only worth a look."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """One word per finding, beside those of `agent.core.windows.lint.Code`."""

    INVALID = "Invalid"
    POLICIES_KEPT = "PoliciesKept"
    SOURCE_MISSING = "SourceMissing"
    DEPENDENCY_MISSING = "DependencyMissing"
    SUSPEND_UNREADABLE = "SuspendUnreadable"
    REASON_MISSING = "ReasonMissing"
    EXPIRED = "Expired"
    MATCHES_NOTHING = "MatchesNothing"
    PASSES_NOTHING = "PassesNothing"
    NOT_OURS = "NotOurs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: where, how bad, and its code."""

    problem: Problem
    severity: Severity
    code: str

    def __str__(self) -> str:
        return f"{self.problem} [{self.code}]"


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the checks look at."""

    declaration: Declaration
    paths: frozenset[str]
    """Every file of the revision, and every folder."""
    now: datetime
    packages: tuple[Placed, ...]
    """Also those for other clusters."""

    @property
    def policies(self) -> Policies:
        return self.declaration.declared.policies


def lint(declaration: Declaration, paths: frozenset[str], now: datetime) -> tuple[Finding, ...]:
    """Return every finding in the order of files and lines, problems among them.

    Args:
        declaration: what the revision declares.
        paths: every file of the revision.
        now: an instant, for what is over and for windows.
    """
    scene = _Scene(declaration, _with_folders(paths), now, tuple(everything(declaration.files)))
    found = dict.fromkeys(finding for check in _CHECKS for finding in check(scene))
    return tuple(sorted(found, key=lambda each: (each.problem.path, each.problem.line)))


def _with_folders(paths: frozenset[str]) -> frozenset[str]:
    folders = {"."}
    for path in paths:
        while path := path.rpartition("/")[0]:
            folders.add(path)
    return paths | folders


def _warning(origin: Origin, code: str, says: str, name: str = "") -> Finding:
    return Finding(
        Problem(origin.path, origin.line, 1, says, name=name), Severity.WARNING, str(code)
    )


# --- what was told already ---------------------------------------------------------------------


def _problems(scene: _Scene) -> Iterator[Finding]:
    for problem in scene.declaration.declared.problems:
        yield Finding(problem, Severity.ERROR, Code.INVALID)


def _kept(scene: _Scene) -> Iterator[Finding]:
    if scene.policies.says:
        problem = Problem("", 0, 0, scene.policies.says)
        yield Finding(problem, Severity.ERROR, Code.POLICIES_KEPT)


def _strangers(scene: _Scene) -> Iterator[Finding]:
    folders = {each.document.folder for each in scene.packages if each.document.folder is not None}
    for path, parsed in scene.declaration.files.items():
        if any(is_under(path, folder) for folder in folders):
            continue
        for line, kind in parsed.strangers:
            says = f"{kind} is in no package's source: nobody applies it"
            yield Finding(Problem(path, line, 1, says), Severity.WARNING, Code.NOT_OURS)


# --- packages ----------------------------------------------------------------------------------


def _sources(scene: _Scene) -> Iterator[Finding]:
    for package in _good(scene):
        for what, path in _wanted(package):
            if path not in scene.paths:
                says = f"{what} {path} is not in this revision{hint(path, scene.paths)}"
                problem = Problem(
                    package.origin.path, package.origin.line, 1, says, "Package", str(package.name)
                )
                yield Finding(problem, Severity.ERROR, Code.SOURCE_MISSING)


def _wanted(package: Package) -> Iterator[tuple[str, str]]:
    match package.source:
        case PathSource(path):
            yield "the folder", path
        case ChartSource(chart=chart, values_files=files):
            yield "the chart's file", f"{chart}/Chart.yaml" if chart != "." else "Chart.yaml"
            yield from (("the values file", path) for path in files)


def _dependencies(scene: _Scene) -> Iterator[Finding]:
    known = {str(each.document.name) for each in scene.packages}
    for package in _good(scene):
        for wanted in package.depends_on:
            if str(wanted) not in known:
                says = f"waits for {wanted}, which is not declared{hint(str(wanted), known)}"
                code = Code.DEPENDENCY_MISSING
                yield _warning(package.origin, code, says, str(package.name))


def _annotations(scene: _Scene) -> Iterator[Finding]:
    for package in _good(scene):
        name, marks = str(package.name), package.annotations
        value, until = marks.get(words.SUSPEND), marks.get(words.SUSPEND_UNTIL)
        if value is None:
            continue
        if grades(value) is None:
            says = f"{words.SUSPEND}: {value!r} can't be read, so everything is held"
            yield _warning(package.origin, Code.SUSPEND_UNREADABLE, says, name)
        elif grades(value) and not marks.get(words.SUSPEND_REASON):
            says = f"is suspended without a reason: write {words.SUSPEND_REASON}"
            yield _warning(package.origin, Code.REASON_MISSING, says, name)
        if until is not None:
            yield from _until(package, until, scene.now)


def _until(package: Package, text: str, now: datetime) -> Iterator[Finding]:
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        code, says = Code.SUSPEND_UNREADABLE, "can't be read: write RFC 3339 with an offset"
    elif until <= now:
        code, says = Code.EXPIRED, "is over: remove the suspension, or renew it"
    else:
        return
    says = f"{words.SUSPEND_UNTIL}: {text!r} {says}"
    yield _warning(package.origin, code, says, str(package.name))


def _good(scene: _Scene) -> Iterator[Package]:
    for placed in scene.packages:
        if placed.document.package is not None:
            yield placed.document.package


# --- policies ----------------------------------------------------------------------------------


def _expired(scene: _Scene) -> Iterator[Finding]:
    ending: list[Suspension | Override] = [*scene.policies.suspensions, *scene.policies.overrides]
    for policy in ending:
        if policy.until is not None and policy.until <= scene.now:
            says = f"{_title(policy)} is over since {policy.until.isoformat()}: remove it"
            yield _warning(policy.origin, Code.EXPIRED, says)
    for window in scene.policies.windows:
        last = window.schedule.valid_until
        if last is not None and last < scene.now.date():
            says = f"{_title(window)} is over since {last}: remove it"
            yield _warning(window.origin, Code.EXPIRED, says)


def _idle(scene: _Scene) -> Iterator[Finding]:
    holding: list[SyncWindow | Suspension] = [
        *scene.policies.windows,
        *scene.policies.suspensions,
    ]
    for policy in holding:
        if not _depends_on_cluster(policy.match) and not _matched(policy, scene):
            says = f"{_title(policy)} matches no declared package"
            yield _warning(policy.origin, Code.MATCHES_NOTHING, says)
    for override in scene.policies.overrides:
        names = (str(each.document.name) for each in scene.packages)
        if not any(select.name_matches(override.packages, name) for name in names):
            says = f"{_title(override)} matches no declared package"
            yield _warning(override.origin, Code.MATCHES_NOTHING, says)


def _depends_on_cluster(match: tuple[Match, ...]) -> bool:
    return any(item.namespaces is not None and item.namespaces.selector for item in match)


def _matched(policy: SyncWindow | Suspension, scene: _Scene) -> frozenset[PackageName]:
    """Return the packages it is about in any cluster."""
    anywhere = tuple(replace(item, clusters=()) for item in policy.match)
    return frozenset(
        placed.document.name
        for placed in scene.packages
        if policy.scope in {"", placed.document.name.namespace}
        and select.matches(anywhere, placed.document.name, _labels(placed), {}, "")
    )


def _labels(placed: Placed) -> Mapping[str, str]:
    return placed.document.package.labels if placed.document.package else {}


def _schedules(scene: _Scene) -> Iterator[Finding]:
    for window in scene.policies.windows:
        for code, says in windows.lint(window.schedule, scene.now):
            yield _warning(window.origin, code, f"{_title(window)}: {says}")
        if window.schedule.effect is Effect.ALLOW:
            yield from _shadow(window, scene)


def _shadow(window: SyncWindow, scene: _Scene) -> Iterator[Finding]:
    """Look only at Denies that hold every package the window is about."""
    about = _matched(window, scene)
    denies = [
        other.schedule
        for other in scene.policies.windows
        if other.schedule.effect is Effect.DENY and about <= _matched(other, scene)
    ]
    found = windows.shadowed(window.schedule, denies, scene.now) if about and denies else None
    if found:
        yield _warning(window.origin, found[0], f"{_title(window)}: {found[1]}")


def _passes(scene: _Scene) -> Iterator[Finding]:
    gates = {f"SyncWindow/{window.name}": window for window in scene.policies.windows}
    known = {*gates, *(f"Suspension/{each.name}" for each in scene.policies.suspensions)}
    for override in scene.policies.overrides:
        for gate in override.passes:
            if "/" in gate and gate not in known:
                says = f"{_title(override)} passes {gate}, which is not declared{hint(gate, known)}"
                yield _warning(override.origin, Code.PASSES_NOTHING, says)
            elif gate in gates and gates[gate].override is OverridePolicy.NEVER:
                says = f"{_title(override)} passes {gate}, which lets nobody pass (override: Never)"
                yield _warning(override.origin, Code.PASSES_NOTHING, says)


def _title(policy: SyncWindow | Suspension | Override) -> str:
    return f"{type(policy).__name__} {policy.name}"


_CHECKS: Final[tuple[Callable[[_Scene], Iterator[Finding]], ...]] = (
    _problems,
    _kept,
    _strangers,
    _sources,
    _dependencies,
    _annotations,
    _expired,
    _idle,
    _schedules,
    _passes,
)
