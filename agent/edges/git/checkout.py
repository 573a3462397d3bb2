"""What the work tree that somebody stands in says: its remote, and who they are.

Only asks; never changes it, and never reads a file of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from agent.edges import process
from agent.edges.git.branch import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS: Final = 10.0
_OURS: Final = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
"""Where Git looks for what its user has set."""


def remote_url(folder: Path) -> str:
    """Return the address of the work tree's remote `origin`, or of its only one; else nothing."""
    names = _ask(folder, "remote").split()
    name = "origin" if "origin" in names else (names[0] if len(names) == 1 else "")
    return _ask(folder, "remote", "get-url", "--end-of-options", name) if name else ""


def identity(folder: Path, environment: Mapping[str, str]) -> Identity | None:
    """Return who commits here, by Git's own rules: its variables first, then its configuration."""
    name = environment.get("GIT_AUTHOR_NAME") or _ask(folder, "config", "--get", "user.name")
    email = environment.get("GIT_AUTHOR_EMAIL") or _ask(folder, "config", "--get", "user.email")
    return Identity(name, email) if name and email else None


def _ask(folder: Path, *arguments: str) -> str:
    """Return what Git answers on one line; nothing where it can't, or is not there."""
    mine = {name: os.environ[name] for name in _OURS if name in os.environ}
    try:
        done = process.run(["git", *arguments], env=mine, cwd=folder, timeout=_SECONDS)
    except process.ProcessFailed:
        return ""
    return done.stdout.decode(errors="replace").strip() if done.code == 0 else ""
