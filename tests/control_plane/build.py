"""Finds or builds the programs of the test control plane; needs Python's library only.

Never starts a server and never changes the repository.

    python3 tests/control_plane/build.py

Looks in the folder named by `KUBEBUILDER_ASSETS` (the convention of Kubernetes projects), then in
the cache, then builds with Go from the two pinned modules beside this file. The last line on
standard output is the folder; progress goes to standard error. Exit code 3: there is no way.
With `--cached` it builds nothing: it prints the cache's folder if that is filled, else nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
REQUIRED = ("etcd", "kube-apiserver", "kubectl")
KUBERNETES_VERSION = "1.36.3"
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.split(".")
NO_WAY = 3

_STAMP = "k8s.io/component-base/version"
_STRIP = "-s -w"
# Without the stamp `/version` says v0.0.0 and the capability checks of charts lie.
_VERSIONED = (
    f"{_STRIP} -X {_STAMP}.gitVersion=v{KUBERNETES_VERSION}"
    f" -X {_STAMP}.gitMajor={_MAJOR} -X {_STAMP}.gitMinor={_MINOR}"
)


@dataclass(frozen=True, slots=True)
class Program:
    """One executable: its name, the pinned module that provides it, its Go package."""

    name: str
    module: str
    package: str
    ldflags: str


PROGRAMS = (
    Program("etcd", "kubernetes", "go.etcd.io/etcd/server/v3", _STRIP),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", _VERSIONED),
    Program(
        "kube-controller-manager",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        _VERSIONED,
    ),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", _VERSIONED),
    Program("kustomize", "renderers", "sigs.k8s.io/kustomize/kustomize/v5", _STRIP),
    Program("helm", "renderers", "helm.sh/helm/v4/cmd/helm", _STRIP),
)


class AssetsMissingError(Exception):
    """The programs are not here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Assets:
    """Where the programs are: the first folder that has one wins."""

    folders: tuple[Path, ...]

    def program(self, name: str) -> Path:
        """Give the executable of that name.

        Raises:
            AssetsMissingError: none of the folders has it.
        """
        for folder in self.folders:
            if (found := folder / name).is_file():
                return found
        places = ", ".join(map(str, self.folders))
        raise AssetsMissingError(f"{name} is not in {places}; run: make control-plane")


def find() -> Assets:
    """Find the programs without building any.

    A folder from `KUBEBUILDER_ASSETS` usually lacks the controller manager and the renderers;
    the cache, where it is filled, stands behind it.

    Raises:
        AssetsMissingError: neither place has an API server.
    """
    cached = (cache_folder(),) if cache_folder().is_dir() else ()
    if named := os.environ.get("KUBEBUILDER_ASSETS"):
        folder = Path(named)
        missing = [name for name in REQUIRED if not (folder / name).is_file()]
        if missing:
            raise AssetsMissingError(
                f"KUBEBUILDER_ASSETS={named} lacks {', '.join(missing)};"
                " complete that folder or unset the variable"
            )
        return Assets((folder, *cached))
    if not cached:
        raise AssetsMissingError(f"no control plane in {cache_folder()}; run: make control-plane")
    return Assets(cached)


def build() -> Path:
    """Fill the cache with Go, once even when several builds start together.

    Raises:
        AssetsMissingError: Go is not installed, or it failed.
    """
    target = cache_folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target.with_suffix(".lock")):
        if target.is_dir():
            return target
        if shutil.which("go") is None:
            raise AssetsMissingError(
                f"no control plane in {target} and no Go to build one with: install Go 1.26 or"
                f" newer, or let KUBEBUILDER_ASSETS name a folder with {', '.join(REQUIRED)}"
            )
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as scratch:
            unfinished = Path(scratch) / "programs"
            unfinished.mkdir()
            for number, program in enumerate(PROGRAMS, start=1):
                _say(f"[{number}/{len(PROGRAMS)}] building {program.name} (minutes when cold)")
                _compile(program, unfinished / program.name)
            unfinished.rename(target)
    return target


def cache_folder() -> Path:
    """Name the folder for exactly these pins, flags and this machine; shared between clones."""
    root = os.environ.get("TIDEGATE_CACHE_DIR")
    if not root:
        xdg = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        root = str(Path(xdg) / "tidegate")
    return Path(root) / f"control-plane-{_fingerprint()}"


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()} {PROGRAMS}".encode())
    for module in sorted({program.module for program in PROGRAMS}):
        for name in ("go.mod", "go.sum"):
            digest.update((HERE / module / name).read_bytes())
    return digest.hexdigest()[:16]


def _compile(program: Program, target: Path) -> None:
    command = ["go", "build", "-trimpath", "-ldflags", program.ldflags]
    try:
        subprocess.run(
            [*command, "-o", str(target), program.package],
            cwd=HERE / program.module,
            env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            stdout=sys.stderr,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise AssetsMissingError(
            f"Go could not build {program.package} in {HERE / program.module}: {error};"
            " its output is above"
        ) from error


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another build ({path})")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """Print the folder that holds the programs, building it if need be."""
    if sys.argv[1:] == ["--cached"]:
        sys.stdout.write(f"{cache_folder()}\n" if cache_folder().is_dir() else "")
        return 0
    try:
        named = os.environ.get("KUBEBUILDER_ASSETS")
        folder = find().folders[0] if named else build()
    except AssetsMissingError as error:
        _say(str(error))
        return NO_WAY
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
