"""Wires the repository side: mirror, renderers, declarations; it asks nobody anything yet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from agent.core.declare import Layout
from agent.core.values import Unknown
from agent.edges import clock
from agent.edges.git.address import Remote
from agent.edges.git.mirror import Mirror
from agent.edges.render.cache import Cache
from agent.edges.render.helm import Capabilities
from agent.edges.render.render import Programs, Renderer, resolve
from agent.passes.repository import Repository
from agent.runtime.blamed import Blamed
from agent.runtime.rendering import Rendering
from agent.runtime.source import GitSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from agent.core.declared import Snapshot
    from agent.core.values import GroupKind, KindInfo, Package, Rendered
    from agent.settings import Settings


def mirror_folder(settings: Settings, folder: Path) -> Path:
    """Where the branch is mirrored: beside those of other repositories the folder served."""
    address = hashlib.sha256(f"{settings.repo} {settings.branch}".encode()).hexdigest()[:12]
    return folder / f"mirror-{address}.git"


def mirror(settings: Settings, folder: Path) -> Mirror:
    """Mirror the branch that is followed."""
    remote = Remote(settings.repo, settings.branch, settings.git_credentials)
    return Mirror(mirror_folder(settings, folder), remote)


def git_source(  # noqa: PLR0913 - what it is made of, each once
    settings: Settings,
    mirror: Mirror,
    renders: Cache,
    *,
    kinds: Callable[[], Mapping[GroupKind, KindInfo]],
    on_read: Callable[[Snapshot], None] = lambda _: None,
    capabilities: Callable[[], Capabilities] = Capabilities,
    secret_key: Callable[[], bytes] = bytes,
    now: Callable[[], datetime] = clock.now,
) -> GitSource:
    """Read declarations from a mirror, and render what they name."""
    blamed = Blamed(mirror)
    programs = Programs.at(settings.kustomize or "kustomize", settings.helm or "helm")
    renderer = Renderer(mirror, renders, programs, capabilities)

    def resolved(package: Package, commit: str, known: Mapping[GroupKind, KindInfo]) -> Rendered:
        raw = renderer.render(package, commit)
        paths = () if isinstance(raw, Unknown) else {each.path for each in raw.documents}
        return resolve(raw, package, known, commit, blamed.of(commit, paths), secret_key())

    return GitSource(
        mirror=mirror,
        repository=Repository(mirror, Layout(settings.path, settings.policies, settings.cluster)),
        rendering=Rendering(renderer, resolved),
        kinds=kinds,
        clock=now,
        on_read=on_read,
    )


def renders(folder: Path) -> Cache:
    """Keep what was rendered on disk."""
    return Cache(folder / "renders")
