"""The Package object in the cluster is what was declared, and nothing that only Git may hold."""

from agent.core.identity import package_label
from agent.core.kinds.package_object import package_object
from agent.core.values import Origin, Package, PackageName, PathSource

NAME = PackageName("shop", "payments")


def test_a_package_in_the_cluster():
    """Spec as declared, the labels that were let in, whose it is; suspensions stay in Git."""
    package = Package(
        name=NAME,
        source=PathSource("a"),
        labels={"tier": "new"},
        annotations={
            "tidegate.io/suspend": "true",
            "tidegate.io/suspend-until": "2026-11-21T06:00:00Z",
            "tidegate.io/sync-requested-at": "x",
            "example.org/note": "y",
        },
        spec={"source": {"path": "a"}},
        origin=Origin("teams/shop/p.yaml", 7, "c1", "Ada"),
    )
    assert package_object(package, {"tier": "old"}, "default", "prod-1") == {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "Package",
        "metadata": {
            "name": "payments",
            "namespace": "shop",
            "labels": {
                "tier": "old",
                "tidegate.io/package": package_label("default", "prod-1", NAME),
            },
            "annotations": {
                "example.org/note": "y",
                "tidegate.io/owner": "default/prod-1/shop/payments",
            },
        },
        "spec": {"source": {"path": "a"}},
    }
