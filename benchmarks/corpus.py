"""The repository that every race syncs: packages of four kinds, equally; never random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("Deployment", "Service", "ServiceAccount", "ConfigMap")
_TEAMS = 10
_COLLECTIONS = {
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Service": "api/v1/namespaces/{}/services",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
}

_PACKAGE = """\
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  source: {{path: ./manifests}}
"""

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app: {name}, tier: backend}}
spec:
  replicas: 0
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}, tier: backend}}
    spec:
      serviceAccountName: {name}
      containers:
      - name: server
        image: registry.example.com/{name}:1.4.2
        args: [--listen=:8080, --log-format=json]
        ports:
        - {{name: http, containerPort: 8080}}
        env:
        - {{name: REGION, value: eu-central-1}}
        - {{name: CACHE, value: "redis://cache:6379/0"}}
        resources:
          requests: {{cpu: 50m, memory: 64Mi}}
          limits: {{memory: 128Mi}}
        readinessProbe:
          httpGet: {{path: /healthz, port: http}}
          periodSeconds: 10
        volumeMounts:
        - {{name: config, mountPath: /etc/server}}
      volumes:
      - name: config
        configMap: {{name: {name}}}
"""

_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  selector: {{app: {name}}}
  ports:
  - {{name: http, port: 80, targetPort: http}}
"""

_SERVICE_ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  labels: {{app: {name}}}
automountServiceAccountToken: false
"""

_CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  labels: {{app: {name}}}
data:
  revision: "{revision}"
  server.conf: |
    listen = 0.0.0.0:8080
    log_level = info
    upstreams = ["alpha.example.com:443", "beta.example.com:443"]
    [limits]
    connections = 1024
    body = 1048576
"""

_TEMPLATES = {
    "Deployment": _DEPLOYMENT,
    "Service": _SERVICE,
    "ServiceAccount": _SERVICE_ACCOUNT,
    "ConfigMap": _CONFIG_MAP,
}


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of the repository."""

    kind: str
    namespace: str
    name: str
    file: str

    def text(self, revision: str = "1") -> str:
        """Give the manifest as it is committed; only ConfigMaps have a revision in them."""
        return _TEMPLATES[self.kind].format(name=self.name, revision=revision)

    @property
    def path(self) -> str:
        """Where the API server serves it."""
        return f"/{_COLLECTIONS[self.kind].format(self.namespace)}/{self.name}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """So many objects in so many packages."""

    objects: int
    packages: int

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All namespaces; the packages are dealt to them in turn."""
        return tuple(f"team-{number:02}" for number in range(_TEAMS))

    def things(self) -> Iterator[Thing]:
        """Give all objects, package by package."""
        each = self.objects // self.packages
        for package in range(self.packages):
            for number in range(each):
                kind = KINDS[number % len(KINDS)]
                name = f"p{package:03}-{number // len(KINDS):03}"
                file = f"apps/p{package:03}/manifests/{name}-{kind.lower()}.yaml"
                yield Thing(kind, self.namespaces[package % _TEAMS], name, file)

    def config_maps(self) -> list[Thing]:
        """Give the ConfigMaps: what races change."""
        return [thing for thing in self.things() if thing.kind == "ConfigMap"]

    def files(self) -> dict[str, str]:
        """Give the whole repository: path → text."""
        files = {thing.file: thing.text() for thing in self.things()}
        for package in range(self.packages):
            name, namespace = f"p{package:03}", self.namespaces[package % _TEAMS]
            files[f"apps/{name}/package.yaml"] = _PACKAGE.format(name=name, namespace=namespace)
        return files


def settled(thing: dict[str, Any]) -> dict[str, Any]:
    """Give the status a Deployment controller would write for no replicas."""
    conditions = [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
    ]
    generation = thing["metadata"]["generation"]
    return {"status": {"observedGeneration": generation, "conditions": conditions}}
