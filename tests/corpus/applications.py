"""Real applications as packages: which files of the corpus they are, and where they go.

Needs `TIDEGATE_CORPUS`, a folder with one folder per project. Changes nothing in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2e.manifests import OURS, text

if TYPE_CHECKING:
    from e2e.manifests import Files


@dataclass(frozen=True, slots=True)
class Application:
    """One package made of files that somebody else has published."""

    name: str
    files: str
    """A folder or a file of the corpus."""
    folder: str = ""
    """What the package names, below `files`."""
    chart: bool = False
    values: tuple[str, ...] = ()
    """Values files of the chart, below `files`."""
    namespace: str = ""
    """Where the project itself wants to be; empty: one of its name, declared beside it."""
    depends_on: tuple[str, ...] = ()

    @property
    def space(self) -> str:
        """The package's namespace."""
        return self.namespace or self.name

    def committed(self, **spec: Any) -> Files:
        """Everything to commit: the declaration, and the files as they were published."""
        declared: Files = {f"apps/{self.name}.yaml": self._declaration(spec)}
        return declared | published(self.files, f"apps/{self.name}")

    def _declaration(self, spec: dict[str, Any]) -> str:
        path = f"./{self.name}/{self.folder}".rstrip("/")
        values = [f"./{self.name}/{one}" for one in self.values]
        source = {"helm": {"chart": path, "valuesFiles": values}} if self.chart else {"path": path}
        needs = {"dependsOn": list(self.depends_on)} if self.depends_on else {}
        metadata = {"name": self.name, "namespace": self.space}
        declared = {"source": source, **needs, **spec}
        document = {"apiVersion": OURS, "kind": "Package", "metadata": metadata, "spec": declared}
        return text(document)


def published(path: str, below: str) -> Files:
    """Give the files of a folder, or one file, of the corpus."""
    root = Path(os.environ["TIDEGATE_CORPUS"]) / path
    if root.is_file():
        return {f"{below}/{root.name}": root.read_bytes()}
    found = (each for each in sorted(root.rglob("*")) if each.is_file())
    return {f"{below}/{each.relative_to(root)}": each.read_bytes() for each in found}


NGINX = "deploy/static/provider/cloud/deploy.yaml"
BOUTIQUE = "release/kubernetes-manifests.yaml"

PLATFORM = (
    Application("boutique", f"microservices-demo/{BOUTIQUE}"),
    Application("cassandra", "kubernetes-examples/databases/cassandra"),
    Application("certificates-crds", "cert-manager/deploy/crds"),
    Application(
        "certificates",
        "cert-manager/deploy/charts/cert-manager",
        chart=True,
        depends_on=("certificates-crds/certificates-crds",),
    ),
    Application("guestbook", "kubernetes-examples/web/guestbook-go"),
    Application("ingress-nginx", f"ingress-nginx/{NGINX}", namespace="ingress-nginx"),
    Application("olm", "olm/deploy/upstream/quickstart", namespace="olm"),
    Application("podinfo", "podinfo/kustomize"),
    Application("podinfo-chart", "podinfo/charts/podinfo", chart=True),
    Application("snapshots", "minikube/deploy/addons/volumesnapshots"),
    Application(
        "velero", "velero-chart/charts/velero", chart=True, values=("ci/test-values.yaml",)
    ),
)
"""These live together."""
PROMETHEUS = Application("prometheus", "kube-prometheus", namespace="monitoring")
METRICS = Application(
    "metrics", "metrics-server/manifests", "overlays/release", namespace="kube-system"
)
INGRESS_CHART = Application("ingress-chart", "ingress-nginx/charts/ingress-nginx", chart=True)
