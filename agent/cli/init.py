"""`init`: a small repository to start from; never writes over a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from agent.cli.exits import Exit, Stop
from agent.cli.output import say, write

FILES: Final = {
    "README.md": """\
# Declarations for Tidegate

- `packages/` has what runs: one folder per package, with its `Package` and its manifests.
- `policies/` has when it may not: windows, suspensions, limits. CODEOWNERS guards it.

Check a change with `tidegate lint`, see what it would do with `tidegate plan`.
Hold a package with `tidegate suspend hello/hello --for 2h --reason "…"`.
""",
    "CODEOWNERS": """\
# Who may change when packages sync. Name the team that owns maintenance windows.
/policies/    @platform-team
/CODEOWNERS   @platform-team
""",
    "packages/hello/package.yaml": """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata:
  name: hello
  namespace: hello
spec:
  source:
    path: ./manifests
""",
    "packages/hello/manifests/hello.yaml": """\
apiVersion: v1
kind: Namespace
metadata:
  name: hello
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: hello
data:
  greeting: Hello from Git
""",
    "policies/agent-policy.yaml": """\
apiVersion: tidegate.io/v1alpha1
kind: AgentPolicy
metadata:
  name: default
spec:
  timeZone: Europe/Berlin
  pruneBudget: {objects: 20, percent: 30}
""",
    "policies/windows.yaml": """\
# In production nothing new comes on Friday evenings and at weekends; what is there is kept right.
apiVersion: tidegate.io/v1alpha1
kind: SyncWindow
metadata:
  name: quiet-weekend
spec:
  effect: Deny
  description: No changes at weekends; ask the platform team for an override
  recurring:
    - {days: [Fri], from: "18:00", to: "24:00"}
    - {days: [Sat, Sun], from: "00:00", to: "24:00"}
  holds: [Upgrades, Prune]
  match:
    - namespaces: {names: ["prod-*"]}
""",
}


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a package, a window, limits and their owners into DIR, to start from."""
    present = [path for path in FILES if (folder / path).exists()]
    if present:
        says = f"{', '.join(present)} would be written over"
        raise Stop(Exit.USAGE, says, where=str(folder), do="name an empty folder")
    for path, text in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        write(f"{file.as_posix()}\n")
    say(f"next: edit them, `tidegate lint {folder}`, commit, and `tidegate run --repo URL`")
