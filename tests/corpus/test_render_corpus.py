"""What real projects publish renders, or is refused with a reason; never a traceback.

Needs `TIDEGATE_CORPUS`, a folder of manifests, kustomizations and charts, one project per folder.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.core.values import ChartSource, Complete, Package, PackageName, PathSource, Unknown
from agent.edges.git.objects import Blob
from agent.edges.render.cache import Cache
from agent.edges.render.kustomization import FILE_NAMES
from agent.edges.render.render import Programs, Renderer, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from control_plane.build import Assets

    from agent.core.values import Rendered, Source

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(
        "TIDEGATE_CORPUS" not in os.environ, reason="TIDEGATE_CORPUS names no corpus"
    ),
]

# Every sentence that may be the answer; a new one is looked at before it gets in here.
_REASONS = (
    r"` is not in the repository$",
    r"` is remote: copy it into the repository",
    r"is a file outside this folder",
    r"there is no kustomization.yaml in this folder",
    r"helmCharts is refused",
    r"the chart needs .*, which is not in .*/charts",
    r"metadata\.name is missing$",
    r"(apiVersion|kind) is missing$",
    r"is already declared in ",
    r"the key `.*` is already set in line",
)
_OF_PROGRAMS = ("kustomize failed: ", "helm failed: ")


class CorpusTree:
    """A project's folder as one commit."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths = {
            str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.is_file()
        }

    def listing(self, _: str) -> dict[str, Blob]:
        """Give path → blob; the path is its id."""
        return {
            path: Blob(path, 0o100644, file.stat().st_size) for path, file in self._paths.items()
        }

    def trees(self, _: str) -> dict[str, str]:
        """Give folder → id; the path again, since nothing changes."""
        folders = {str(parent) for path in self._paths for parent in Path(path).parents}
        return {"" if folder == "." else folder: folder for folder in folders}

    def read(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Give id → content."""
        return {oid: self._paths[oid].read_bytes() for oid in oids}

    def export(self, _: str, folder: str, destination: Path) -> None:
        """Copy a folder."""
        prefix = f"{folder}/" if folder else ""
        destination.mkdir()
        for path, file in self._paths.items():
            if path.startswith(prefix):
                copy = destination / path.removeprefix(prefix)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())


@cache
def _tree(project: str) -> CorpusTree:
    return CorpusTree(Path(os.environ["TIDEGATE_CORPUS"]) / project)


def _found(*names: str) -> Iterator[tuple[str, str]]:
    """Yield (project, folder) of everything with one of these files."""
    corpus = Path(os.environ.get("TIDEGATE_CORPUS", os.devnull))
    for path in sorted(each for name in names for each in corpus.rglob(name) if each.is_file()):
        project, *folders = path.relative_to(corpus).parent.parts
        yield project, "/".join(folders)


def _rendered(project: str, source: Source, assets: Assets, folder: Path) -> Rendered:
    programs = Programs.at(str(assets.program("kustomize")), str(assets.program("helm")))
    package = Package(PackageName("default", "app"), source)
    raw = Renderer(_tree(project), Cache(folder), programs).render(package, "c0ffee")
    return resolve(raw, package, {}, "c0ffee", lambda _: ("", ""))


def _judge(rendered: Rendered) -> None:
    match rendered:
        case Complete():
            assert all(each.digest and each.origin.path for each in rendered.objects)
        case Unknown():
            lines = rendered.says.splitlines()
            known = [any(re.search(reason, line) for reason in _REASONS) for line in lines]
            assert all(known) or rendered.says.startswith(_OF_PROGRAMS), rendered.says


@pytest.mark.parametrize(("project", "folder"), list(_found(*FILE_NAMES)))
def test_kustomization(project: str, folder: str, assets: Assets, tmp_path: Path):
    """Builds, or names what is not in the repository."""
    _judge(_rendered(project, PathSource(folder), assets, tmp_path))


@pytest.mark.parametrize(("project", "folder"), list(_found("Chart.yaml")))
def test_chart(project: str, folder: str, assets: Assets, tmp_path: Path):
    """Renders, or names what is not vendored."""
    _judge(_rendered(project, ChartSource(folder, "app", {}), assets, tmp_path))


PLAIN = (
    ("microservices-demo", "release"),
    ("kube-prometheus", "manifests"),
    ("kubernetes-examples", "web/guestbook-go"),
    ("podinfo", "deploy/bases/backend"),
)


@pytest.mark.parametrize(("project", "folder"), PLAIN)
def test_plain(project: str, folder: str, assets: Assets, tmp_path: Path):
    """Whole apps of plain files are read whole."""
    rendered = _rendered(project, PathSource(folder), assets, tmp_path)
    assert isinstance(rendered, Complete), rendered.says
    assert rendered.objects
