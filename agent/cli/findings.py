"""A folder of files → what is wrong with its declarations, for people and for other tools.

Never reads outside the folder, and never asks a cluster.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent import __version__
from agent.core import manifests
from agent.core.declare import Revision, declare
from agent.core.kinds.packageset import everything, is_under
from agent.core.windows.lint import lint as lint_schedule
from agent.core.windows.lint import shadowed
from agent.core.windows.schedule import Effect
from agent.edges import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from agent.core.declare import Declaration, Layout
    from agent.core.kinds.packageset import Placed
    from agent.core.policies import SyncWindow
    from agent.core.values import Problem

ERROR: Final = "error"
WARNING: Final = "warning"
_MANIFESTS: Final = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong (error) or looks wrong (warning); paths start where we were asked."""

    path: str
    line: int
    column: int
    message: str
    level: str = ERROR
    rule: str = "Declaration"

    def __str__(self) -> str:
        level = "" if self.level == ERROR else f"{self.level}: "
        return f"{self.path}:{self.line}:{self.column}: {level}{self.message}"


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the folder; its path stands for its content, which is read once."""

    oid: str


def examine(folder: Path, layout: Layout, now: datetime | None = None) -> tuple[Finding, ...]:
    """Return all findings of a folder, by path and line."""
    files = {path: _File(path) for path in _walk(folder)}

    def read(paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: (folder / path).read_bytes() for path in paths}

    declaration = declare(Revision("", files, read), layout)
    windows = declaration.declared.policies.windows
    problems = {*declaration.declared.problems, *_sources(declaration, sorted(files), read)}
    found = {
        *(_of_problem(folder, problem) for problem in problems),
        *_of_windows(folder, windows, now or clock.now()),
    }
    return tuple(sorted(found))


def _walk(folder: Path) -> Iterator[str]:
    """Yield the paths of all files, relative and with slashes; what Git keeps for itself is left.

    Links are not followed: the agent does not follow them either.
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix()


# --- sources -----------------------------------------------------------------------------------


def _sources(declaration: Declaration, paths: Sequence[str], read: Any) -> Iterator[Problem]:
    """Yield what is wrong with the folders that packages name, as far as that needs no renderer."""
    for placed in everything(declaration.files):
        folder = placed.document.folder
        if folder is not None:
            below = [path for path in paths if is_under(path, folder)]
            yield from _source(placed, folder, below, read)


def _source(placed: Placed, folder: str, below: Sequence[str], read: Any) -> Iterator[Problem]:
    if not below:
        yield placed.problem(f"its source folder `{folder}` is empty or not there")
        return
    prefix = "" if folder == "." else f"{folder}/"
    rendered = {f"{prefix}{name}" for name in (*_KUSTOMIZATIONS, "Chart.yaml")}
    if rendered.isdisjoint(below):
        wanted = [path for path in below if path.endswith(_MANIFESTS)]
        for path, data in read(wanted).items():
            yield from manifests.read(data, path).problems


# --- findings ----------------------------------------------------------------------------------


def _of_problem(folder: Path, problem: Problem) -> Finding:
    path = (folder / problem.path).as_posix()
    rule = problem.kind or "Declaration"
    return Finding(path, problem.line, problem.column, problem.message, ERROR, rule)


def _of_windows(folder: Path, windows: Iterable[SyncWindow], now: datetime) -> Iterator[Finding]:
    windows = tuple(windows)
    denies = [each.schedule for each in windows if each.schedule.effect is Effect.DENY]
    for window in windows:
        codes = list(lint_schedule(window.schedule, now))
        if window.schedule.effect is Effect.ALLOW and (
            hidden := shadowed(window.schedule, denies, now)
        ):
            codes.append(hidden)
        path = (folder / window.origin.path).as_posix()
        for code, says in codes:
            message = f"SyncWindow {window.name}: {says}"
            yield Finding(path, window.origin.line, 1, message, WARNING, code.value)


# --- for other tools ---------------------------------------------------------------------------


def annotation(finding: Finding) -> str:
    """Return a workflow command of GitHub Actions, which shows it beside the line."""
    path = _escaped(finding.path).replace(":", "%3A").replace(",", "%2C")
    place = f"file={path},line={finding.line},col={finding.column},title={finding.rule}"
    return f"::{finding.level} {place}::{_escaped(finding.message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def sarif(found: Sequence[Finding]) -> str:
    """Return a SARIF 2.1.0 log of one run."""
    rules = sorted({each.rule for each in found})
    driver = {
        "name": "tidegate",
        "version": __version__,
        "rules": [{"id": rule} for rule in rules],
    }
    run = {"tool": {"driver": driver}, "results": [_result(each) for each in found]}
    log = {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _result(finding: Finding) -> dict[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column}
    place = {"artifactLocation": {"uri": finding.path}, "region": region}
    return {
        "ruleId": finding.rule,
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
    }
