"""The example repository as the story needs it: where it is, its night closed, charts rendered.

Never changes the example itself.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final, NamedTuple

from agent.demo.witness import NotTrueError

_HERE: Final = Path(__file__).parent
_CHECKOUT: Final = _HERE.parents[1] / "examples" / "repo"
_INSTALLED: Final = _HERE / "repo"
RENDERED: Final = _HERE / "rendered"
_NIGHTLY: Final = (
    r"  recurring:\n    - \{days: \[Mon, Tue, Wed, Thu\], [^\n]*\n"
    r"  except: [^\n]*\n"
)
_SOURCE: Final = r"  source:\n(?:    [^\n]*\n)+"
# Far away, so that the window is closed whenever a demo is given: nights and holidays included.
_SOMEDAY: Final = (
    "  timeZone: UTC\n  once:\n    - {from: 2099-01-01T22:00:00, to: 2099-01-02T05:00:00}\n"
)


class Rendering(NamedTuple):
    """A package that a program has to render."""

    program: str
    folder: str
    """Of the package, in the repository."""
    source: str
    """Where in that folder its source is."""

    @property
    def file(self) -> Path:
        """What the real program made of it, shipped beside the story."""
        return RENDERED / f"{self.folder.removeprefix('teams/').replace('/', '-')}.yaml"


RENDERINGS: Final = (
    Rendering("kustomize", "teams/payments/api", "overlays/prod"),
    Rendering("helm", "teams/media/player", "chart"),
)


def example() -> Path:
    """Find the example: in a checkout at `examples/repo`, in a wheel beside this module.

    Raises:
        NotTrueError: it is in neither place.
    """
    for folder in (_INSTALLED, _CHECKOUT):
        if folder.is_dir():
            return folder
    raise NotTrueError(f"the example is not at {_INSTALLED}: install Tidegate again")


def prepare(tree: Path, missing: tuple[Rendering, ...]) -> None:
    """Copy the example into a folder, closed for the day; packages of `missing` as plain YAML."""
    shutil.copytree(example(), tree)
    _change(tree / "policies" / "windows.yaml", _NIGHTLY, _SOMEDAY)
    for each in missing:
        folder = tree / each.folder
        for old in [path for path in folder.iterdir() if path.name != "package.yaml"]:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        plain = folder / "rendered"
        plain.mkdir()
        shutil.copy(each.file, plain / each.file.name)
        _change(folder / "package.yaml", _SOURCE, "  source:\n    path: ./rendered\n")


def _change(file: Path, old: str, new: str) -> None:
    text, count = re.subn(old, new, file.read_text())
    if count != 1:
        raise NotTrueError(f"{file.name} of the example has {old!r} {count} times, not once")
    file.write_text(text)
