"""Lets volumes and claims go that nothing uses; never binds one: there is no storage behind them.

Rules: "Storage Object in Use Protection" (kubernetes.io).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.sandbox.controllers.pods import PODS, is_over
from agent.sandbox.controllers.site import is_leaving, without_finalizer

if TYPE_CHECKING:
    from agent.sandbox.controllers.site import Site
    from agent.sandbox.store import Stored

_CLAIMS: Final = "persistentvolumeclaims"
_VOLUMES: Final = "persistentvolumes"
_PROTECTION: Final = {
    _CLAIMS: "kubernetes.io/pvc-protection",
    _VOLUMES: "kubernetes.io/pv-protection",
}


def step(site: Site) -> None:
    """Take the protection from what leaves and is not in use."""
    for resource, finalizer in _PROTECTION.items():
        for stored in site.all(resource):
            finalizers = stored.object["metadata"].get("finalizers") or ()
            if is_leaving(stored) and finalizer in finalizers and not _is_used(site, stored):
                without_finalizer(site, resource, stored, finalizer)


def _is_used(site: Site, stored: Stored) -> bool:
    """Whether a Pod that has not ended mounts the claim; volumes are never bound here."""
    namespace, name = stored.place
    return any(
        (volume.get("persistentVolumeClaim") or {}).get("claimName") == name
        for pod in site.world.store.all(PODS, namespace)
        if namespace and not is_over(pod)
        for volume in pod.object["spec"].get("volumes") or ()
    )
