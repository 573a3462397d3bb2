"""Generated files are what the code gives, and what API servers and editors take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.core.kinds.crd import crd
from agent.core.kinds.generated import files
from agent.core.kinds.schema_export import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(("name", "text"), tuple(files().items()))
def test_files_on_disk_are_the_generated_ones(name: str, text: str):
    """Run `python deploy/generate.py` where this fails."""
    assert (ROOT / name).read_text(encoding="utf-8") == text


def walk(value: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema inside a structural schema, with its path."""
    if isinstance(value, dict) and ("type" in value or "properties" in value):
        yield path, value
        for name, each in value.get("properties", {}).items():
            yield from walk(each, f"{path}.{name}")
        for part in ("items", "additionalProperties"):
            yield from walk(value.get(part), f"{path}[]")


def test_the_crd_is_structural():
    """No keyword that the API server refuses, and never a default, which it would write."""
    top = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    refused = {"$ref", "default", "const", "title", "definitions", "patternProperties"}
    for path, found in walk(top):
        assert not refused & found.keys(), path
        assert not {"properties", "additionalProperties"} <= found.keys(), path


def test_schemas_say_what_goes_with_what():
    """Editors see that a source is exactly one, and that unknown fields are errors."""
    source = schema("Package")["properties"]["spec"]["properties"]["source"]
    assert source["oneOf"] == [{"required": ["path"]}, {"required": ["helm"]}]
    assert source["additionalProperties"] is False
