"""Shows in the cluster what happened: Packages, their status, their events, the agent's state.

Never reads back what it told: memory is the inventory. A problem here never stops a sync.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core import encode, words
from agent.core.live import root
from agent.core.reading import mapping
from agent.core.values import State
from agent.edges.kube import verbs
from agent.edges.kube.refusal import CONFLICT, is_gone, is_taken, rejected
from agent.edges.kube.seam import Response
from agent.edges.kube.sending import Barred, Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.core.identity import Home
    from agent.core.values import Manifest, PackageName, Root, Transition
    from agent.edges.kube.sending import Sender, Sent

STATUS_MANAGER: Final = "tidegate-status"
# A cluster with an older CRD drops what it does not know; refusing it all would tell nothing.
_VALIDATION: Final = "Warn"
_LONGEST_NOTE: Final = 1000
"""Bytes; events.k8s.io/v1 allows 1 kB."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """A Package as it was last applied; its generation shows whether anybody changed the spec."""

    digest: str
    uid: str
    generation: int


class Teller:
    """What was last told of each package, and the way to tell the next."""

    def __init__(self, sender: Sender, home: Home, redact: Callable[[str], str]) -> None:
        self._sender = sender
        self._home = home
        self._redact = redact
        self._declared: dict[PackageName, _Declared] = {}
        self._status: dict[PackageName, str] = {}
        self._state = ""

    def declare(
        self, package: PackageName, manifest: Manifest, seen: Root | None
    ) -> tuple[Root | None, str]:
        """Apply the Package object where the live one (None: absent) differs from it.

        Returns:
            The Package as it is now, and what went wrong or an empty string.
        """
        digest = encode.digest(manifest)
        if seen and (self._as_declared(package, digest, seen) or _is_equal(manifest, seen)):
            return seen, ""
        path = verbs.one(verbs.packages(package.namespace), package.name)
        request = verbs.apply(path, manifest, validation=_VALIDATION)
        sent = self._sender.send("tell", request, package=str(package))
        if not (isinstance(sent, Response) and is_taken(sent)):
            return seen, self._problem(f"Package {package} could not be applied", sent)
        now = root(orjson.loads(sent.body))
        self._declared[package] = _Declared(digest, now.uid, now.generation)
        return now, ""

    def retire(self, package: PackageName, seen: Root) -> str:
        """Delete the Package object; nothing of the cluster goes with it.

        Returns:
            What went wrong, or an empty string.
        """
        path = verbs.one(verbs.packages(package.namespace), package.name)
        request = verbs.delete(path, seen.uid)
        sent = self._sender.send("tell", request, package=str(package))
        if isinstance(sent, Response) and (is_taken(sent) or is_gone(sent, package.name)):
            self._declared.pop(package, None)
            self._status.pop(package, None)
            return ""
        return self._problem(f"Package {package} could not be deleted", sent)

    def tell(
        self,
        package: PackageName,
        seen: Root,
        status: Mapping[str, Any],
        transitions: Sequence[Transition],
    ) -> tuple[str, ...]:
        """Write the status where it differs from the one last told, and an event per transition.

        Returns:
            What went wrong, one sentence each.
        """
        problems = [self._tell_status(package, seen, status)]
        problems += (self._tell_event(package, seen, each) for each in transitions)
        return tuple(filter(None, problems))

    def recall(self, state: Mapping[str, str]) -> None:
        """Take in what `keep_state` wrote in an earlier run, so that it is not written again."""
        self._state = _spelled(state)

    def keep_state(self, state: Mapping[str, str]) -> str:
        """Write what this instance keeps beside its inventories; other instances' stays.

        Returns:
            What went wrong, or an empty string.
        """
        kept = _spelled(state)
        if kept == self._state:
            return ""
        manifest = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": words.STATE, "namespace": self._home.namespace},
            "data": {self._home.instance: kept},
        }
        path = verbs.one(verbs.config_maps(self._home.namespace), words.STATE)
        manager = f"{words.FIELD_MANAGER}-{self._home.instance}"
        sent = self._sender.send("tell", verbs.apply(path, manifest, manager=manager))
        if isinstance(sent, Response) and is_taken(sent):
            self._state = kept
        return self._problem(f"ConfigMap {words.STATE} could not be written", sent)

    def _as_declared(self, package: PackageName, digest: str, seen: Root) -> bool:
        return self._declared.get(package) == _Declared(digest, seen.uid, seen.generation)

    def _tell_status(self, package: PackageName, seen: Root, status: Mapping[str, Any]) -> str:
        digest = f"{seen.uid} {encode.digest(status)}"
        if digest in {self._status.get(package), f"{seen.uid} {seen.told}"}:
            self._status[package] = digest
            return ""
        manifest = {
            "apiVersion": words.API_VERSION,
            "kind": "Package",
            "metadata": {"name": package.name, "namespace": package.namespace},
            "status": status,
        }
        path = f"{verbs.one(verbs.packages(package.namespace), package.name)}/status"
        request = verbs.apply(path, manifest, manager=STATUS_MANAGER, validation=_VALIDATION)
        sent = self._sender.send("tell", request, package=str(package))
        if isinstance(sent, Response) and is_taken(sent):
            self._status[package] = digest
        return self._problem(f"status of Package {package} could not be written", sent)

    def _tell_event(self, package: PackageName, seen: Root, transition: Transition) -> str:
        event = self._event(package, seen, transition)
        request = verbs.create(verbs.events(package.namespace), event)
        sent = self._sender.send("event", request, package=str(package))
        if isinstance(sent, Response) and sent.status == CONFLICT:
            return ""  # told before a restart: the name is made of the transition
        return self._problem(f"event of Package {package} could not be written", sent)

    def _event(self, package: PackageName, seen: Root, transition: Transition) -> dict[str, Any]:
        about = f"{self._home.instance}/{seen.uid}/{transition.seq}/{transition.time.isoformat()}"
        name = f"{package.name}.{hashlib.sha256(about.encode()).hexdigest()[:16]}"
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": package.namespace},
            "eventTime": transition.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": f"{words.GROUP}/agent",
            "reportingInstance": self._home.instance,
            "action": "Sync",
            "reason": transition.reason,
            "type": "Warning" if transition.after == State.FAILED else "Normal",
            "note": self._note(transition),
            "regarding": {
                "apiVersion": words.API_VERSION,
                "kind": "Package",
                "namespace": package.namespace,
                "name": package.name,
                "uid": seen.uid,
            },
        }

    def _note(self, transition: Transition) -> str:
        told = [f"{transition.before or 'new'} → {transition.after}"]
        told += [f"at {transition.revision[:12]}"] if transition.revision else []
        told += [f"by {transition.actor}"] if transition.actor else []
        told += [transition.cause] if transition.cause else []
        note = self._redact(", ".join(told)).encode()[:_LONGEST_NOTE]
        return note.decode(errors="ignore")

    def _problem(self, what: str, sent: Sent) -> str:
        match sent:
            case Barred(why=why) | Lost(why=why):
                return f"{what}: {self._redact(why)}"
            case Response() if not is_taken(sent):
                says = rejected(sent, self._redact)
                return f"{what}: {says.code} {says.reason}: {says.message}"
            case _:
                return ""


def _is_equal(manifest: Manifest, seen: Root) -> bool:
    """Whether the live Package says all that ours says, and nothing of the spec beyond it."""
    metadata = mapping(manifest.get("metadata"))
    live = (seen.labels, seen.annotations)
    wanted = (mapping(metadata.get("labels")), mapping(metadata.get("annotations")))
    return manifest.get("spec", {}) == seen.spec and all(
        ours.items() <= theirs.items() for ours, theirs in zip(wanted, live, strict=True)
    )


def _spelled(state: Mapping[str, str]) -> str:
    return orjson.dumps(dict(state), option=orjson.OPT_SORT_KEYS).decode()
