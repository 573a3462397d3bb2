"""Renders what of the example needs kustomize or helm, for the demo on machines without them.

    python tests/render_example.py

writes `agent/demo/rendered/` again; a test compares it. Needs the real programs, see build.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from control_plane.build import Assets, find

from agent.demo.example import RENDERINGS, example

_MADE = "# Made by `python tests/render_example.py` from {source}; do not edit.\n"
_ARGUMENTS = {
    "kustomize": ("build", "overlays/prod"),
    # As teams/media/player/package.yaml has it.
    "helm": (
        *("template", "player", "chart", "--namespace=media", "--values=values-prod.yaml"),
        "--set-string=image.tag=0.9.1",
    ),
}


def rendered(assets: Assets) -> dict[Path, str]:
    """Give file → text, as the real programs render the example."""
    found = {}
    for each in RENDERINGS:
        done = subprocess.run(
            [assets.program(each.program), *_ARGUMENTS[each.program]],
            cwd=example() / each.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        source = f"examples/repo/{each.folder}/{each.source}"
        found[each.file] = _MADE.format(source=source) + done.stdout
    return found


if __name__ == "__main__":
    for path, text in rendered(find()).items():
        path.write_text(text)
