"""Kustomizations, built by the standalone program from an exported copy of what they reach.

Never enables plugins, functions or charts, and never lets it load files from outside a base.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agent.core.encode import digest
from agent.core.manifests import Document, read
from agent.core.reading import at, mapping, text
from agent.edges.render import kustomization
from agent.edges.render.program import exported
from agent.edges.render.source import Raw, Work, inside, parsed, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from agent.edges.render.program import Program
    from agent.edges.render.source import Revision

_FLAGS: Final = ("build", "--load-restrictor=LoadRestrictionsRootOnly")
_ORIGIN: Final = "config.kubernetes.io/origin"
_ASK_FOR_ORIGINS: Final = b"\nbuildMetadata: [originAnnotations]\n"
_FORMAT: Final = 1
"""Raised when the same output is to be read differently: old cache entries must not serve."""


def plan(revision: Revision, folder: str, program: Program) -> Work:
    """Prepare to build a kustomization.

    Raises:
        RenderError: it names what is not in the repository, or the program is missing.
    """
    reach = kustomization.reach(revision, folder)
    if reach.problems:
        refuse(reach.problems)
    key = digest(
        {
            "renderer": "kustomize",
            "format": _FORMAT,
            "version": program.version(),
            "flags": _FLAGS,
            "folder": folder,
            "trees": {each: revision.folder(each) for each in reach.folders},
        }
    )
    return Work(key, lambda: _build(revision, folder, reach.folders, program, key))


def _build(
    revision: Revision, folder: str, folders: Iterable[str], program: Program, key: str
) -> Raw:
    path = kustomization.file_in(revision, folder) or folder
    with exported(revision, folders) as place:
        traced = _ask_for_origins(place.tree / path)
        output = program.render([*_FLAGS, folder or "."], place)
    documents = parsed(output, path, f"the output of kustomize for {path} is refused:")
    if traced:
        return Raw(_Origins(revision, folder, path).of(documents), key)
    return Raw(tuple(replace(each, line=1) for each in documents), key)


# --- where each object is written ----------------------------------------------------------------


def _ask_for_origins(path: Path) -> bool:
    """Make the copy of a kustomization tell the source of each object, where it does not object.

    The option is added at the end of the text, and only if the text then means the same plus the
    option; a file in flow style, or one that sets `buildMetadata` itself, is left alone.
    """
    before = path.read_bytes()
    after = before + _ASK_FOR_ORIGINS
    if _value(after) != {**_value(before), "buildMetadata": ["originAnnotations"]}:
        return False
    if "buildMetadata" in _value(before):
        return False
    path.write_bytes(after)
    return True


def _value(content: bytes) -> dict[str, Any]:
    found = read(content, "").manifests
    return dict(mapping(found[0].value)) if len(found) == 1 else {}


class _Origins:
    """Reads and removes the annotation that names the source of an object."""

    def __init__(self, revision: Revision, folder: str, path: str) -> None:
        self._revision = revision
        self._folder = folder
        self._path = path
        self._read: dict[str, tuple[Document, ...]] = {}

    def of(self, documents: Iterable[Document]) -> tuple[Document, ...]:
        """Put each object at the file and line it was written at."""
        return tuple(self._placed(document) for document in documents)

    def _placed(self, document: Document) -> Document:
        value = mapping(document.value)
        annotations = mapping(at(value, "metadata", "annotations"))
        if _ORIGIN not in annotations:
            return replace(document, line=1)
        metadata = {**value["metadata"], "annotations": _without(annotations, _ORIGIN)}
        if not metadata["annotations"]:
            del metadata["annotations"]
        path = self._file(text(annotations[_ORIGIN]))
        bare = {**value, "metadata": metadata}
        return Document(bare, self._line(path, bare), path)

    def _file(self, origin: str) -> str:
        """Return the file that an origin names: of the object, or of its generator."""
        told = _value(origin.encode())
        written = text(told.get("path")) or text(told.get("configuredIn"))
        path = inside(self._folder, written) if written else None
        return path if path is not None and path in self._revision.files else self._path

    def _line(self, path: str, value: Mapping[str, Any]) -> int:
        """Return the line of the object in its file: names may have got affixes meanwhile."""
        if path not in self._read:
            content = self._revision.contents([path])[path]
            is_yaml = posixpath.splitext(path)[1] in {".yaml", ".yml", ".json"}
            self._read[path] = read(content, path).manifests if is_yaml else ()
        name = text(at(value, "metadata", "name"))
        candidates = [
            each
            for each in self._read[path]
            if at(each.value, "kind") == value.get("kind")
            and text(at(each.value, "metadata", "name")) in name
        ]
        best = max(candidates, key=lambda each: len(_name(each)), default=None)
        return best.line if best is not None else 1


def _name(document: Document) -> str:
    return text(at(document.value, "metadata", "name"))


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
