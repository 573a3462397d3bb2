"""Sites whose agent has other rights than `Site` gives it; each says what for.

A story takes one of these only where those rights are what it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import yaml
from e2e.agent_process import Site
from e2e.deployed import DEPLOY

if TYPE_CHECKING:
    from pathlib import Path

    from control_plane.client import Object


class TenantSite(Site):
    """Has the rights of `deploy/impersonate`: the agent writes as an account of its tenant."""

    mode = "impersonate"

    def __enter__(self) -> Self:
        super().__enter__()
        self.plane.kubectl(
            *("apply", "-n", self.namespace, "-f", "-"), stdin=yaml.safe_dump_all(self._tenant())
        )
        return self

    @property
    def deployer(self) -> str:
        """Whom packages of the namespace may name."""
        return f"system:serviceaccount:{self.namespace}:deployer"

    def refusals(self) -> list[str]:
        """What the agent may not have, whether it asked in its own name or as its tenant."""
        asked = self.plane.audit(self._began, user=self.deployer)
        as_tenant = {f"{one.verb} {one.uri}" for one in asked if one.code == 403}
        return sorted({*super().refusals(), *as_tenant})

    def _tenant(self) -> list[Object]:
        """Read the tenant's manifests, and have them name the agent of this site."""
        tenant = list(yaml.safe_load_all((DEPLOY / "impersonate" / "tenant.yaml").read_text()))
        subject = tenant[-1]["subjects"][0]
        assert subject["name"] == "tidegate"
        subject |= {"name": self.user.rpartition(":")[2], "namespace": self.home}
        return tenant


class ObserverSite(Site):
    """Has the rights of `deploy/observe`: the agent reads everything and changes nothing."""

    mode = "observe"


class BareSite(Site):
    """Nothing was installed: the agent is whoever starts it, an admin, and makes what it needs."""

    def _install(self) -> tuple[str, Path]:
        return self.name, self.plane.kubeconfig(self.name, "system:masters")
