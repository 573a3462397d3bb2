"""`init` and `lint`: what is written is right, and what is wrong is told with its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.cli.findings import Finding, annotation
from agent.cli.init import FILES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

BAD = """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata: {name: web, namespace: shop}
spec:
  source: {path: ./manifests}
  prunne: true
"""
WINDOW = """\
apiVersion: tidegate.io/v1alpha1
kind: SyncWindow
metadata: {name: short}
spec:
  effect: Deny
  timeZone: Europe/Berlin
  recurring: [{days: [Mon], from: "22:00", to: "22:01"}]
  match: [{packages: {names: ["*"]}}]
"""


def test_init_writes_what_lint_finds_nothing_in(call: Callable[..., Result], tmp_path: Path):
    """A newcomer begins with a repository that is right."""
    made = call("init", str(tmp_path))

    assert made.stdout.splitlines() == [f"{tmp_path}/{path}" for path in FILES]
    checked = call("lint", str(tmp_path))
    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, "", "no findings\n")


def test_init_never_writes_over_a_file(call: Callable[..., Result], tmp_path: Path):
    """2, and nothing is written at all."""
    (tmp_path / "README.md").write_text("mine")

    result = call("init", str(tmp_path))

    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == "error: README.md would be written over"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def bad(folder: Path) -> Path:
    """Write a package with a misspelt field, whose source is broken YAML."""
    (folder / "manifests").mkdir()
    (folder / "web.yaml").write_text(BAD)
    (folder / "manifests/web.yaml").write_text("a: [1\n")
    return folder


def test_findings_have_place_and_advice(call: Callable[..., Result], tmp_path: Path):
    """One line each, as editors and CI read them; 1."""
    folder = bad(tmp_path)

    result = call("lint", str(folder))

    first, second = result.stdout.splitlines()
    assert result.exit_code == 1
    assert first.startswith(f"{folder}/manifests/web.yaml:2:1: ")
    assert second == (
        f"{folder}/web.yaml:6:3: unknown field `prunne` in spec: did you mean `prune`?"
    )
    assert result.stderr == "2 findings in 2 files\n"


def test_a_source_that_is_not_there_is_told(call: Callable[..., Result], tmp_path: Path):
    """Before anything is rendered."""
    (tmp_path / "web.yaml").write_text(BAD.replace("prunne", "prune"))

    result = call("lint", str(tmp_path))

    assert result.stdout == (
        f"{tmp_path}/web.yaml:1:1: its source folder `manifests` is empty or not there\n"
    )


def test_windows_that_look_wrong_are_warnings(call: Callable[..., Result], tmp_path: Path):
    """Valid, and still worth a look."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/w.yaml").write_text(WINDOW)

    result = call("lint", str(tmp_path), "-o", "json")

    (found,) = json.loads(result.stdout)["findings"]
    assert (found["level"], found["rule"], found["line"]) == ("warning", "TooShort", 1)


def test_sarif(call: Callable[..., Result], tmp_path: Path):
    """Code scanning shows each finding at its place."""
    result = call("lint", str(bad(tmp_path)), "-o", "sarif")

    (run,) = json.loads(result.stdout)["runs"]
    places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
    assert run["tool"]["driver"]["name"] == "tidegate"
    assert [each["region"]["startLine"] for each in places] == [2, 6]


def test_annotations_escape_what_would_end_them():
    """A message with a line break stays one command."""
    finding = Finding("a,b.yaml", 3, 1, "50 %\nno", "error", "Package")

    assert annotation(finding) == (
        "::error file=a%2Cb.yaml,line=3,col=1,title=Package::50 %25%0Ano"
    )


def test_a_folder_that_is_not_there_is_5(call: Callable[..., Result], tmp_path: Path):
    """Not 1: a script must not take a typo for findings."""
    assert call("lint", str(tmp_path / "no")).exit_code == 5
