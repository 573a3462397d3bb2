"""Sites whose agents have exactly the rights that `deploy/` gives; never those of an admin.

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

    mode = "cluster"

    def __enter__(self) -> Self:
        super().__enter__()
        self._install(self.folder / "overlay")
        self._kubeconfig = kubeconfig(self.plane, self.home, self._account)
        return self

    @property
    def user(self) -> str:
        """Who the agent is to the API server."""
        return f"system:serviceaccount:{self.home}:{self._account}"

    @property
    def _account(self) -> str:
        return f"tidegate-{self.name}"

    def _install(self, overlay: Path) -> None:
        """Apply the mode as people do, for an instance in a namespace of its own."""
        own_key = {"op": "replace", "path": "/rules/2/resourceNames/0"}
        patch = [{**own_key, "value": f"tidegate-key-{self.name}"}]
        kustomization = {
            "resources": [os.path.relpath(DEPLOY / self.mode, overlay.resolve())],
            "namespace": self.home,
            "nameSuffix": f"-{self.name}",
            "patches": [{"target": {"kind": "Role"}, "patch": yaml.safe_dump(patch)}],
        }
        overlay.mkdir(parents=True)
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        # The CRD is shared with whoever else applies it to this server now.
        flags = ("--server-side", "--force-conflicts", f"--field-manager={self.name}")
        self.plane.kubectl("apply", *flags, "-k", str(overlay))

    def refusals(self) -> list[str]:
        """What the agent asked for and may not have."""
        return [one.uri for one in self.plane.audit(user=self.user) if one.code == 403]


class TenantSite(DeployedSite):
    """As `DeployedSite`, but the agent writes as the ServiceAccount `deployer` of its tenant."""

    mode = "impersonate"

    def __enter__(self) -> Self:
        super().__enter__()
        tenant = list(yaml.safe_load_all((DEPLOY / "impersonate" / "tenant.yaml").read_text()))
        subject = tenant[-1]["subjects"][0]
        assert subject["name"] == "tidegate"
        subject |= {"name": self._account, "namespace": self.home}
        text = yaml.safe_dump_all(tenant)
        self.plane.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=text)
        return self

    @property
    def deployer(self) -> str:
        """Whom packages of the namespace may name."""
        return f"system:serviceaccount:{self.namespace}:deployer"


def kubeconfig(plane: ControlPlane, namespace: str, account: str) -> Path:
    """Write the kubeconfig of a ServiceAccount, with a token of the server's own."""
    token = plane.kubectl("create", "token", account, "-n", namespace).strip()
    return plane.kubeconfig(account, token=token)
