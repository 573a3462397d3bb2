"""What packages want, kept in memory by content: an unchanged package costs one look-up."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from agent.core.encode import digest
from agent.core.resting import at_rest
from agent.core.values import Complete, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.core.values import GroupKind, KindInfo, Package, PackageName, Rendered

KEPT: Final = 3
"""Renders per package: the newest, the last applied one, and one to switch back to."""


class Renders(Protocol):
    """A renderer, and how its raw output becomes what a package wants."""

    def digest(self, package: Package, commit: str) -> str | Unknown:
        """Digest of everything the render depends on."""
        ...


class Rendering:
    """See `agent.passes.repository.Rendering`."""

    def __init__(
        self,
        renders: Renders,
        resolve: Callable[[Package, str, Mapping[GroupKind, KindInfo]], Rendered],
    ) -> None:
        self._renders = renders
        self._resolve = resolve
        self._lock = threading.Lock()
        self._made: dict[PackageName, dict[tuple[str, ...], Complete]] = {}
        self._scopes: tuple[Mapping[GroupKind, KindInfo] | None, str] = (None, "")

    def render(
        self, package: Package, commit: str, kinds: Mapping[GroupKind, KindInfo]
    ) -> Rendered:
        """All that the package wants at the commit; the same objects while nothing changed."""
        content = self._renders.digest(package, commit)
        if isinstance(content, Unknown):
            return content
        key = (content, digest(package.spec), self._scope(kinds))
        with self._lock:
            known: Rendered | None = self._made.get(package.name, {}).get(key)
        if known is None:
            known = self._keep(package.name, key, self._resolve(package, commit, kinds))
        if isinstance(known, Unknown):
            known = replace(known, content=content)
        return replace(known, commit=commit)

    def content(self, package: Package, commit: str) -> str:
        """Digest of everything that a render depends on; empty where there is nothing to render."""
        content = self._renders.digest(package, commit)
        return "" if isinstance(content, Unknown) else content

    def _keep(self, name: PackageName, key: tuple[str, ...], rendered: Rendered) -> Rendered:
        """Keep what is whole; a failure may have passing causes, so it is tried again."""
        if not isinstance(rendered, Complete):
            return rendered
        with self._lock:
            made = self._made.get(name, {})
        rested = at_rest(rendered, next(reversed(made.values()), None))
        with self._lock:
            made = {**self._made.get(name, {}), key: rested}
            self._made[name] = dict(list(made.items())[-KEPT:])
        return rested

    def _scope(self, kinds: Mapping[GroupKind, KindInfo]) -> str:
        """Digest of which kinds are namespaced: all that resolving takes from discovery."""
        known, scope = self._scopes
        if known is not kinds:
            scope = digest(sorted([*kind, info.namespaced] for kind, info in kinds.items()))
            self._scopes = (kinds, scope)
        return scope
