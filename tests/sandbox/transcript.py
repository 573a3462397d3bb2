"""The demo's transcript in the README: what of a real run is kept there.

    tidegate demo --fast | python tests/sandbox/transcript.py

writes it again. Titles, commands and what came true are all kept; the rest of long output is left
out, which a line of `…` says, and so is the name of the folder that the demo made.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
LEFT_OUT = "     …"
_BLOCK = re.compile(r"(?<=<!-- recorded -->\n```text\n).*?(?=```\n)", re.DOTALL)
_OUTPUT = " " * 5
_LONGEST = 7
"""Lines of output that are shown of one command."""


def told(text: str) -> list[str]:
    """Give the titles of steps and what came true, in order."""
    return re.findall(r"^(?:\d+\. .*| {3}✓ .*)$", text, re.MULTILINE)


def recorded() -> str:
    """Give the transcript in the README."""
    found = _BLOCK.search(README.read_text())
    assert found
    return found.group()


def trimmed(text: str) -> str:
    """Leave out the end of long output, and where on this machine it was."""
    folder = re.findall(r"KUBECONFIG=(\S+)/kubeconfig", text)[0]
    lines: list[str] = []
    run: list[str] = []
    for line in [*text.replace(folder, "…").splitlines(), ""]:
        if line.startswith(_OUTPUT) and not line.startswith(f"{_OUTPUT}'"):
            run.append(line)
            continue
        if not line and run:  # an empty line of output
            run.append("")
            continue
        lines += [*_shortened(run), line]
        run = []
    return "\n".join(lines).strip("\n") + "\n"


def _shortened(run: list[str]) -> list[str]:
    shown = "\n".join(run).rstrip().splitlines()
    rest = run[len(shown) :]  # the empty line before the next step
    return [*(shown if len(shown) <= _LONGEST else [*shown[: _LONGEST - 1], LEFT_OUT]), *rest]


if __name__ == "__main__":
    page = README.read_text()
    new = trimmed(sys.stdin.read())
    README.write_text(_BLOCK.sub(lambda _: new, page, count=1))
