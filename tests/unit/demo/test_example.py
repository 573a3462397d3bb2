"""The example as the story begins with it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from agent.demo import example
from agent.demo.example import RENDERINGS, prepare
from agent.demo.witness import NotTrueError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_night_is_closed_on_every_day_of_the_year(tmp_path: Path) -> None:
    """Demos are given at night, and on holidays that the calendar would take out."""
    prepare(tmp_path / "tree", ())
    nights, freeze = yaml.safe_load_all((tmp_path / "tree/policies/windows.yaml").read_text())
    assert {"recurring", "except"} & nights["spec"].keys() == set()
    (only,) = nights["spec"]["once"]
    assert only["from"].year == 2099
    assert freeze["spec"]["match"][0]["clusters"] == ["prod-*"]


def test_packages_are_plain_where_a_program_is_missing(tmp_path: Path) -> None:
    """Only the source differs: the declaration says all else as before."""
    prepare(tmp_path / "real", ())
    prepare(tmp_path / "plain", RENDERINGS)
    for each in RENDERINGS:
        real, plain = (
            yaml.safe_load((tmp_path / tree / each.folder / "package.yaml").read_text())
            for tree in ("real", "plain")
        )
        assert plain["spec"].pop("source") == {"path": "./rendered"}
        del real["spec"]["source"]
        assert plain == real
        files = sorted(path.name for path in (tmp_path / "plain" / each.folder).rglob("*.*"))
        assert files == sorted(["package.yaml", each.file.name])


def test_an_example_that_has_changed_is_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever edits the window is told which line the story needs."""
    changed = tmp_path / "changed"
    shutil.copytree(example.example(), changed)
    (changed / "policies/windows.yaml").write_text("kind: SyncWindow\n")
    monkeypatch.setattr(example, "example", lambda: changed)
    with pytest.raises(NotTrueError, match=r"windows\.yaml of the example has .* 0 times"):
        prepare(tmp_path / "tree", ())
