"""A repository in memory, and the real renderers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from control_plane.build import Assets, AssetsMissingError

from agent.core.errors import SourceError
from agent.core.values import Package, PackageName
from agent.edges.render.cache import Cache
from agent.edges.render.helm import Capabilities
from agent.edges.render.render import Programs, Renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from agent.core.values import Source, Unknown
    from agent.edges.render.source import Raw

NONE = Programs.at("/nowhere/kustomize", "/nowhere/helm")
SILENT = Capabilities()
FILE, LINK, SUBMODULE = 0o100644, 0o120000, 0o160000


@dataclass(frozen=True)
class Blob:
    """A file: its content is found under its id."""

    oid: str
    mode: int
    size: int


@dataclass
class MemoryTree:
    """One commit, whatever its id; counts the exports, which are what renders cost."""

    contents: Mapping[str, bytes]
    modes: Mapping[str, int] = field(default_factory=dict)
    exports: list[str] = field(default_factory=list)

    def listing(self, _: str) -> dict[str, Blob]:
        """Give path → blob."""
        return {
            path: Blob(hashlib.sha1(content).hexdigest(), self.modes.get(path, FILE), len(content))  # noqa: S324 - as git
            for path, content in self.contents.items()
        }

    def trees(self, commit: str) -> dict[str, str]:
        """Give folder → an id made of everything in it."""
        folders: dict[str, list[str]] = {"": []}
        for path, blob in sorted(self.listing(commit).items()):
            parts = path.split("/")
            for depth in range(len(parts)):
                inner = "/".join(parts[depth:])
                folders.setdefault("/".join(parts[:depth]), []).append(f"{inner} {blob.oid}")
        return {
            folder: hashlib.sha1("\n".join(entries).encode()).hexdigest()  # noqa: S324 - as git
            for folder, entries in folders.items()
        }

    def read(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Give id → content."""
        found = {blob.oid: self.contents[path] for path, blob in self.listing("").items()}
        return {oid: found[oid] for oid in oids}

    def export(self, _: str, folder: str, destination: Path) -> None:
        """Write a folder; links are refused, which the real one does for some."""
        self.exports.append(folder)
        destination.mkdir()
        prefix = f"{folder}/" if folder else ""
        for path, content in self.contents.items():
            if path.startswith(prefix):
                if self.modes.get(path, FILE) != FILE:
                    raise SourceError(f"{path} is a link")
                file = destination / path.removeprefix(prefix)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)


@pytest.fixture
def tree() -> Callable[..., MemoryTree]:
    """Make a commit of texts: `tree({"web/a.yaml": "…"}, modes={})`."""

    def make(files: Mapping[str, str], modes: Mapping[str, int] | None = None) -> MemoryTree:
        return MemoryTree({path: text.encode() for path, text in files.items()}, modes or {})

    return make


@pytest.fixture
def programs(assets: Assets) -> Programs:
    """The real kustomize and helm; without them: a loud skip."""
    try:
        return Programs.at(str(assets.program("kustomize")), str(assets.program("helm")))
    except AssetsMissingError as error:
        pytest.skip(f"no renderers: {error}")


@pytest.fixture
def render(tmp_path: Path) -> Callable[..., Raw | Unknown]:
    """Render a source of the package shop/web; all calls of a test share one cache."""

    def call(
        tree: MemoryTree, source: Source, programs: Programs = NONE, told: Capabilities = SILENT
    ) -> Raw | Unknown:
        renderer = Renderer(tree, Cache(tmp_path / "cache"), programs, lambda: told)
        return renderer.render(Package(PackageName("shop", "web"), source), "c0ffee")

    return call
