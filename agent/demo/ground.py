"""The ground a story takes place on: folder, repository, cluster, programs; never makes any.

All that programs of the story get to know of the machine is decided here.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import agent

CLUSTER: Final = "demo"
TEMPORARY: Final = "tmp"
"""Folder of a ground where programs may leave what they like: those that are killed do."""
_WHO: Final = {"NAME": "Dana Demo", "EMAIL": "dana@example.com"}
_PYTHON: Final = "PYTHONPATH"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a story needs to take place; it belongs to whoever made it."""

    folder: Path
    """For the work tree and what else is written."""
    bare: Path
    """The repository of the story, empty, as a path of this machine."""
    remote: str
    """How the agent and people reach it."""
    kubeconfig: Path
    programs: tuple[Path, ...] = ()
    """Folders that are looked in before PATH."""

    @property
    def tree(self) -> Path:
        """The work tree of the person who types."""
        return self.folder / "clusters"

    @property
    def log(self) -> Path:
        """What the agent writes."""
        return self.folder / "agent.log"

    def find(self, program: str) -> str | None:
        """Find a program; None: it is not there."""
        return shutil.which(program, path=self._path())

    def exports(self) -> dict[str, str]:
        """Variables with which the real command works on this ground."""
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "TIDEGATE_REPO": self.remote,
            "TIDEGATE_CLUSTER": CLUSTER,
            "TIDEGATE_STATE_DIR": str(self.folder / "state"),
        }

    def environment(self, width: int) -> dict[str, str]:
        """All that programs get to know: nothing of the machine's own Git or cluster."""
        # Where it runs from need not be installed.
        package = [str(Path(agent.__file__).parents[1]), *_given(_PYTHON)]
        return {
            **{
                f"GIT_{role}_{part}": _WHO[part]
                for role in ("AUTHOR", "COMMITTER")
                for part in _WHO
            },
            **self.exports(),
            "COLUMNS": str(width),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "HOME": str(self.folder),
            "PATH": self._path(),
            "TMPDIR": str(self.folder / TEMPORARY),
            _PYTHON: os.pathsep.join(package),
        }

    def _path(self) -> str:
        return os.pathsep.join([*map(str, self.programs), os.environ.get("PATH", os.defpath)])


def _given(variable: str) -> list[str]:
    return [os.environ[variable]] if os.environ.get(variable) else []
