"""A Secret's value goes to the API server, and nowhere else."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from e2e.manifests import config_map, objects_of, package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from control_plane.client import Object
    from e2e.agent_process import Ended, Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]

CANARY = "canary-5up3rs3cr3t-canary"
ENCODED = base64.b64encode(CANARY.encode()).decode()


def secret(name: str, **fields: Any) -> dict[str, Any]:
    """Give a Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields}


def told(site: Site, *runs: Ended) -> Iterator[str]:
    """Give all that the agent wrote anywhere: streams, Git, Packages, events, its own memory."""
    for run in runs:
        yield from (run.stdout, run.stderr)
    yield site.repository.git("log", "--patch", "--format=%B", site.status_branch)
    for resource in ("tidegate.io/v1alpha1/packages", "events.k8s.io/v1/events"):
        yield json.dumps(site.client.get(site.path(resource)).body)
    for kept in site.client.get(site.path("configmaps", "", site.home)).body["items"]:
        yield json.dumps(kept)
        yield from unpacked(kept)


def unpacked(kept: Object) -> Iterator[str]:
    """Give what is packed in an inventory."""
    for packed in kept.get("binaryData", {}).values():
        yield gzip.decompress(base64.b64decode(packed)).decode()


@pytest.mark.parametrize(
    "rejected",
    [
        secret("s", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": ENCODED}),
        secret("s", type="kubernetes.io/tls", stringData={"tls.crt": CANARY}),
        secret("s", data={"key": CANARY}),
        secret("s", stringData={"key": [CANARY]}),
        secret("s", stringDatum={"key": CANARY}),
    ],
    ids=["no-json", "no-key", "no-base64", "no-text", "no-field"],
)
def test_a_canary_in_a_rejected_secret_appears_nowhere(
    site: Site, rejected: dict[str, Any]
) -> None:
    """The server refuses a Secret and quotes it; nobody else is told its value."""
    site.commit(package(site.namespace, objects={"s": rejected, "a": config_map("a")}))
    ended = site.sync(expect=3, timeout="4s")
    everything = "\n".join(told(site, ended))
    assert f"{site.namespace}/web" in everything
    assert CANARY not in everything
    assert ENCODED not in everything


def test_a_canary_in_an_edited_secret_appears_nowhere(site: Site) -> None:
    """Applied, edited live and changed in Git: neither value is told."""
    site.commit(package(site.namespace, objects={"s": secret("s", data={"key": ENCODED})}))
    first = site.sync()
    other = base64.b64encode(f"{CANARY}-live".encode()).decode()
    site.patch("secrets", "s", {"data": {"key": other}})
    held = {"tidegate.io/suspend": "true"}
    site.commit(package(site.namespace, annotations=held))
    second = site.sync(expect=6)
    newer = secret("s", data={"key": base64.b64encode(b"other").decode()})
    site.commit(package(site.namespace), objects_of("web", {"s": newer}))
    third = site.sync()
    everything = "\n".join(told(site, first, second, third))
    assert "Drifted" in everything
    assert CANARY not in everything
    assert ENCODED not in everything
    assert other not in everything
