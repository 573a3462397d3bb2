"""Plain YAML and JSON files, read from the repository's objects.

Never skips a file in silence: what can't be applied is refused or noted.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from agent.core.encode import digest
from agent.core.manifests import read
from agent.core.reading import group_kind, mapping
from agent.core.values import Problem
from agent.core.words import GROUP
from agent.edges.render.kustomization import FILE_NAMES
from agent.edges.render.source import LINK, SUBMODULE, Raw, Work, inside, refuse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from agent.core.manifests import Document
    from agent.edges.render.source import Revision

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_CHART: Final = "Chart.yaml"


_FORMAT: Final = 1
"""Raised when the same files are to be read differently: old cache entries must not serve."""


def plan(revision: Revision, folder: str, links: Iterable[str]) -> Work:
    """Prepare to read every manifest in a folder and the folders in it.

    Args:
        revision: the commit.
        folder: where to look.
        links: all links of the commit; those in the folder may lead out of it.

    Raises:
        RenderError: there is no such folder.
    """
    tree = revision.folder(folder)
    inner = [path for path in links if path.startswith(f"{folder}/" if folder else "")]
    linked = {path: _oid(revision, to) for path, to in _targets(revision, inner).items()}
    what = {"renderer": "plain", "format": _FORMAT, "folder": folder, "tree": tree}
    key = digest({**what, "linked": linked})
    return Work(key, lambda: _read(revision, folder, key))


def _targets(revision: Revision, links: Collection[str]) -> dict[str, str]:
    """Return link → the path it names, empty where it leads out of the repository."""
    written = revision.contents(links) if links else {}
    return {
        path: inside(posixpath.dirname(path), content.decode(errors="replace")) or ""
        for path, content in written.items()
    }


def _oid(revision: Revision, path: str) -> str:
    return revision.files[path].oid if path in revision.files else ""


def _read(revision: Revision, folder: str, key: str) -> Raw:
    paths = [path for path in revision.below(folder) if _is_manifest(path, revision)]
    hidden = [path for path in paths if _is_hidden(path, folder)]
    links, problems = _sources(revision, [path for path in paths if path not in hidden])
    if problems:
        refuse(problems)
    contents = revision.contents(set(links.values()))
    documents: list[Document] = []
    for path, target in links.items():
        found = read(contents[target], path)
        problems += found.problems
        documents += (each for each in found.manifests if not _is_ours(each))
    if problems:
        refuse(problems)
    notes = tuple(f"{path} is hidden: left out" for path in hidden)
    return Raw(tuple(documents), key, notes)


def _is_manifest(path: str, revision: Revision) -> bool:
    """Whether to read a path; a submodule counts too, since it may hide manifests."""
    return path.endswith(_SUFFIXES) or revision.files[path].mode == SUBMODULE


def _is_hidden(path: str, folder: str) -> bool:
    """Whether a name below the folder starts with a dot: workflows, editors' settings."""
    below = path.removeprefix(f"{folder}/") if folder else path
    return any(name.startswith(".") for name in below.split("/"))


def _is_ours(document: Document) -> bool:
    """Whether it is a declaration: a source folder may hold its own Package."""
    return group_kind(mapping(document.value)).group == GROUP


def _sources(revision: Revision, paths: list[str]) -> tuple[dict[str, str], list[Problem]]:
    """Return path → the file to read for it (another one for a link), and what is refused."""
    problems = list(_foreign(paths))
    found: dict[str, str] = {}
    links = [path for path in paths if revision.files[path].mode == LINK]
    targets = _targets(revision, links)
    for path in paths:
        mode = revision.files[path].mode
        target = targets.get(path, path)
        if mode == SUBMODULE:
            problems.append(Problem(path, 1, 1, "is a submodule: copy its manifests here"))
        elif target not in revision.files or revision.files[target].mode in {LINK, SUBMODULE}:
            problems.append(Problem(path, 1, 1, "is a link to no file of the repository"))
        else:
            found[path] = target
    return found, problems


def _foreign(paths: list[str]) -> Iterator[Problem]:
    """Yield what is another renderer's input, which would fail with stranger words below."""
    for path in paths:
        folder, name = posixpath.split(path)
        if name == _CHART:
            use = f"name it in a Package of its own as spec.source.helm.chart: {folder}"
            yield Problem(path, 1, 1, f"a Helm chart is no plain YAML: {use}")
        elif name in FILE_NAMES:
            use = f"name it in a Package of its own as spec.source.path: {folder}"
            yield Problem(path, 1, 1, f"a kustomization inside a folder of plain YAML: {use}")
