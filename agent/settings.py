"""Every option once: its flag, its `TIDEGATE_` variable, unit, default, and why that default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as people meet it on the command line and in the environment."""

    name: str
    """As in `--name`; the variable is `TIDEGATE_NAME`."""
    help: str
    default: str | None = None
    metavar: str = "TEXT"
    is_flag: bool = False
    why: str = ""
    """Why this default."""

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"TIDEGATE_{self.name.replace('-', '_').upper()}"

    @property
    def field(self) -> str:
        """The name of the value in code."""
        return self.name.replace("-", "_")


OPTIONS: Final = (
    Option("repo", "URL of the Git repository with the package declarations.", metavar="URL"),
    Option("branch", "Branch to follow.", "main", "NAME"),
    Option("path", "Folder in the repository that holds the declarations.", ".", "DIR"),
    Option(
        "policies",
        "Folder in the repository that holds the policies.",
        "policies",
        "DIR",
        why="one place that CODEOWNERS can guard",
    ),
    Option("cluster", "Name of this cluster, as `clusters:` globs match it.", metavar="NAME"),
    Option(
        "interval",
        "How often to ask the repository for a new commit.",
        "30s",
        "DURATION",
        why="one ls-remote costs about 20 ms; people notice half a minute, not ten seconds",
    ),
    Option("instance", "Name of this agent, where several share a cluster.", "default", "NAME"),
    Option(
        "kubeconfig", "Kubeconfig file; default: in the cluster, else ~/.kube/config.", None, "FILE"
    ),
    Option("context", "Context of the kubeconfig.", None, "NAME"),
    Option(
        "agent-namespace",
        "Namespace of the agent's own ConfigMaps and Lease.",
        "tidegate-system",
        "NAME",
    ),
    Option(
        "status-branch",
        "Branch that status is committed to; default: tidegate/status/<cluster>.",
        None,
        "NAME",
    ),
    Option("no-status", "Commit no status to Git.", is_flag=True),
    Option("observe", "Look, plan and tell, but write nothing to the cluster.", is_flag=True),
    Option("once", "Converge as far as possible once, push status, and exit.", is_flag=True),
    Option(
        "timeout", "With --once: how long to wait for things to become healthy.", "5m", "DURATION"
    ),
    Option(
        "state-dir",
        "Folder for the mirror and the caches; losing it costs time only.",
        None,
        "DIR",
    ),
    Option(
        "listen", "Address to serve /healthz, /readyz and /metrics on, such as :8080.", None, "ADDR"
    ),
    Option(
        "git-credentials",
        "Folder with username and password (or token), ssh-privatekey and known_hosts.",
        None,
        "DIR",
    ),
    Option("kustomize", "The kustomize program; default: found on PATH.", None, "FILE"),
    Option("helm", "The helm program; default: found on PATH.", None, "FILE"),
    Option(
        "record",
        "Folder to record every pass in as a facts file; Secrets become tokens.",
        None,
        "DIR",
    ),
)

BY_NAME: Final[Mapping[str, Option]] = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one run, parsed."""

    repo: str
    cluster: str
    branch: str = "main"
    path: str = "."
    policies: str = "policies"
    interval: timedelta = timedelta(seconds=30)
    instance: str = "default"
    kubeconfig: str | None = None
    context: str | None = None
    agent_namespace: str = "tidegate-system"
    status_branch: str | None = None
    no_status: bool = False
    observe: bool = False
    once: bool = False
    timeout: timedelta = timedelta(minutes=5)
    state_dir: Path | None = None
    listen: str | None = None
    git_credentials: Path | None = None
    kustomize: str | None = None
    helm: str | None = None
    record: Path | None = None

    @property
    def status_ref(self) -> str:
        """The branch that status goes to."""
        return self.status_branch or f"tidegate/status/{self.cluster}"


def state_folder(settings: Settings, environment: Mapping[str, str]) -> Path:
    """Where the mirror and caches live: `--state-dir`, else the user's cache folder."""
    if settings.state_dir is not None:
        return settings.state_dir
    cache = environment.get("XDG_CACHE_HOME") or str(
        Path(environment.get("HOME", "/tmp")) / ".cache"  # noqa: S108 - a home-less container
    )
    return Path(cache) / "tidegate" / f"{settings.instance}-{settings.cluster}"
