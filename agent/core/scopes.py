"""Which kinds live in a namespace, as far as it can be known before a cluster is asked.

Never guesses from names; a kind that nobody knows is taken to be namespaced, as most are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core.reading import at, text
from agent.core.values import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.core.values import KindInfo, Manifest

CRD: Final = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
NAMESPACE: Final = GroupKind("", "Namespace")

_CLUSTER_SCOPED: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("ComponentStatus", "Namespace", "Node", "PersistentVolume"),
    "admissionregistration.k8s.io": (
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    ),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "apiregistration.k8s.io": ("APIService",),
    "authentication.k8s.io": ("SelfSubjectReview", "TokenReview"),
    "authorization.k8s.io": (
        "SelfSubjectAccessReview",
        "SelfSubjectRulesReview",
        "SubjectAccessReview",
    ),
    "certificates.k8s.io": ("CertificateSigningRequest", "ClusterTrustBundle"),
    "extensions": ("PodSecurityPolicy",),
    "flowcontrol.apiserver.k8s.io": ("FlowSchema", "PriorityLevelConfiguration"),
    "internal.apiserver.k8s.io": ("StorageVersion",),
    "networking.k8s.io": ("IPAddress", "IngressClass", "ServiceCIDR"),
    "node.k8s.io": ("RuntimeClass",),
    "policy": ("PodSecurityPolicy",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "resource.k8s.io": ("DeviceClass", "DeviceTaintRule", "ResourceSlice"),
    "scheduling.k8s.io": ("PriorityClass",),
    "storage.k8s.io": ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"),
    "storagemigration.k8s.io": ("StorageVersionMigration",),
}
_NAMESPACED_ONLY: Final = frozenset(
    {"apps", "autoscaling", "batch", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"}
)
# Custom resources that are often applied before, or without, their definition.
_CUSTOM_CLUSTER_SCOPED: Final[Mapping[str, tuple[str, ...]]] = {
    "cert-manager.io": ("ClusterIssuer",),
    "external-secrets.io": ("ClusterExternalSecret", "ClusterSecretStore"),
    "gateway.networking.k8s.io": ("GatewayClass",),
    "karpenter.sh": ("NodeClaim", "NodePool"),
    "kyverno.io": ("ClusterCleanupPolicy", "ClusterPolicy"),
    "snapshot.storage.k8s.io": ("VolumeSnapshotClass", "VolumeSnapshotContent"),
}


def is_built_in(group: str) -> bool:
    """Whether the API server itself serves the group, rather than a definition or an extension."""
    return group in _CLUSTER_SCOPED or group in _NAMESPACED_ONLY


def is_namespaced(
    kind: GroupKind, kinds: Mapping[GroupKind, KindInfo], defined: Mapping[GroupKind, bool]
) -> bool:
    """Say whether objects of a kind live in a namespace.

    Discovery knows best, then definitions beside the object (`declared_by`), then the table.
    """
    known = kinds.get(kind)
    if known is not None:
        return known.namespaced
    if kind in defined:
        return defined[kind]
    tables = (_CLUSTER_SCOPED, _CUSTOM_CLUSTER_SCOPED)
    return not any(kind.kind in table.get(kind.group, ()) for table in tables)


def declared_by(definitions: Iterable[Manifest]) -> dict[GroupKind, bool]:
    """Give the kinds that CustomResourceDefinitions define → whether they are namespaced."""
    return {
        GroupKind(text(at(each, "spec", "group")), text(at(each, "spec", "names", "kind"))): (
            at(each, "spec", "scope") != "Cluster"
        )
        for each in definitions
    }
