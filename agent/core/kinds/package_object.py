"""A declared package → the `Package` object that stands for it in the cluster.

Never carries what only live objects may say: a hold set in the cluster stays the cluster's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.core import words
from agent.core.identity import owner, package_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.core.values import Manifest, Package

LIVE_ONLY: Final = frozenset(
    {
        words.SUSPEND,
        words.SUSPEND_REASON,
        words.SUSPEND_UNTIL,
        words.SUSPEND_BY,
        words.SYNC_REQUESTED_AT,
    }
)
"""What Git says under these names is judged in Git; live they belong to whoever set them."""


def package_object(
    package: Package, labels: Mapping[str, str], instance: str, cluster: str
) -> Manifest:
    """Return the manifest to apply: the spec as declared, the labels that were let in.

    The same declaration gives the same manifest, whatever the commit and the line it stands in.
    """
    annotations = {key: value for key, value in package.annotations.items() if key not in LIVE_ONLY}
    return {
        "apiVersion": words.API_VERSION,
        "kind": "Package",
        "metadata": {
            "name": package.name.name,
            "namespace": package.name.namespace,
            "labels": {**labels, words.PACKAGE: package_label(instance, cluster, package.name)},
            "annotations": {**annotations, words.OWNER: owner(instance, cluster, package.name)},
        },
        "spec": package.spec,
    }
