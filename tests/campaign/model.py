"""What Git says at each commit, known to the judge without asking the agent: objects and holds.

Writes the files of a commit from it; never reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


SPACE = "shop"
GROUP = "tidegate.io/v1alpha1"
APIS = {
    "ConfigMap": ("v1", "/api/v1/namespaces/shop/configmaps"),
    "Service": ("v1", "/api/v1/namespaces/shop/services"),
    "Deployment": ("apps/v1", "/apis/apps/v1/namespaces/shop/deployments"),
    "Job": ("batch/v1", "/apis/batch/v1/namespaces/shop/jobs"),
}
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """A deny window, from an instant to another."""

    start: datetime
    end: datetime

    def is_closed(self, at: datetime) -> bool:
        """Whether it holds everything."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Package:
    """One package: its objects by path (`/apis/…/jobs/x`), and its own settings."""

    objects: Mapping[str, Object] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    is_broken: bool = False
    """One of its manifests can't be read."""


@dataclass(frozen=True, slots=True)
class Model:
    """One commit."""

    packages: Mapping[str, Package] = field(default_factory=dict)
    suspended: frozenset[str] = frozenset()
    """Grades that hold every package; empty: none."""
    window: Window | None = None
    is_known: bool = True
    """Whether the set of packages can be read."""
    forgives: str = ""
    """The commit whose rewritten history an Override lets pass, for as long as one may."""
    since: datetime | None = None
    """When the Override was written."""

    def wants(self, path: str) -> str:
        """Name the package that wants an object, or nothing."""
        found = (name for name, each in self.packages.items() if path in each.objects)
        return next(found, "")

    def holds(self, verb: str, path: str, at: datetime) -> str:
        """Say why a write may not happen now, or nothing."""
        if self.window is not None and self.window.is_closed(at):
            return "the window is closed"
        held = {
            "All": True,
            "Apply": True,
            "Prune": verb == "DELETE" and not self.wants(path),
            "Jobs": "/jobs/" in path,
        }
        return next((f"{each} is suspended" for each in self.suspended if held[each]), "")

    def with_package(self, name: str, package: Package | None) -> Model:
        """Change one package, or take it out."""
        packages = {each: self.packages[each] for each in self.packages if each != name}
        if package is not None:
            packages[name] = package
        return replace(self, packages=packages)

    def files(self) -> dict[str, bytes]:
        """Write it as a commit has it."""
        found = {"policies/default.yaml": _policy("AgentPolicy", "default", _UNLIMITED)}
        for name, package in self.packages.items():
            found |= _files(name, package)
        if not self.is_known:
            found["packages/torn.yaml"] = b"apiVersion: tidegate.io/v1alpha1\nkind: [Package\n"
        if self.suspended:
            spec = {"match": [_ALL], "holds": sorted(self.suspended), "reason": "a fire"}
            found["policies/fire.yaml"] = _policy("Suspension", "fire", _FOREVER | spec)
        if self.window is not None:
            found["policies/freeze.yaml"] = _policy("SyncWindow", "freeze", _once(self.window))
        if self.since is not None:
            found["policies/pass.yaml"] = _policy("Override", "pass", _pass(self))
        return found


_ALL = {"namespaces": {"names": ["*"]}}
_FOREVER = {"indefinite": True}
_UNLIMITED = {"pruneBudget": {"objects": 1000, "percent": 100}}


def _once(window: Window) -> Object:
    times = {"from": f"{window.start:%Y-%m-%dT%H:%M:%S}", "to": f"{window.end:%Y-%m-%dT%H:%M:%S}"}
    return {
        "effect": "Deny",
        "timeZone": "Etc/UTC",
        "once": [times],
        "match": [_ALL],
        "onClose": "Stop",
    }


def _pass(model: Model) -> Object:
    assert model.since is not None
    until = model.since + timedelta(hours=3)
    return {
        "packages": ["*/*"],
        "passes": ["History"],
        "revision": model.forgives,
        "until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "reason": "the rewrite was meant",
    }


def _policy(kind: str, name: str, spec: Object) -> bytes:
    document = {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return _text(document)


def _text(document: Object) -> bytes:
    return _yaml(orjson.dumps(document))


@lru_cache(maxsize=4096)
def _yaml(document: bytes) -> bytes:
    return yaml.dump(orjson.loads(document), Dumper=yaml.CSafeDumper, encoding="utf-8")  # type: ignore[no-any-return]


def _files(name: str, package: Package) -> dict[str, bytes]:
    metadata = {"name": name, "namespace": SPACE}
    spec = {"source": {"path": f"./{name}"}, **package.spec}
    document = {"apiVersion": GROUP, "kind": "Package", "metadata": metadata, "spec": spec}
    found = {f"packages/{name}.yaml": _text(document)}
    for path, each in package.objects.items():
        kind, own = path.split("/")[-2:]
        found[f"packages/{name}/{kind}-{own}.yaml"] = _text(each)
    found.setdefault(f"packages/{name}/README.md", b"a folder is never empty\n")
    if package.is_broken:
        found[f"packages/{name}/broken.yaml"] = b"kind: ConfigMap\nmetadata: {name: [\n"
    return found


def path_of(kind: str, name: str) -> str:
    """Say where an object is."""
    return f"{APIS[kind][1]}/{name}"


def manifest(kind: str, name: str, wave: int = 0, **rest: Any) -> Object:
    """Write an object."""
    marks = {"annotations": {"tidegate.io/wave": str(wave)}} if wave else {}
    metadata = {"name": name, **marks}
    return {"apiVersion": APIS[kind][0], "kind": kind, "metadata": metadata, **rest}


def config_map(name: str, wave: int = 0, **data: str) -> Object:
    """Write a ConfigMap."""
    return manifest("ConfigMap", name, wave, data=data)


def deployment(name: str, image: str, replicas: int = 1, wave: int = 0) -> Object:
    """Write a Deployment."""
    labels = {"app": name}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "app", "image": image}]},
        },
    }
    return manifest("Deployment", name, wave, spec=spec)


def job(name: str, image: str, wave: int = 0) -> Object:
    """Write a Job."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "run", "image": image}]}
    return manifest("Job", name, wave, spec={"backoffLimit": 0, "template": {"spec": pod}})


def service(name: str, address: str, port: int) -> Object:
    """Write a Service whose address can't be changed."""
    spec = {"clusterIP": address, "selector": {"app": name}, "ports": [{"port": port}]}
    return manifest("Service", name, spec=spec)
