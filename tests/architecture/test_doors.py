"""Each outside world has one door, and only the writer writes."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "agent"
MUTATING = {"POST", "PUT", "PATCH", "DELETE"}
MAY_NAME_MUTATING_VERBS = {
    "edges/kube/paths.py",
    "edges/kube/verbs.py",  # spells the requests that the writer sends
    "edges/kube/read.py",  # dry runs: each carries dryRun=All, which its own tests check
}


@cache
def _sources() -> list[tuple[str, ast.Module]]:
    return [
        (str(path.relative_to(ROOT)), ast.parse(path.read_text()))
        for path in sorted(ROOT.rglob("*.py"))
    ]


def test_mutating_verbs_are_named_in_one_place() -> None:
    """Whoever wants to change the cluster has to come through the writer."""
    found = {
        name
        for name, tree in _sources()
        if name.startswith(("edges/kube/", "runtime/", "passes/", "core/", "assemble", "cli/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in MUTATING
    }
    assert found <= MAY_NAME_MUTATING_VERBS


def test_only_the_writing_side_imports_the_sender() -> None:
    """`Sender` is the one way of a write; reading modules never see it."""
    importers = {
        name
        for name, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "agent.edges.kube.sending"
    }
    writing = {
        f"edges/kube/{name}.py"
        for name in ("groundwork", "lease", "notebook", "sending", "telling", "writer")
    }
    assert importers <= writing | {"assemble/running.py"}


def test_threads_are_started_in_the_runtime_only() -> None:
    """Edges may lock; what runs beside what is decided in one package."""
    starters = {
        name
        for name, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"Thread", "ThreadPoolExecutor", "Timer"}
        and not name.startswith("runtime/")
    }
    assert starters <= {"edges/process.py", "edges/timers.py"}
