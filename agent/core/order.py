"""What is applied before what: stages that wait for each other, and phases that only sort.

Never waits and never looks at health; it tells whoever writes where the barriers are.

Two objects are separated by a barrier where one can't work before the other does: definitions
before custom resources, Namespaces before what lives in them, and webhooks and APIServices after
the workloads behind them (a webhook without its Pods refuses everything). Elsewhere Kubernetes
itself retries, so the phase of a kind only decides whose request is sent first.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from agent.core.scopes import is_built_in
from agent.core.values import GroupKind, Key

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST: Final = -100_000
"""The wave of CustomResourceDefinitions and Namespaces: before all others."""

_RBAC: Final = "rbac.authorization.k8s.io"
_STORAGE: Final = "storage.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"

_PHASES: Final[tuple[tuple[tuple[str, str], ...], ...]] = (
    (("apiextensions.k8s.io", "CustomResourceDefinition"),),
    (("", "Namespace"),),
    (
        ("scheduling.k8s.io", "PriorityClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("networking.k8s.io", "IngressClass"),
        (_STORAGE, "CSIDriver"),
        (_STORAGE, "StorageClass"),
        (_STORAGE, "VolumeAttributesClass"),
        ("resource.k8s.io", "DeviceClass"),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ),
    (("", "ResourceQuota"), ("", "LimitRange"), ("networking.k8s.io", "NetworkPolicy")),
    ((_RBAC, "ClusterRole"), (_RBAC, "Role")),
    (("", "ServiceAccount"),),
    ((_RBAC, "ClusterRoleBinding"), (_RBAC, "RoleBinding")),
    (("", "ConfigMap"), ("", "Secret")),
    (("", "PersistentVolume"),),
    (("", "PersistentVolumeClaim"), ("", "Service"), ("", "Endpoints")),
)
_LAST: Final = frozenset(
    {
        (_ADMISSION, "MutatingAdmissionPolicy"),
        (_ADMISSION, "MutatingAdmissionPolicyBinding"),
        (_ADMISSION, "MutatingWebhookConfiguration"),
        (_ADMISSION, "ValidatingAdmissionPolicy"),
        (_ADMISSION, "ValidatingAdmissionPolicyBinding"),
        (_ADMISSION, "ValidatingWebhookConfiguration"),
        ("apiregistration.k8s.io", "APIService"),
    }
)
_PHASE_OF: Final = {
    GroupKind(*kind): phase for phase, kinds in enumerate(_PHASES) for kind in kinds
}
_WORKLOADS: Final = len(_PHASES)
_CUSTOM: Final = _WORKLOADS + 1
_GUARDS: Final = _CUSTOM + 1
_STAGES: Final = {0: 0, _PHASE_OF[GroupKind("", "Namespace")]: 1, _GUARDS: 3}


class Placed(Protocol):
    """What can be put in order: a desired object, a step of a plan."""

    @property
    def key(self) -> Key:
        """The object."""

    @property
    def wave(self) -> int:
        """Its wave."""


PlacedT = TypeVar("PlacedT", bound=Placed)


class Place(NamedTuple):
    """Where an object stands; lower comes first, and a barrier lies between two places."""

    wave: int
    stage: int


def is_first(kind: GroupKind) -> bool:
    """Whether a kind comes before everything else, whatever wave it names."""
    return _PHASE_OF.get(kind, _CUSTOM) <= _PHASE_OF[GroupKind("", "Namespace")]


def phase(key: Key) -> int:
    """Give the rank of a kind among those applied together: sorts, and never waits."""
    return _phase(key.group, key.kind)


@lru_cache(maxsize=1024)
def _phase(group: str, kind: str) -> int:
    if (group, kind) in _LAST:
        return _GUARDS
    rest = _WORKLOADS if is_built_in(group) else _CUSTOM
    return _PHASE_OF.get(GroupKind(group, kind), rest)


def stage(key: Key) -> int:
    """Give the step within a wave: 0 definitions, 1 Namespaces, 2 the rest, 3 guards."""
    return _STAGES.get(phase(key), 2)


def place(item: Placed) -> Place:
    """Give the group an object is applied with: its wave, then its stage."""
    return Place(FIRST if stage(item.key) <= 1 else item.wave, stage(item.key))


def ordered(items: Iterable[PlacedT]) -> tuple[PlacedT, ...]:
    """Sort by place, phase and name; the order of the input is irrelevant."""
    return tuple(sorted(items, key=lambda item: (place(item), phase(item.key), item.key)))


def waves(items: Iterable[PlacedT]) -> tuple[tuple[PlacedT, ...], ...]:
    """Group for applying: the next group waits until the one before is healthy."""
    return tuple(tuple(group) for _, group in groupby(ordered(items), key=place))


def teardown(items: Iterable[PlacedT]) -> tuple[tuple[PlacedT, ...], ...]:
    """Group for deletion: the next group waits until the one before is gone.

    The reverse of `waves`, and custom resources before the workloads: their finalizers need the
    operator that a package may hold beside them.
    """
    backwards = sorted(items, key=lambda item: (_fall(item), phase(item.key), item.key))
    groups = [tuple(group) for _, group in groupby(reversed(backwards), key=_fall)]
    return tuple(groups)


def _fall(item: Placed) -> tuple[Place, bool]:
    return place(item), phase(item.key) == _CUSTOM
