"""The story of `tidegate demo` on a real control plane, over a real Git server.

    make demo CLUSTER=real

Starts etcd, an API server, controllers and a repository over HTTP, and takes them down at the end.
Flags and exit codes are those of `tidegate demo`; 3 also where there is no control plane.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from control_plane.build import AssetsMissingError, find
from control_plane.server import ControlPlane
from git_server import GitHTTP, Repository

from agent.cli.demo import demo, show
from agent.cli.exits import Exit, Stop
from agent.cli.failures import guarded
from agent.demo.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = ("kubectl", "kube-controller-manager", "kustomize", "helm")


@contextmanager
def real_ground(folder: Path) -> Iterator[Ground]:
    """Start a control plane whose Pods become ready without nodes, and a Git server.

    Raises:
        Stop: there is nothing to run a control plane with.
    """
    try:
        assets = find()
        for program in NEEDED:
            assets.program(program)
    except AssetsMissingError as error:
        raise Stop(Exit.FAILED, f"the demo needs a control plane: {error}") from error
    repository = Repository(folder / "git" / "clusters.git")
    with ExitStack() as running:
        plane = running.enter_context(ControlPlane(folder / "plane", assets))
        running.enter_context(plane.controller_manager())
        running.enter_context(plane.kubelet())
        remote = running.enter_context(GitHTTP(folder / "git")).url("clusters.git")
        yield Ground(folder, repository.path, remote, plane.kubeconfig(), assets.folders)


def main(arguments: list[str]) -> int:
    """Tell the story; returns the exit code."""

    def verb() -> Exit:
        flags: dict[str, Any] = demo.make_context("demo", arguments).params
        return show(real_ground, **flags)

    return guarded(verb)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
