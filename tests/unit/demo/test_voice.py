"""What the audience reads fits its terminal, and can be copied from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.demo.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 'kubectl -n shop patch deploy frontend --type=merge -p \'{"spec":{"replicas":5}}\''


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Voice]:
    """Make a voice for a terminal of that width."""

    def make(columns: int) -> Voice:
        monkeypatch.setenv("COLUMNS", str(columns))
        return Voice()

    return make


def test_a_long_command_goes_on_as_in_a_shell(
    voice: Callable[[int], Voice], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is copied from two lines is still one command."""
    voice(60).command(LONG)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    whole = " ".join(line.removesuffix("\\").strip() for line in lines)
    assert whole == f"$ {LONG}"
    assert [line.endswith(" \\") for line in lines] == [True] * (len(lines) - 1) + [False]


def test_output_keeps_its_indentation(
    voice: Callable[[int], Voice], capsys: pytest.CaptureFixture[str]
) -> None:
    """YAML and tables stay what they are; only what is too long is folded, deeper than it began."""
    voice(40).output("a:\n  b: 1\n\n  c: one two three four five six seven\n")
    assert capsys.readouterr().out == (
        "     a:\n       b: 1\n\n       c: one two three four five six\n         seven\n"
    )


def test_colours_are_for_terminals_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not there either where NO_COLOR asks for it."""
    said = []
    for is_terminal, no_color in ((True, ""), (True, "1"), (False, "")):
        monkeypatch.setattr("sys.stdout.isatty", lambda found=is_terminal: found)
        monkeypatch.setenv("NO_COLOR", no_color)
        Voice().true("yes")
        said.append(capsys.readouterr().out)
    assert said == ["\033[32m   ✓ yes\033[0m\n", "   ✓ yes\n", "   ✓ yes\n"]


def test_between_two_steps_there_is_time(voice: Callable[[int], Voice]) -> None:
    """Not before the first, not after the last."""
    del voice
    waits: list[str] = []
    told = Voice(lambda: waits.append("."))
    for title in ("one", "two", "three"):
        told.title(title)
    told.end("over")
    assert waits == [".", "."]
