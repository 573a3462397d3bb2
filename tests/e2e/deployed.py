"""A site whose agent has exactly the rights of `deploy/cluster`; never those of an admin.

Names and the agent's namespace are the site's own, as an overlay of its kustomization has them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

import yaml
from e2e.agent_process import Site

if TYPE_CHECKING:
    from control_plane.server import ControlPlane

DEPLOY = Path(__file__).parents[2] / "deploy"


class DeployedSite(Site):
    """As `Site`, but the agent is the ServiceAccount that `deploy/` made."""

    def __enter__(self) -> Self:
        super().__enter__()
        install(self.plane, self.folder / "overlay", self.home, self.name)
        self._kubeconfig = kubeconfig(self.plane, self.home, self._account)
        return self

    @property
    def user(self) -> str:
        """Who the agent is to the API server."""
        return f"system:serviceaccount:{self.home}:{self._account}"

    @property
    def _account(self) -> str:
        return f"tidegate-{self.name}"

    def refusals(self) -> list[str]:
        """What the agent asked for and may not have."""
        return [one.uri for one in self.plane.audit(user=self.user) if one.code == 403]


def install(plane: ControlPlane, overlay: Path, namespace: str, instance: str) -> None:
    """Apply `deploy/cluster` as people do, for an instance in a namespace of its own."""
    own_key = {"op": "replace", "path": "/rules/2/resourceNames/0"}
    patch = [{**own_key, "value": f"tidegate-key-{instance}"}]
    kustomization = {
        "resources": [os.path.relpath(DEPLOY / "cluster", overlay.resolve())],
        "namespace": namespace,
        "nameSuffix": f"-{instance}",
        "patches": [{"target": {"kind": "Role"}, "patch": yaml.safe_dump(patch)}],
    }
    overlay.mkdir(parents=True)
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    # The CRD is shared with whoever else applies it to this server now.
    flags = ("--server-side", "--force-conflicts", f"--field-manager={instance}")
    plane.kubectl("apply", *flags, "-k", str(overlay))


def kubeconfig(plane: ControlPlane, namespace: str, account: str) -> Path:
    """Write the kubeconfig of a ServiceAccount, with a token of the server's own."""
    token = plane.kubectl("create", "token", account, "-n", namespace).strip()
    return plane.kubeconfig(account, token=token)
