"""What is documented and shown as an example is what is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.core.declare import Declaration, Layout, Revision, declare
from agent.core.kinds.documents import KINDS, parse
from agent.core.kinds.lint import lint
from agent.core.kinds.schema_export import schema
from agent.core.kinds.shape import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[4]
REFERENCE = (ROOT / "docs/reference/declarations.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples/repo"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FENCE = re.compile(r"^( *)```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Blob:
    """A file as the tree names it."""

    oid: str


def examples() -> Iterator[tuple[str, str]]:
    """Yield every declaration in a Markdown file of the project, with its place."""
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")):
        text = path.read_text(encoding="utf-8")
        for found in FENCE.finditer(text):
            if "apiVersion: tidegate.io/" in found[2]:
                line = text.count("\n", 0, found.start()) + 1
                indent = len(found[1])
                lines = (each[indent:] for each in found[2].splitlines(keepends=True))
                yield f"{path.relative_to(ROOT)}:{line}", "".join(lines)


def declaration() -> Declaration:
    """Return what the example repository declares."""
    data = {
        str(path.relative_to(EXAMPLE)): path.read_bytes()
        for path in EXAMPLE.rglob("*")
        if path.is_file()
    }
    blobs = {path: Blob(path) for path in data}
    revision = Revision("c1", blobs, lambda paths: {path: data[path] for path in paths})
    return declare(revision, Layout())


def fields(found: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every field that has none below it."""
    if "properties" in found:
        for name, each in found["properties"].items():
            yield from fields(each, f"{path}.{name}".removeprefix("."))
    elif "properties" in found.get("items", {}):
        yield from fields(found["items"], f"{path}[]")
    else:
        yield path


@pytest.mark.parametrize(("place", "text"), tuple(examples()))
def test_documented_examples_are_valid(place: str, text: str):
    """Whoever copies an example from the documentation has a good declaration."""
    parsed = parse(text.encode(), Site("policies/x.yaml", guarded=True))
    problems = [str(p) for each in (*parsed.packages, *parsed.policies) for p in each.problems]
    assert (place, problems, parsed.unknown) == (place, [], ())
    assert parsed.packages or parsed.policies


@pytest.mark.parametrize("kind", tuple(KINDS))
def test_every_field_is_documented(kind: str):
    """The last name of every field of `spec` stands in the kind's section, or in Matching."""
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL))
    text = sections[kind] + sections["Matching"]
    for path in fields(schema(kind)["properties"]["spec"]):
        name = path.rpartition(".")[2].removesuffix("[]")
        assert re.search(rf"\b{name}\b", text), path


def test_the_example_repository_is_clean():
    """It declares five packages and has no findings."""
    found = declaration()
    assert [str(name) for name in found.declared.packages] == [
        "media/player",
        "payments/api",
        "shop/frontend",
        "shop/migration",
        "shop/namespace",
    ]
    paths = frozenset(str(p.relative_to(EXAMPLE)) for p in EXAMPLE.rglob("*") if p.is_file())
    assert [str(each) for each in lint(found, paths, NOW)] == []


def test_the_example_repository_shows_every_policy():
    """Two windows, a suspension and the agent's policy."""
    policies = declaration().declared.policies
    assert [each.name for each in policies.windows] == ["nights", "year-end-freeze"]
    assert [each.name for each in policies.suspensions] == ["media-cleanup"]
    assert policies.agent is not None
