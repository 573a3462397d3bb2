"""A package at a commit → its documents, by whichever renderer its source asks for.

Never returns a part of a package: it is all of it, or Unknown with the reason.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import orjson

from agent.core.desired import desire, secured
from agent.core.errors import RenderError
from agent.core.manifests import Document
from agent.core.values import ChartSource, Complete, Reason, Unknown
from agent.edges.render import helm, kustomize, plain, program
from agent.edges.render.helm import Capabilities
from agent.edges.render.kustomization import file_in
from agent.edges.render.source import LINK, Raw, Revision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.core.values import GroupKind, KindInfo, Package, Rendered
    from agent.edges.render.cache import Cache
    from agent.edges.render.program import Program
    from agent.edges.render.source import Tree, Work

_NOTHING_TOLD: Final = Capabilities()


@dataclass(frozen=True, slots=True)
class Programs:
    """The renderers on this machine."""

    kustomize: Program
    helm: Program

    @classmethod
    def at(cls, kustomize: str = "kustomize", helm: str = "helm") -> Programs:
        """Name the two programs, by path or as found in PATH."""
        return cls(program.kustomize(kustomize), program.helm(helm))


class Renderer:
    """Renders packages of one repository; may be used from several threads."""

    def __init__(
        self,
        tree: Tree,
        cache: Cache,
        programs: Programs,
        capabilities: Callable[[], Capabilities] = lambda: _NOTHING_TOLD,
    ) -> None:
        """Use a repository, a cache, and what charts are told of the cluster when rendered."""
        self._tree = tree
        self._cache = cache
        self._programs = programs
        self._capabilities = capabilities
        self._links: tuple[str, tuple[str, ...]] = ("", ())

    def digest(self, package: Package, commit: str) -> str | Unknown:
        """Return the digest of everything a render depends on, without rendering."""
        try:
            return self._work(package, commit).digest
        except RenderError as error:
            return _unknown(package, commit, error)

    def render(self, package: Package, commit: str) -> Raw | Unknown:
        """Return the documents of a package, from the cache where nothing they need changed."""
        try:
            return self._cached(self._work(package, commit))
        except RenderError as error:
            return _unknown(package, commit, error)

    def _work(self, package: Package, commit: str) -> Work:
        revision = Revision(self._tree, commit)
        source = package.source
        if isinstance(source, ChartSource):
            source = replace(source, chart=_from_root(source.chart))
            told = self._capabilities()
            return helm.plan(revision, package, source, self._programs.helm, told)
        folder = _from_root(source.path)
        if file_in(revision, folder):
            return kustomize.plan(revision, folder, self._programs.kustomize)
        return plain.plan(revision, folder, self._links_of(revision))

    def _links_of(self, revision: Revision) -> tuple[str, ...]:
        """Find the links of a commit once, and not for each package."""
        commit, links = self._links
        if commit != revision.commit:
            files = revision.files
            links = tuple(path for path, blob in files.items() if blob.mode == LINK)
            self._links = (revision.commit, links)
        return links

    def _cached(self, work: Work) -> Raw:
        stored = self._cache.get(work.digest)
        if stored is not None:
            return _unpacked(stored, work.digest)
        raw = work.render()
        with suppress(orjson.JSONEncodeError):  # half of a surrogate pair: refused one stage later
            self._cache.put(work.digest, _packed(raw))
        return raw


def resolve(
    raw: Raw | Unknown,
    package: Package,
    kinds: Mapping[GroupKind, KindInfo],
    commit: str,
    author_of: Callable[[str], tuple[str, str]],
    secret_key: bytes = b"",
) -> Rendered:
    """Turn what a source rendered to into what the package wants, whole or Unknown.

    An empty render is Complete with no objects; whether that is believed is decided elsewhere.
    """
    if isinstance(raw, Unknown):
        return raw
    wants = desire(package, raw.documents, kinds, commit, author_of, raw.notes)
    return secured(wants, secret_key) if isinstance(wants, Complete) else wants


def _from_root(path: str) -> str:
    """Return a declared folder as listings name it: the root is the empty path."""
    return "" if path == "." else path


def _unknown(package: Package, commit: str, error: RenderError) -> Unknown:
    return Unknown(Reason.RENDER_FAILED, str(error), package.origin, commit)


def _packed(raw: Raw) -> bytes:
    documents = [[each.value, each.line, each.path] for each in raw.documents]
    return orjson.dumps([documents, raw.notes])


def _unpacked(stored: bytes, digest: str) -> Raw:
    documents, notes = orjson.loads(stored)
    return Raw(tuple(Document(*each) for each in documents), digest, tuple(notes))
