"""What a kustomization reaches, read without running it.

Never lets kustomize look for anything outside the repository: each place it would is refused here,
with file and line, before it is started.

Source: sigs.k8s.io/kustomize, api/types/kustomization.go (fields) and api/internal/accumulator
(a resource that is no file here is fetched from the network).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agent.core.manifests import read
from agent.core.reading import items, mapping, text
from agent.core.values import Problem
from agent.edges.render.source import LINK, inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.edges.render.source import Revision

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")

_FILES_OR_FOLDERS: Final = ("resources", "bases", "components")
_PLUGINS: Final = ("generators", "transformers", "validators")
_FILES: Final = ("configurations", "crds")
_PATCH_FILES: Final = (".yaml", ".yml", ".json")
_WITH_PATH: Final = ("patches", "patchesJson6902", "replacements")
_GENERATORS: Final = ("configMapGenerator", "secretGenerator")
_REFUSED: Final = {
    "helmCharts": "make the chart a Package of its own (spec.source.helm)",
    "helmChartInflationGenerator": "make the chart a Package of its own (spec.source.helm)",
}
_REMOTE: Final = ("://", "git@", "?ref=", "//", "github.com", "gitlab.com", "bitbucket.org")


@dataclass(frozen=True, slots=True)
class Reach:
    """The folders a kustomization is made of, or what is wrong with them."""

    folders: frozenset[str]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Kustomization:
    """One file, as it says."""

    path: str
    folder: str
    value: Mapping[str, Any]
    lines: tuple[str, ...]

    def problem(self, entry: str, message: str) -> Problem:
        """Say what is wrong with an entry, at the first line that has it."""
        found = (number for number, line in enumerate(self.lines, start=1) if entry in line)
        return Problem(self.path, next(found, 1), 1, message)


def file_in(revision: Revision, folder: str) -> str | None:
    """Return the path of the folder's kustomization, or None where it has none."""
    prefix = f"{folder}/" if folder else ""
    return next((prefix + name for name in FILE_NAMES if prefix + name in revision.files), None)


def reach(revision: Revision, folder: str) -> Reach:
    """Follow a kustomization to every folder it builds on."""
    walk = _Walk(revision)
    walk.visit(folder)
    while walk.pending:
        walk.visit(walk.pending.pop())
    return Reach(frozenset(walk.seen), tuple(walk.problems))


@dataclass(slots=True)
class _Walk:
    """A search through folders, each visited once."""

    revision: Revision
    seen: set[str] = field(default_factory=set)
    pending: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def visit(self, folder: str) -> None:
        """Look at one folder and note the folders it names."""
        if folder in self.seen:
            return
        self.seen.add(folder)
        found = self._load(folder)
        if found is None:
            return
        self.problems += _refused(found)
        for entry in _entries(found.value, _FILES_OR_FOLDERS):
            self._follow(found, entry)
        for entry in _entries(found.value, _PLUGINS):
            if "\n" not in entry and (
                inside(folder, entry) in self.revision.folders or "://" in entry
            ):
                self._follow(found, entry)
        for entry in _file_entries(found.value):
            self._look_for(found, entry)

    def _load(self, folder: str) -> Kustomization | None:
        path = file_in(self.revision, folder)
        if path is None:
            why = "there is no kustomization.yaml in this folder, which another one builds on"
            self.problems.append(Problem(folder, 1, 1, why))
            return None
        if self.revision.files[path].mode == LINK:
            self.problems.append(Problem(path, 1, 1, "is a link: make it a file"))
            return None
        content = self.revision.contents([path])[path]
        documents = read(content, path)
        self.problems += documents.problems
        if documents.problems:
            return None
        value = mapping(documents.manifests[0].value) if documents.manifests else {}
        return Kustomization(path, folder, value, tuple(content.decode().splitlines()))

    def _follow(self, found: Kustomization, entry: str) -> None:
        """Take an entry for what kustomize takes it for: a file, a folder, else an address."""
        target = inside(found.folder, entry)
        if target is not None and target in self.revision.folders:
            self.pending.append(target)
        elif target is not None and target in self.revision.files:
            if not _is_below(target, found.folder):
                why = f"`{entry}` is a file outside this folder: name a folder with a kustomization"
                self.problems.append(found.problem(entry, why))
            elif self.revision.files[target].mode == LINK and self._leads_to_folder(target):
                why = f"`{entry}` is a link to a folder: name the folder itself"
                self.problems.append(found.problem(entry, why))
        elif any(mark in entry for mark in _REMOTE):
            self.problems.append(found.problem(entry, _remote(entry)))
        else:
            self.problems.append(found.problem(entry, f"`{entry}` is not in the repository"))

    def _look_for(self, found: Kustomization, entry: str) -> None:
        """Take an entry for a file; kustomize would also load an address."""
        if "://" in entry:
            self.problems.append(found.problem(entry, _remote(entry)))
        elif inside(found.folder, entry) not in self.revision.files:
            self.problems.append(found.problem(entry, f"`{entry}` is not in the repository"))

    def _leads_to_folder(self, link: str) -> bool:
        written = self.revision.contents([link])[link].decode(errors="replace")
        folder = link.rpartition("/")[0]
        return inside(folder, written) in self.revision.folders


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _remote(entry: str) -> str:
    return f"`{entry}` is remote: copy it into the repository, so that a commit says it all"


def _refused(found: Kustomization) -> Iterator[Problem]:
    for name, instead in _REFUSED.items():
        if found.value.get(name):
            yield found.problem(name, f"{name} is refused, it fetches charts: {instead}")


def _entries(value: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        entries = value.get(name)
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, str) and entry)


def _file_entries(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text that kustomize opens as a file."""
    yield from _entries(value, _FILES)
    # An entry is a file, or else a patch itself.
    patches = _entries(value, ("patchesStrategicMerge",))
    yield from (patch for patch in patches if patch.endswith(_PATCH_FILES))
    for name in _WITH_PATH:
        yield from filter(None, (text(each.get("path")) for each in items(value.get(name))))
    yield from filter(None, [text(mapping(value.get("openapi")).get("path"))])
    for name in _GENERATORS:
        for each in items(value.get(name)):
            # `key=path`, or a path whose last name is the key
            yield from (entry.rpartition("=")[2] for entry in _entries(each, ("files",)))
            yield from _entries(each, ("envs",))
            yield from filter(None, [text(each.get("env"))])
