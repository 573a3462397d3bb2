"""Writes inventories so that two agents never overwrite each other; never decides what is in one.

Every write is conditional on the version last seen. One of which nobody knows what became of it is
looked for before the next: if it is what is there, it landed; anything else is another agent's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from agent.core.errors import ClusterError
from agent.core.inventory import content, encode, head_name
from agent.edges.kube import memory, verbs
from agent.edges.kube.memory import Written
from agent.edges.kube.refusal import CONFLICT, NOT_FOUND, is_gone, is_taken
from agent.edges.kube.seam import Response
from agent.edges.kube.sending import Barred, Lost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.core.identity import Home
    from agent.core.inventory import Damaged
    from agent.core.values import Inventory, Manifest, PackageName
    from agent.edges.kube.seam import Transport
    from agent.edges.kube.sending import Sender, Sent


class Notebook:
    """What was last written of each package, and the way to write the next."""

    def __init__(self, transport: Transport, sender: Sender, home: Home) -> None:
        self._transport = transport
        self._sender = sender
        self._home = home
        self._written: dict[PackageName, Written] = {}
        self._doubtful: dict[PackageName, frozenset[str]] = {}
        """Digests of the writes of a package of which it is not known whether they landed."""

    def load_all(self) -> Mapping[PackageName, Inventory | Damaged]:
        """Read everything that is remembered.

        Raises:
            ClusterError: it can't be read.
        """
        loaded = memory.load_all(self._transport, self._home)
        self._written = {package: each.written for package, each in loaded.items()}
        self._doubtful = {}
        return {package: each.inventory for package, each in loaded.items()}

    def load(self, package: PackageName) -> Inventory | Damaged | None:
        """Read one package's inventory again, as after a conflict.

        Raises:
            ClusterError: it can't be read.
        """
        self._doubtful.pop(package, None)
        loaded = memory.load(self._transport, self._home, package)
        if loaded is None:
            self._written.pop(package, None)
            return None
        self._written[package] = loaded.written
        return loaded.inventory

    def remember(self, inventory: Inventory) -> Sent | None:
        """Write an inventory; None when it is there already.

        Parts come first and the head last, so a write that is cut short changes nothing.
        """
        package = inventory.package
        if why := self._look_for_doubtful(package):
            return Barred(why)
        known = self._written.get(package, Written())
        *parts, head = encode(inventory, self._home, known.generation + 1)
        if known.version and known.digest == content(head):
            return None
        for part in parts:
            if part["metadata"]["name"] not in known.parts:
                sent = self._create(package, part)
                if not _is_there(sent):
                    return sent
                known = _with_part(known, part, sent)
                self._written[package] = known
        sent = self._write_head(package, head, known)
        if isinstance(sent, Lost):
            self._doubtful[package] = self._doubtful.get(package, frozenset()) | {content(head)}
        if isinstance(sent, Response) and is_taken(sent):
            self._doubtful.pop(package, None)
            current = _with_head(known, sent, content(head))
            self._written[package] = self._without_surplus(package, current, parts)
        return sent

    def forget(self, package: PackageName) -> Sent | None:
        """Delete a package's inventory, the head first; None when none is known."""
        if why := self._look_for_doubtful(package):
            return Barred(why)
        known = self._written.get(package)
        if known is None:
            return None
        head = head_name(self._home, package)
        sent = self._delete(package, head, known.uid, known.version)
        if isinstance(sent, Response) and (is_taken(sent) or is_gone(sent, head)):
            self._without_surplus(package, known, [])
            del self._written[package]
        return sent

    def _look_for_doubtful(self, package: PackageName) -> str:
        """Take what is there for ours if we may have written it; says why nobody can tell."""
        doubtful = self._doubtful.get(package)
        if not doubtful:
            return ""
        try:
            loaded = memory.load(self._transport, self._home, package)
        except ClusterError as error:
            return f"nobody knows whether the last write of it landed: {error}"
        if loaded is not None and loaded.written.digest in doubtful:
            self._written[package] = loaded.written
        return ""

    def _write_head(self, package: PackageName, head: Manifest, known: Written) -> Sent:
        if not known.version:
            return self._create(package, head)
        metadata = {**head["metadata"], "resourceVersion": known.version}
        collection = verbs.config_maps(self._home.namespace)
        request = verbs.update(
            verbs.one(collection, metadata["name"]), {**head, "metadata": metadata}
        )
        sent = self._sender.send("remember", request, package=str(package))
        if isinstance(sent, Response) and sent.status == NOT_FOUND:
            # Somebody deleted it: what is in memory is now all there is.
            return self._create(package, head)
        return sent

    def _create(self, package: PackageName, part: Manifest) -> Sent:
        request = verbs.create(verbs.config_maps(self._home.namespace), part)
        return self._sender.send("remember", request, package=str(package))

    def _delete(self, package: PackageName, name: str, uid: str, version: str) -> Sent:
        path = verbs.one(verbs.config_maps(self._home.namespace), name)
        return self._sender.send("remember", verbs.delete(path, uid, version), package=str(package))

    def _without_surplus(
        self, package: PackageName, written: Written, parts: list[Manifest]
    ) -> Written:
        """Delete parts that the new head does not name; what fails is tried with the next write."""
        named = {part["metadata"]["name"] for part in parts}
        kept = dict(written.parts)
        for name, (uid, version) in written.parts.items():
            if name not in named:
                sent = self._delete(package, name, uid, version)
                if isinstance(sent, Response):
                    del kept[name]
        return replace(written, parts=kept)


def _is_there(sent: Sent) -> bool:
    """A part is named by its content: one that exists already is the one we wanted."""
    return isinstance(sent, Response) and (is_taken(sent) or sent.status == CONFLICT)


def _with_part(known: Written, part: Manifest, sent: Sent) -> Written:
    """Note a part; of one that was there before only the next load knows the version."""
    if not (isinstance(sent, Response) and is_taken(sent)):
        return known
    metadata = orjson.loads(sent.body)["metadata"]
    written = (metadata["uid"], metadata["resourceVersion"])
    return replace(known, parts={**known.parts, part["metadata"]["name"]: written})


def _with_head(known: Written, sent: Response, digest: str) -> Written:
    metadata = orjson.loads(sent.body)["metadata"]
    return Written(
        metadata["uid"],
        metadata["resourceVersion"],
        known.generation + 1,
        digest,
        known.parts,
    )
