"""Reads what the agent remembers in the cluster: inventories and its own state; never writes."""

from __future__ import annotations

import base64
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core import words
from agent.core.identity import package_label, parse_owner
from agent.core.inventory import INVENTORY_LABEL, Damaged, content, decode, generation
from agent.core.reading import mapping, text, texts
from agent.edges.kube import verbs
from agent.edges.kube.failures import RefusedError
from agent.edges.kube.refusal import NOT_FOUND
from agent.edges.kube.seam import Request
from agent.edges.kube.status import rejection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.core.identity import Home
    from agent.core.values import Inventory, Manifest, PackageName
    from agent.edges.kube.seam import Transport

KEY: Final = "key"
PAGE: Final = "50"
"""ConfigMaps in one answer: at worst 60 MB of JSON."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is known of a package's ConfigMaps: what the next write is conditional on."""

    uid: str = ""
    version: str = ""
    """uid and resourceVersion of the head; empty while there is none."""
    generation: int = 0
    digest: str = ""
    """Of the inventory in it; empty where it can't be read."""
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name of every further part → its uid and resourceVersion."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one package's ConfigMaps say, and what they are."""

    inventory: Inventory | Damaged
    written: Written


def load_all(transport: Transport, home: Home) -> dict[PackageName, Loaded]:
    """Read all inventories of this instance on this cluster.

    Raises:
        ClusterError: they can't be read; nothing may be concluded from that.
    """
    grouped: defaultdict[PackageName, list[Manifest]] = defaultdict(list)
    for found in _list(transport, home, f"{INVENTORY_LABEL}={home.instance}"):
        owner = parse_owner(_annotation(found, words.OWNER))
        if owner and (owner.instance, owner.cluster) == (home.instance, home.cluster):
            grouped[owner.package].append(found)
    return {package: _loaded(parts) for package, parts in grouped.items()}


def load(transport: Transport, home: Home, package: PackageName) -> Loaded | None:
    """Read one package's inventory; None if there is none.

    Raises:
        ClusterError: it can't be read.
    """
    label = package_label(home.instance, home.cluster, package)
    selector = f"{INVENTORY_LABEL}={home.instance},{words.PACKAGE}={label}"
    parts = list(_list(transport, home, selector))
    return _loaded(parts) if parts else None


def read_state(transport: Transport, home: Home) -> dict[str, str]:
    """Read what this instance keeps beside the inventories; empty if nothing yet.

    Raises:
        ClusterError: it can't be read.
    """
    return read_states(transport, home.namespace).get(home.instance, {})


def read_states(transport: Transport, namespace: str) -> dict[str, dict[str, str]]:
    """Read the state of every instance that lives in a namespace.

    Raises:
        ClusterError: it can't be read.
    """
    path = verbs.one(verbs.config_maps(namespace), words.STATE)
    data = texts(mapping(get(transport, path)).get("data"))
    return {instance: texts(orjson.loads(state)) for instance, state in data.items()}


def key_name(home: Home) -> str:
    """Name the Secret that holds the key of an instance."""
    return f"{words.KEY_PREFIX}{home.instance}"


def read_key(transport: Transport, home: Home) -> bytes:
    """Read the key under which digests of Secrets are kept; empty if there is none yet.

    Raises:
        ClusterError: it can't be read.
    """
    path = verbs.one(verbs.secrets(home.namespace), key_name(home))
    data = texts(mapping(get(transport, path)).get("data"))
    return base64.b64decode(data.get(KEY, ""))


def get(transport: Transport, path: str, query: tuple[tuple[str, str], ...] = ()) -> Any:
    """Read an object or a list; None if there is none.

    Raises:
        RefusedError: the server did not give it.
        ClusterError: no answer came.
    """
    response = transport.send(Request("GET", path, query))
    if response.status == NOT_FOUND:
        return None
    if response.status != 200:  # noqa: PLR2004 - the code's own name
        says = rejection(response)
        raise RefusedError(
            f"GET {path} was answered with {says.code} {says.reason}: {says.message}; `tidegate"
            " check` names the permission that is missing, if one is",
            says,
        )
    return orjson.loads(response.body)


def _list(transport: Transport, home: Home, selector: str) -> Iterator[Manifest]:
    path, proceed = verbs.config_maps(home.namespace), ""
    while True:
        query = (("labelSelector", selector), ("limit", PAGE))
        page = get(transport, path, (*query, ("continue", proceed)) if proceed else query)
        if page is None:
            return
        yield from page["items"]
        proceed = text(mapping(page["metadata"]).get("continue"))
        if not proceed:
            return


def _loaded(parts: list[Manifest]) -> Loaded:
    inventory = decode(parts)
    head = next((part for part in parts if part["metadata"]["name"].endswith("-0")), None)
    others = {
        part["metadata"]["name"]: (part["metadata"]["uid"], part["metadata"]["resourceVersion"])
        for part in parts
        if part is not head
    }
    if head is None:
        return Loaded(inventory, Written(parts=others))
    known = "" if isinstance(inventory, Damaged) else content(head)
    uid, version = head["metadata"]["uid"], head["metadata"]["resourceVersion"]
    return Loaded(inventory, Written(uid, version, generation(head), known, others))


def _annotation(manifest: Manifest, name: str) -> str:
    return text(mapping(manifest["metadata"].get("annotations")).get(name))
