"""The house keeps its shape: small functions, small modules; these numbers only go down."""

from __future__ import annotations

import ast
import statistics
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "agent"
LONGEST_MODULE = 450
LONGEST_FUNCTION = 66
MEDIAN_FUNCTION = 12


def _modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


@cache
def _functions() -> list[tuple[int, str]]:
    found = []
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                found.append((size, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"))
    return found


def test_no_module_is_longer_than_the_longest_so_far() -> None:
    """A module that grows past the bound wants to be two; values.py is a list of types."""
    sizes = {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for path in _modules()
        if path.name != "values.py"
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}


def test_no_function_is_longer_than_the_longest_so_far() -> None:
    """A function that needs more lines does more than one thing."""
    assert [each for each in _functions() if each[0] > LONGEST_FUNCTION] == []


def test_the_median_function_stays_under_a_dozen_lines() -> None:
    """Half of all functions can be read at a glance."""
    assert statistics.median(size for size, _ in _functions()) < MEDIAN_FUNCTION


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "common", "misc"])
def test_no_module_is_named_for_nothing(word: str) -> None:
    """A name that fits everything says nothing."""
    assert [str(path) for path in _modules() if word in path.stem] == []
