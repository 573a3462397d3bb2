"""What a Secret holds is kept from words that repeat it elsewhere, and from guessing."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from e2e.command import tidegate
from e2e.manifests import config_map, package, workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.agent_process import Site

pytestmark = [pytest.mark.e2e, pytest.mark.real]

CANARY = "canary-0therw1se-h1dden"


def secret(value: str) -> dict[str, Any]:
    """Give a Secret."""
    metadata = {"name": "s"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "stringData": {"key": value},
    }


def inventories(site: Site) -> Iterator[dict[str, Any]]:
    """Give what the agent remembers, unpacked."""
    for kept in site.client.get(site.path("configmaps", "", site.home)).body["items"]:
        for packed in kept.get("binaryData", {}).values():
            yield json.loads(gzip.decompress(base64.b64decode(packed)))


def test_a_value_that_the_server_quotes_elsewhere_is_masked(site: Site) -> None:
    """A Deployment copies the value into a field that is refused: the echo is masked everywhere."""
    wrong = workload("app")
    wrong["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": CANARY + "=", "value": "x"}
    ]
    wrong["spec"]["template"]["spec"]["restartPolicy"] = CANARY
    objects = {"s": secret(CANARY), "app": wrong, "a": config_map("a")}
    site.commit(package(site.namespace, objects=objects))
    records = site.folder / "records"
    ended = site.sync("--record", str(records), expect=3, timeout="4s")
    assert site.told() == ("Failed", "ApplyFailed")
    verbs = [tidegate(site, verb, f"{site.namespace}/web") for verb in ("explain", "diff", "plan")]
    everything = [text for one in (ended, *verbs) for text in (one.stdout, one.stderr)]
    everything.append(site.repository.git("log", "--patch", "--format=%B", site.status_branch))
    everything += [json.dumps(site.status()), *map(json.dumps, inventories(site))]
    events = site.client.get(site.path("events.k8s.io/v1/events")).body["items"]
    everything += [json.dumps(one) for one in events]
    files = [path for path in records.rglob("*") if path.is_file()]
    assert files
    everything += [
        gzip.decompress(p.read_bytes()).decode(errors="replace")
        if p.suffix == ".gz"
        else p.read_text(errors="replace")
        for p in files
    ]
    assert "restartPolicy" in "\n".join(everything)
    encoded = base64.b64encode(CANARY.encode()).decode()
    assert [text for text in everything if CANARY in text or encoded in text] == []


def test_a_digest_of_a_secret_is_no_help_in_guessing(site: Site) -> None:
    """The inventory has a Secret's digest under a key of this installation alone."""
    site.commit(package(site.namespace, objects={"s": secret("1234"), "a": config_map("a")}))
    site.sync()
    (inventory,) = inventories(site)
    digests = {key[1]: entry["digest"].partition(":")[0] for key, entry in inventory["entries"]}
    assert digests == {"ConfigMap": "sha256", "Secret": "hmac"}
    key = site.get("secrets", f"tidegate-key-{site.name}", site.home)
    assert key is not None
