"""Makes what the agent needs before it can work: its namespace and the Package CRD.

Never insists: where it is not allowed to, it says which permission or file is missing.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from agent.core import words
from agent.core.encode import digest
from agent.core.errors import ClusterError
from agent.core.reading import items, mapping, text, texts
from agent.edges.kube import memory, verbs
from agent.edges.kube.refusal import CONFLICT, is_taken, rejected
from agent.edges.kube.seam import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.core.identity import Home
    from agent.core.values import Manifest
    from agent.edges.kube.seam import Transport
    from agent.edges.kube.sending import Sender, Sent

CONTENT: Final = f"{words.GROUP}/crd-digest"
MADE_BY: Final = f"{words.GROUP}/crd-version"
PAUSES: Final = (0.05, 0.05, 0.1, 0.1, 0.2, *(0.5,) * 19)
"""Seconds between looks at the CRD before giving up: one server needs a tenth of one, and several
that share their etcd wait 5 s for each other (apiextensions-apiserver: `EstablishingController`).
"""


class Groundwork:
    """The first writes of a run."""

    def __init__(
        self,
        transport: Transport,
        sender: Sender,
        home: Home,
        redact: Callable[[str], str],
        version: str,
    ) -> None:
        """Take a sender that no lease fences: the lease lives in the namespace made here.

        `version` is the agent's own: an older agent leaves a newer one's CRD as it is.
        """
        self._version = version
        self._transport = transport
        self._sender = sender
        self._home = home
        self._redact = redact

    def ensure_namespace(self) -> str:
        """Create the agent's namespace where it is missing.

        Returns:
            What is missing and what to do, or an empty string.
        """
        name = self._home.namespace
        try:
            if memory.get(self._transport, verbs.one(verbs.NAMESPACES, name)) is not None:
                return ""
        except ClusterError:
            # Not allowed to look: creating it tells.
            pass
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        sent = self._sender.send("tell", verbs.create(verbs.NAMESPACES, manifest))
        if isinstance(sent, Response) and (is_taken(sent) or sent.status == CONFLICT):
            return ""
        return (
            f"namespace {name} could not be created ({self._why(sent)}): create it, or apply"
            " deploy/, or allow `create` on `namespaces`"
        )

    def ensure_key(self, fresh: bytes) -> tuple[bytes, str]:
        """Read this installation's key, or make it from `fresh` bytes where there is none.

        Returns:
            The key and an empty string, or nothing and what is missing.
        """
        name = memory.key_name(self._home)
        try:
            known = memory.read_key(self._transport, self._home)
        except ClusterError as error:
            return b"", f"Secret {name} can't be read: {error}; apply deploy/"
        if known:
            return known, ""
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self._home.namespace},
            "data": {memory.KEY: base64.b64encode(fresh).decode()},
        }
        collection = verbs.secrets(self._home.namespace)
        sent = self._sender.send("tell", verbs.create(collection, manifest))
        if isinstance(sent, Response) and is_taken(sent):
            return fresh, ""
        if isinstance(sent, Response) and sent.status == CONFLICT:
            return memory.read_key(self._transport, self._home), ""
        return b"", (
            f"Secret {name} could not be created ({self._why(sent)}): apply deploy/, or allow"
            " `get` and `create` on `secrets` in the agent's namespace"
        )

    def ensure_crd(self, manifest: Manifest, wait: Callable[[float], object]) -> str:
        """Apply the Package CRD and wait until the server serves it; `wait` takes seconds.

        Returns:
            What is missing and what to do, or an empty string.
        """
        path = verbs.one(verbs.CRDS, manifest["metadata"]["name"])
        marked = _marked(manifest, self._version)
        if self._is_served() and self._is_new_enough(path, marked):
            return ""
        sent = self._sender.send("tell", verbs.apply(path, marked))
        if not (isinstance(sent, Response) and is_taken(sent)):
            if self._is_served():
                return ""
            return (
                f"the CRD {manifest['metadata']['name']} is missing and could not be applied"
                f" ({self._why(sent)}): apply the CRD in deploy/, or allow `create` and `patch` on"
                " `customresourcedefinitions`"
            )
        for pause in PAUSES:
            if self._is_established(path) and self._is_served():
                return ""
            wait(pause)
        return f"the CRD {manifest['metadata']['name']} was applied, but is not served yet"

    def _is_new_enough(self, path: str, marked: Manifest) -> bool:
        """Whether the CRD is the one we would apply, or a newer agent's."""
        try:
            found = mapping(mapping(memory.get(self._transport, path)).get("metadata"))
        except ClusterError:
            return False
        theirs = texts(found.get("annotations"))
        ours = marked["metadata"]["annotations"]
        same = theirs.get(CONTENT) == ours[CONTENT]
        return same or _number(theirs.get(MADE_BY, "")) > _number(self._version)

    def _is_established(self, path: str) -> bool:
        found: Any = memory.get(self._transport, path)
        conditions = items(mapping(mapping(found).get("status")).get("conditions"))
        return any(
            condition.get("type") == "Established" and condition.get("status") == "True"
            for condition in conditions
        )

    def _is_served(self) -> bool:
        try:
            found = memory.get(self._transport, verbs.OURS)
        except ClusterError:
            return False
        kinds = (text(kind.get("kind")) for kind in items(mapping(found).get("resources")))
        return "Package" in kinds

    def _why(self, sent: Sent) -> str:
        if isinstance(sent, Response):
            says = rejected(sent, self._redact)
            return f"{says.code} {says.reason}: {says.message}"
        return self._redact(sent.why)


def _marked(manifest: Manifest, version: str) -> Manifest:
    """Return the CRD with annotations that tell a later run whether to apply its own."""
    metadata = manifest["metadata"]
    annotations = {
        **(metadata.get("annotations") or {}),
        CONTENT: digest(manifest),
        MADE_BY: version,
    }
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _number(version: str) -> tuple[int, ...]:
    """Return a release number to compare; nothing for what is none."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


class NoFence:
    """The fence of writes that come before any lease."""

    def holds(self) -> bool:
        """Never stop."""
        return True
