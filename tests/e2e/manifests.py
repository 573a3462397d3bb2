"""Writes the files of stories: declarations and manifests as YAML; never talks to anything."""

from __future__ import annotations

from typing import Any

import yaml

Files = dict[str, str | bytes | None]
OURS = "tidegate.io/v1alpha1"


def text(*documents: object) -> str:
    """Give one YAML file with these documents."""
    return yaml.safe_dump_all(documents, sort_keys=False)


def package(
    namespace: str,
    name: str = "web",
    objects: dict[str, object] | None = None,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Files:
    """Give the declaration of a package and the files of its objects, one each.

    `teams/<name>.yaml` declares it, `teams/<name>/<file>.yaml` are its objects.
    """
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    metadata |= {"labels": labels} if labels else {}
    metadata |= {"annotations": annotations} if annotations else {}
    declared = {
        "apiVersion": OURS,
        "kind": "Package",
        "metadata": metadata,
        "spec": {"source": {"path": f"./{name}"}, **spec},
    }
    files: Files = {f"teams/{name}.yaml": text(declared)}
    return files | objects_of(name, objects or {})


def objects_of(name: str, objects: dict[str, object]) -> Files:
    """Give the files of objects of a package; None removes one."""
    return {
        f"teams/{name}/{file}.yaml": None if value is None else text(value)
        for file, value in objects.items()
    }


def policy(kind: str, name: str, **spec: Any) -> str:
    """Give a policy file."""
    return text({"apiVersion": OURS, "kind": kind, "metadata": {"name": name}, "spec": spec})


def defaults() -> Files:
    """Give the file of an AgentPolicy that sets nothing: the policy path that stays."""
    return {"policies/default.yaml": policy("AgentPolicy", "default")}


def config_map(
    name: str,
    value: str = "1",
    *,
    namespace: str = "",
    annotations: dict[str, str] | None = None,
    **data: str,
) -> dict[str, Any]:
    """Give a ConfigMap with `data.value`, and more data where named."""
    metadata: dict[str, Any] = {"name": name}
    metadata |= {"namespace": namespace} if namespace else {}
    metadata |= {"annotations": annotations} if annotations else {}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"value": value, **data},
    }


def workload(
    name: str, image: str = "example/app:1", *, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    """Give a Deployment of one replica."""
    metadata: dict[str, Any] = {"name": name}
    metadata |= {"annotations": annotations} if annotations else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    }


def job(
    name: str, image: str = "example/migrate:1", *, generated: bool = False, **metadata: Any
) -> dict[str, Any]:
    """Give a Job of one Pod; `generated` makes the name a `generateName`."""
    named = {"generateName": f"{name}-"} if generated else {"name": name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**named, **metadata},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "migrate", "image": image}],
                }
            },
        },
    }
