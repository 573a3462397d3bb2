"""The documentation holds: links lead somewhere, declarations parse, dependencies are explained."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest
import yaml

from agent.cli import main
from agent.core.kinds.documents import KINDS, parse
from agent.core.kinds.shape import Site
from agent.edges import clock, failpoints
from agent.settings import BY_NAME

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    *sorted(
        path.relative_to(ROOT).as_posix()
        for folder in ("docs", "deploy", "examples")
        for path in (ROOT / folder).rglob("*.md")
    ),
)

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--(?P<name>[a-z][a-z-]+)")
_VARIABLE = re.compile(r"\bTIDEGATE_(?P<name>[A-Z_]+)\b")
_MACHINE = re.compile(r"(?<![\w.])/(?:work|home|root|Users|tmp)/")
_SEAMS = {clock.VARIABLE, failpoints.VARIABLE}
_FOR_TESTS = {"REQUIRE_CONTROL_PLANE", "REQUIRE_SSHD", "CORPUS", "CACHE_DIR"}


@cache
def _text(page: str) -> str:
    return (ROOT / page).read_text()


def _prose(page: str) -> str:
    return _FENCE.sub("", _text(page))


def _blocks(page: str, *languages: str) -> list[str]:
    return [
        re.sub(rf"^{each['indent']}", "", each["text"], flags=re.MULTILINE)
        for each in _FENCE.finditer(_text(page))
        if each["language"] in languages
    ]


def _anchor(title: str) -> str:
    """Return the anchor that forges make of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link is to a file that is there, and its anchor to a heading in it."""
    for link in _LINK.finditer(_prose(page)):
        target, _, anchor = link["target"].partition("#")
        if "://" in target:
            continue
        found = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert found.exists(), f"{page}: {link['target']}"
        if anchor:
            titles = _HEADING.findall(found.read_text())
            assert anchor in map(_anchor, titles), f"{page}: {link['target']}"


@pytest.mark.parametrize("page", PAGES)
def test_declarations_parse(page: str) -> None:
    """Every declaration that a reader may copy is one the agent takes."""
    for block in _blocks(page, "yaml"):
        for document in re.split(r"^---\n", block, flags=re.MULTILINE):
            if "apiVersion: tidegate.io/" not in document:
                continue
            # In its file, a policy of one namespace stands beside the packages.
            guarded = (yaml.safe_load(document)["metadata"].get("namespace")) is None
            parsed = parse(document.encode(), Site("example.yaml", guarded=guarded))
            found = [*parsed.packages, *parsed.policies]
            problems = [*parsed.unknown, *(p for each in found for p in each.problems)]
            assert (list(map(str, problems)), len(found)) == ([], 1), f"{page}:\n{document}"


def test_every_kind_has_an_example() -> None:
    """A kind that nobody can copy from somewhere is a kind nobody uses."""
    guide = "".join(block for page in PAGES for block in _blocks(page, "yaml"))
    assert {kind for kind in KINDS if f"kind: {kind}\n" not in guide} == set()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_machine(page: str) -> None:
    """A path of somebody's machine means nothing to a reader."""
    assert _MACHINE.findall(_text(page)) == []


def _variables_of_verbs() -> set[str]:
    context = click.Context(main)
    verbs = [main.get_command(context, name) for name in main.list_commands(context)]
    return {str(each.envvar) for verb in verbs if verb for each in verb.params if each.envvar}


@pytest.mark.parametrize("page", PAGES)
def test_variables_exist(page: str) -> None:
    """Every TIDEGATE_ variable is one of an option, or one that the tests read."""
    known = {option.variable.removeprefix("TIDEGATE_") for option in BY_NAME.values()}
    known |= {name.removeprefix("TIDEGATE_") for name in _variables_of_verbs() | _SEAMS}
    assert {*_VARIABLE.findall(_text(page))} - known - _FOR_TESTS == set()


def test_options_of_run_exist() -> None:
    """Every `tidegate run` that is shown uses options that there are."""
    shown = {
        option
        for page in PAGES
        for block in _blocks(page, "console", "sh")
        for command in re.findall(r"tidegate run(?:[^\n\\]|\\\n)*", block)
        for option in _OPTION.findall(command)
    }
    assert shown - BY_NAME.keys() == set()


def test_every_dependency_is_explained() -> None:
    """ADR 0002 has a line for each package that the agent imports, and for no other."""
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    needed = {re.split(r"[<>=]", each)[0] for each in project["dependencies"]}
    listed = re.findall(r"^\| ([\w.-]+) \|", _text("docs/adr/0002-dependencies.md"), re.MULTILINE)
    assert set(listed) - {"package"} == needed


def test_every_optional_dependency_is_explained() -> None:
    """ADR 0002 names what each extra brings, and the decision for it."""
    extras = tomllib.loads(_text("pyproject.toml"))["project"]["optional-dependencies"]
    text = _text("docs/adr/0002-dependencies.md")
    for extra, packages in extras.items():
        for each in packages:
            assert f"`{re.split(r'[<>=]', each)[0]}` (extra `{extra}`, [" in text


def test_decisions_are_numbered() -> None:
    """Each decision has the number of its file, the next one free of gaps."""
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [int(page.read_text().partition(".")[0].removeprefix("# ")) for page in pages]
    assert numbers == [int(page.name[:4]) for page in pages] == [*range(1, len(pages) + 1)]


def test_files_that_the_map_names_exist() -> None:
    """The architecture page names files as they are."""
    named = re.findall(
        r"`((?:core|passes|runtime|edges|cli)/[\w/]+\.py)`", _text("docs/ARCHITECTURE.md")
    )
    named += re.findall(
        r"`((?:core|edges|cli|runtime)/[\w/]+\.py)`", _text("docs/adr/0002-dependencies.md")
    )
    assert [name for name in named if not (ROOT / "agent" / name).exists()] == []
