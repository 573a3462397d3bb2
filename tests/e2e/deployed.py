"""What `deploy/` installs, under the names of a site; never a right more than the folder gives.

kustomize builds an overlay as `deploy/README.md` has it for one agent beside others, once a run;
each site puts its own name in. Only what gives rights is applied: the process of a story stands in
for the Deployment.
"""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from control_plane.client import Client, Object
    from control_plane.server import ControlPlane

DEPLOY = Path(__file__).parents[2] / "deploy"
_SITE = "name-of-the-site"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PATHS = {
    "Namespace": "/api/v1/namespaces/{name}",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    "Role": _RBAC + "/namespaces/{namespace}/roles/{name}",
    "RoleBinding": _RBAC + "/namespaces/{namespace}/rolebindings/{name}",
    "ClusterRole": _RBAC + "/clusterroles/{name}",
    "ClusterRoleBinding": _RBAC + "/clusterrolebindings/{name}",
}
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

Rule = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""API groups, resources, names of resources, verbs; each in order."""


@dataclass(frozen=True, slots=True)
class Account:
    """The ServiceAccount of an agent."""

    plane: ControlPlane
    namespace: str
    name: str

    @property
    def user(self) -> str:
        """Who it is to the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    def token(self) -> str:
        """Give a new token, of the server's own making."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.name}/token"
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = self.plane.client().request("POST", path, asked)
        assert answer.code == 201, answer
        return str(answer.body["status"]["token"])

    def kubeconfig(self) -> Path:
        """Write a kubeconfig with a new token."""
        return self.plane.kubeconfig(self.name, token=self.token())


def install(plane: ControlPlane, mode: str, instance: str, namespace: str) -> Account:
    """Apply the rights of a mode for an instance, and wait until the server goes by them."""
    manifests = rights(plane, mode, instance, namespace)
    client = plane.client()
    for one in manifests:
        path = _PATHS[one["kind"]].format_map(one["metadata"])
        answer = client.apply(path, one, "installer")
        assert answer.code in (200, 201), answer
    (account,) = (one["metadata"]["name"] for one in manifests if one["kind"] == "ServiceAccount")
    made = Account(plane, namespace, account)
    _await_rules(plane.client(token=made.token()), namespace, rules(manifests))
    return made


def rights(plane: ControlPlane, mode: str, instance: str, namespace: str) -> list[Object]:
    """Give the manifests of a mode that make the account and say what it may do."""
    text = _built(plane, mode).replace(f"{_SITE}-system", namespace).replace(_SITE, instance)
    return [one for one in yaml.safe_load_all(text) if one["kind"] in _PATHS]


def rules(manifests: Iterable[Object]) -> set[Rule]:
    """Give the rules of all Roles and ClusterRoles among manifests."""
    return {_rule(rule) for one in manifests for rule in one.get("rules", ())}


def rules_held(client: Client, namespace: str) -> set[Rule]:
    """Ask the server by which rules it lets this client act in a namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = client.request("POST", _REVIEWS, review)
    assert answer.code == 201, answer
    assert not answer.body["status"]["incomplete"], answer
    return {_rule(rule) for rule in answer.body["status"]["resourceRules"]}


@cache
def _built(plane: ControlPlane, mode: str) -> str:
    """Build the overlay of a mode with a name that stands for the site's."""
    key = f"tidegate-key-{_SITE}"
    own_key = [{"op": "replace", "path": "/rules/2/resourceNames/0", "value": key}]
    patch = {"target": {"kind": "Role"}, "patch": yaml.safe_dump(own_key)}
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder).resolve()
        kustomization = {
            "resources": [os.path.relpath(DEPLOY / mode, overlay)],
            "namespace": f"{_SITE}-system",
            "nameSuffix": f"-{_SITE}",
            "patches": [patch] if mode != "observe" else [],  # it makes no digests
        }
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return plane.kubectl("kustomize", str(overlay))


def _rule(rule: dict[str, Any]) -> Rule:
    fields = ("apiGroups", "resources", "resourceNames", "verbs")
    groups, resources, names, verbs = (tuple(sorted(rule.get(name, ()))) for name in fields)
    return groups, resources, names, verbs


def _await_rules(client: Client, namespace: str, wanted: set[Rule]) -> None:
    """Ask until the server knows them: its authorizer learns of Roles a moment after they came."""
    pause = threading.Event()
    for _ in range(1000):
        if wanted <= (held := rules_held(client, namespace)):
            return
        pause.wait(0.02)
    raise AssertionError(f"the server does not go by {wanted - held}")
