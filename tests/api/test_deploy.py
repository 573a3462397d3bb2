"""What `deploy/` installs: a real API server takes it, and RBAC lets the agent do that much."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from agent import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from control_plane.server import ControlPlane

pytestmark = pytest.mark.real

DEPLOY = Path(__file__).parents[2] / "deploy"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
ELSEWHERE = "default"

Right = tuple[str, str]
"""Verb and `resource.group`, with `/subresource` where one is meant."""

OWN = {
    ("create", "configmaps"),
    ("update", "configmaps"),
    ("patch", "configmaps"),
    ("delete", "configmaps"),
    ("create", "leases.coordination.k8s.io"),
    ("update", "leases.coordination.k8s.io"),
}
"""What it does in its own namespace."""
TELLING = {
    ("patch", "packages.tidegate.io"),
    ("create", "packages.tidegate.io"),
    ("delete", "packages.tidegate.io"),
    ("patch", "packages.tidegate.io/status"),
    ("create", "events.events.k8s.io"),
}
LOOKING = {
    ("watch", "packages.tidegate.io"),
    ("watch", "namespaces"),
    ("watch", "horizontalpodautoscalers.autoscaling"),
    ("watch", "customresourcedefinitions.apiextensions.k8s.io"),
}
READING = {("list", "secrets"), ("watch", "deployments.apps"), ("get", "widgets.example.com")}
MANAGING = {
    ("patch", "deployments.apps"),
    ("create", "widgets.example.com"),
    ("delete", "jobs.batch"),
    ("patch", "namespaces"),
    ("escalate", "clusterroles.rbac.authorization.k8s.io"),
}
NEVER = {
    ("impersonate", "serviceaccounts"),
    ("impersonate", "users"),
    ("deletecollection", "secrets"),
    ("update", "deployments.apps"),
}
"""What no mode needs in a namespace that is not the agent's."""


@dataclass(frozen=True)
class Installed:
    """One mode, applied under names of its own beside those of other tests."""

    plane: ControlPlane
    namespace: str
    manifests: list[dict[str, Any]]

    def may(self, rights: set[Right], namespace: str = ELSEWHERE) -> set[Right]:
        """Return those of the rights that the agent's ServiceAccount has."""
        return {right for right in rights if self._has(*right, namespace)}

    def of_kind(self, kind: str) -> dict[str, Any]:
        """Return the one manifest of a kind."""
        (found,) = (each for each in self.manifests if each["kind"] == kind)
        return found

    def _has(self, verb: str, resource: str, namespace: str) -> bool:
        resource, _, subresource = resource.partition("/")
        plural, _, group = resource.partition(".")
        name = self.of_kind("ServiceAccount")["metadata"]["name"]
        attributes = {
            "verb": verb,
            "group": group,
            "resource": plural,
            "subresource": subresource,
            "namespace": namespace,
        }
        spec = {
            "user": f"system:serviceaccount:{self.namespace}:{name}",
            "resourceAttributes": attributes,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": spec,
        }
        answer = self.plane.client().request("POST", REVIEWS, review)
        assert answer.code == 201, answer.body
        return bool(answer.body["status"]["allowed"])


@pytest.fixture
def install(
    control_plane: ControlPlane, kubectl: Callable[..., str], tmp_path: Path
) -> Callable[[str], Installed]:
    """Apply `deploy/<mode>` as people do, in a namespace and under names of its own."""

    def applied(mode: str) -> Installed:
        name = f"deploy-{secrets.token_hex(4)}"
        overlay = {
            "resources": [os.path.relpath(DEPLOY / mode, tmp_path.resolve())],
            "namespace": name,
            "namePrefix": f"{name}-",
        }
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        # The CRD is shared with whoever else applies it to this server now.
        flags = ("--server-side", "--force-conflicts", f"--field-manager={name}")
        kubectl("apply", *flags, "-k", str(tmp_path))
        built = kubectl("kustomize", str(tmp_path))
        return Installed(control_plane, name, list(yaml.safe_load_all(built)))

    return applied


def test_cluster_mode_manages_and_no_more(install: Callable[[str], Installed]) -> None:
    """It may do to any kind what a sync does, and act as nobody else."""
    agent = install("cluster")
    rights = TELLING | LOOKING | READING | MANAGING
    assert agent.may(rights | NEVER) == rights
    assert agent.may(OWN, agent.namespace) == OWN


def test_observe_mode_changes_nothing(install: Callable[[str], Installed]) -> None:
    """It may read everything and write nothing, not even in its own namespace."""
    agent = install("observe")
    writes = TELLING | MANAGING | NEVER
    assert agent.may(LOOKING | READING | writes) == LOOKING | READING
    assert agent.may(OWN, agent.namespace) == set()
    assert agent.may({("get", "configmaps"), ("list", "configmaps")}, agent.namespace)


def test_impersonate_mode_writes_its_own_only(install: Callable[[str], Installed]) -> None:
    """It may read everything, write its Packages, and act as nobody who did not agree."""
    agent = install("impersonate")
    rights = TELLING | LOOKING | READING
    assert agent.may(rights | MANAGING | NEVER) == rights
    assert agent.may(OWN, agent.namespace) == OWN


def test_base_manages_nothing(install: Callable[[str], Installed]) -> None:
    """Without a mode it sees no Secret and no workload."""
    agent = install("base")
    rights = TELLING | LOOKING
    assert agent.may(rights | READING | MANAGING | NEVER) == rights


def test_memory_is_its_own_namespace_s(install: Callable[[str], Installed]) -> None:
    """ConfigMaps and Leases elsewhere are none of its business."""
    assert install("base").may(OWN | {("list", "configmaps")}) == set()


def test_tenant_lets_the_agent_act_as_one_account(
    control_plane: ControlPlane,
    install: Callable[[str], Installed],
    namespace: str,
    kubectl: Callable[..., str],
) -> None:
    """With tenant.yaml in a namespace the agent writes there as `deployer`, as nobody else."""
    agent = install("impersonate")
    account = agent.of_kind("ServiceAccount")["metadata"]["name"]
    tenant = list(yaml.safe_load_all((DEPLOY / "impersonate" / "tenant.yaml").read_text()))
    tenant[-1]["subjects"] = [
        {"kind": "ServiceAccount", "name": account, "namespace": agent.namespace}
    ]
    kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(tenant))
    token = kubectl("create", "token", account, "-n", agent.namespace).strip()
    config = control_plane.kubeconfig(token=token)
    answers = [
        control_plane.run_kubectl(
            "create", "configmap", "a", "-n", namespace, "--as", user, kubeconfig=config
        ).returncode
        for user in (
            f"system:serviceaccount:{namespace}:deployer",
            f"system:serviceaccount:{namespace}:default",
        )
    ]
    assert answers == [0, 1]


def test_roles_in_packages_may_grant_what_the_agent_may_not(
    control_plane: ControlPlane, install: Callable[[str], Installed], kubectl: Callable[..., str]
) -> None:
    """An operator's ClusterRole with verbs beyond the agent's own is applied in cluster mode."""
    agent = install("cluster")
    account = agent.of_kind("ServiceAccount")["metadata"]["name"]
    token = kubectl("create", "token", account, "-n", agent.namespace).strip()
    name = f"{agent.namespace}-operator"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["deletecollection"]}],
    }
    path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}"
    assert control_plane.client(token=token).apply(path, role).code == 201


def test_pod_is_restricted(
    control_plane: ControlPlane, install: Callable[[str], Installed]
) -> None:
    """The namespace enforces the strictest Pod Security Standard, and the agent's pod passes it."""
    agent = install("cluster")
    template = agent.of_kind("Deployment")["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }
    pods = f"/api/v1/namespaces/{agent.namespace}/pods?dryRun=All"
    careless = {**pod, "spec": {**pod["spec"], "hostNetwork": True}}
    client = control_plane.client()
    codes = [client.request("POST", pods, each).code for each in (pod, careless)]
    assert codes == [201, 403]


def test_image_is_of_this_version(install: Callable[[str], Installed]) -> None:
    """The manifests of a checkout run that checkout's version."""
    (container,) = install("base").of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"tidegate:{__version__}"
