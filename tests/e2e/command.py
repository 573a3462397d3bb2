"""Runs verbs of the real command as a person does, and makes what they print comparable."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from e2e.agent_process import COMMAND, Ended

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.agent_process import Site

_PERSON = {"HOME": "/nonexistent", "TZ": "Europe/Berlin", "COLUMNS": "200", "NO_COLOR": "1"}
_SAME = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "<instant>"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)( \d{4}-\d\d-\d\d)? \d\d:\d\d \w+"), "<moment>"),
    (
        re.compile(r"\b(in )?\d+ ?(ms|[smhd]|seconds?|minutes?|hours?|days?)( \d+ ?[smhd])*\b"),
        "<span>",
    ),
    (re.compile(r"\b[0-9a-f]{40}\b"), "<commit>"),
)


def tidegate(site: Site, *arguments: str, folder: Path | None = None) -> Ended:
    """Run a verb in a folder, as a person does for this site: with their own name and rights."""
    named = {
        "TIDEGATE_REPO": site.remote.url("repository.git"),
        "TIDEGATE_CLUSTER": site.name,
        "TIDEGATE_INSTANCE": site.name,
        "TIDEGATE_AGENT_NAMESPACE": site.home,
        "TIDEGATE_KUBECONFIG": str(site.plane.kubeconfig(site.person, "system:masters")),
        "TIDEGATE_STATE_DIR": str(site.folder / "person"),
    }
    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=folder or site.folder,
        env={**site._environment(), **_PERSON, **named},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def told(site: Site, text: str, **words: str) -> str:
    """Take times, commits and the site's own names out of a text; `words` are others to take."""
    for name, word in words.items():
        text = text.replace(word, f"<{name}>")
    for name, word in (("repo", site.remote.url("repository.git")), ("ns", site.namespace)):
        text = text.replace(word, f"<{name}>")
    for pattern, same in _SAME:
        text = pattern.sub(same, text)
    return "\n".join(line.rstrip() for line in text.splitlines())
