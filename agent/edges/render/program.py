"""Renderers as programs: found, their version known, run shut in over an exported tree.

Never gives one a network, a token, a kubeconfig or a home.
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.core.errors import RenderError, SourceError
from agent.edges.process import ProcessFailed, run
from agent.edges.render.source import LARGEST_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.edges.process import Finished
    from agent.edges.render.source import Revision

_VERSION: Final = re.compile(r"v?([0-9]+)\.([0-9]+)[0-9A-Za-z.+-]*")
_WARNING: Final = re.compile(r"^# Warning: .*$|^WARNING: .*$", re.MULTILINE)
_VERSION_SECONDS: Final = 20.0
_SECONDS: Final = 60.0
_MOST_SAID: Final = 2000
_ENTER: Final = 0o001


@dataclass(slots=True)
class Program:
    """One renderer on this machine."""

    name: str
    argv: tuple[str, ...]
    """How it is started: a name to be found in PATH, or a path."""
    asks_version: tuple[str, ...]
    least: tuple[int, int]
    """The oldest version that takes our options."""
    get: str
    """Where to get it, for whoever has to install it."""
    _version: str = field(default="", init=False)

    def version(self) -> str:
        """Return what the program says of itself, asked once.

        Raises:
            RenderError: it is not there, or too old.
        """
        if not self._version:
            said = self._ask_version()
            found = _VERSION.search(said)
            if found and (int(found[1]), int(found[2])) < self.least:
                least = ".".join(map(str, self.least))
                raise RenderError(f"{self.name} is {found[0]}: {least} or newer is needed")
            self._version = said
        return self._version

    def _ask_version(self) -> str:
        try:
            done = run(
                [*self.argv, *self.asks_version],
                env={"HOME": "/nonexistent"},
                timeout=_VERSION_SECONDS,
                network=False,
            )
        except ProcessFailed as why:
            raise RenderError(
                f"this package needs {self.name}, which can't be run: {why}. Put {self.name} on"
                f" the PATH or name it by option; {self.get}"
            ) from why
        if done.code != 0:
            raise RenderError(f"`{self.name} version` failed: {_last_line(done.stderr)}")
        return done.stdout.decode(errors="replace").strip()

    def render(self, arguments: Sequence[str], place: Place) -> bytes:
        """Run it over an exported tree and return what it prints.

        Raises:
            RenderError: it failed; the message is its own, without this machine's paths.
        """
        home = str(place.home)
        try:
            done = run(
                [*self.argv, *arguments],
                cwd=place.tree,
                env={
                    "HOME": home,
                    "XDG_CACHE_HOME": home,
                    "XDG_CONFIG_HOME": home,
                    "XDG_DATA_HOME": home,
                    "KUBECONFIG": os.devnull,
                    "HELM_NO_PLUGINS": "1",
                },
                timeout=_SECONDS,
                network=False,
                output_cap=LARGEST_OUTPUT,
            )
        except ProcessFailed as why:
            raise RenderError(f"{self.name}: {why}") from why
        if done.code != 0:
            raise RenderError(f"{self.name} failed: {_said(done, place)}")
        return done.stdout


@dataclass(frozen=True, slots=True)
class Place:
    """A scratch folder: the exported tree, with the repository's own paths, and an empty home."""

    tree: Path
    home: Path


@contextmanager
def exported(revision: Revision, folders: Iterable[str]) -> Iterator[Place]:
    """Write folders of a commit to a scratch folder that is gone afterwards.

    Raises:
        RenderError: the tree has names, links or submodules that must not reach a disk.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-render-") as scratch:
        place = Place(Path(scratch) / "tree", Path(scratch) / "home")
        place.home.mkdir()
        topmost = tuple(_topmost(folders))
        if "" not in topmost:
            place.tree.mkdir()
        for folder in topmost:
            destination = place.tree / folder
            destination.parent.mkdir(parents=True, exist_ok=True)
            try:
                revision.tree.export(revision.commit, folder, destination)
            except SourceError as why:
                raise RenderError(str(why)) from why
        _open_to_nobody(Path(scratch), place.tree)
        yield place


def _topmost(folders: Iterable[str]) -> Iterator[str]:
    """Yield the folders that are in none of the others."""
    last: str | None = None
    for folder in sorted(folders, key=lambda each: each.split("/") if each else []):
        if last is None or not (last in {"", folder} or folder.startswith(f"{last}/")):
            last = folder
            yield folder


def _open_to_nobody(scratch: Path, tree: Path) -> None:
    """Let nobody in where we are root, since the program is then run as nobody.

    Its folder's name is random and can't be listed. Where nobody can't get this far, nothing is
    opened, and the launcher leaves the program its user.
    """
    above = scratch.parents
    if os.geteuid() == 0 and all(each.stat().st_mode & _ENTER for each in above):
        scratch.chmod(0o711)
        for folder, _, _ in os.walk(tree):
            Path(folder).chmod(0o755)


def _said(done: Finished, place: Place) -> str:
    """Return the end of what a program complained of, fit for a message."""
    text = done.stderr.decode(errors="replace").strip() or f"exit code {done.code}"
    text = text.replace(f"{place.tree}/", "").replace(str(place.tree.parent), "")
    text = _WARNING.sub("", text).strip()
    text = "".join(each for each in text if each == "\n" or unicodedata.category(each) != "Cc")
    return text[-_MOST_SAID:]


def _last_line(output: bytes) -> str:
    return (output.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]


def kustomize(path: str = "kustomize") -> Program:
    """Name the standalone kustomize."""
    get = "releases: https://github.com/kubernetes-sigs/kustomize/releases"
    return Program("kustomize", (path,), ("version",), (5, 0), get)


def helm(path: str = "helm") -> Program:
    """Name helm; 3 and 4 take the same options."""
    get = "releases: https://github.com/helm/helm/releases"
    return Program("helm", (path,), ("version", "--short"), (3, 8), get)
