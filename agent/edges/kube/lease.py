"""One writer at a time: a Lease, renewed while we live, and the fence that follows from it.

Never trusts another machine's clock: another holder is dead when its Lease did not change for
its whole duration on *our* monotonic clock (as client-go's leaderelection). We stop writing
before that can be so on any other's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core import words
from agent.core.errors import ClusterError
from agent.core.reading import mapping, number, text
from agent.edges.kube import verbs
from agent.edges.kube.refusal import CONFLICT, NOT_FOUND, is_taken, status
from agent.edges.kube.seam import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from agent.core.identity import Home
    from agent.edges.kube.seam import Transport
    from agent.edges.kube.sending import Sender, Sent

DURATION: Final = 15
"""Seconds without a renewal after which another agent may take over."""
RENEW: Final = 5.0
"""Seconds between renewals: two may fail before the fence falls."""
RETRY: Final = 2.0
"""Seconds between looks at a Lease that another holds, and after a failure."""
AGAIN: Final = 0.2
"""Seconds until the Lease is read anew after a lost race."""
MARGIN: Final = 2.0
"""Seconds before the end in which no write is started any more: it has to arrive, too."""
TIMEOUT: Final = 4.0
"""Seconds for one request about the Lease: a slow one must not eat the time to try again."""


class LeaseFence:
    """Whether we may write: a deadline on the local monotonic clock."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.deadline = float("-inf")
        """Until when the Lease is surely ours, on that clock."""

    def holds(self) -> bool:
        """Whether a write that is sent now arrives while the Lease is ours."""
        return self._monotonic() < self.deadline - MARGIN

    def extend(self, deadline: float) -> None:
        """Set the deadline after a renewal."""
        self.deadline = deadline

    def drop(self) -> None:
        """Allow no further write."""
        self.deadline = float("-inf")


@dataclass(slots=True)
class _Seen:
    """The Lease as last read, and when its version was first seen on our clock."""

    version: str
    since: float
    spec: Mapping[str, Any]


class LeaseKeeper:
    """Acquires, renews and releases the Lease; somebody else calls `step` again and again."""

    def __init__(
        self,
        transport: Transport,
        sender: Sender,
        home: Home,
        identity: str,
        fence: LeaseFence,
        now: Callable[[], datetime],
    ) -> None:
        """Take a sender that is not fenced by this lease, and an identity of this process alone."""
        self._transport = transport
        self._sender = sender
        self._home = home
        self._identity = identity
        self._fence = fence
        self._now = now
        self._name = f"{words.LEASE_PREFIX}{home.instance}"
        self._path = verbs.one(verbs.leases(home.namespace), self._name)
        self._seen: _Seen | None = None
        self._doubtful = False
        """What became of our last write is not known, or the Lease changed under it."""
        self.says = "the lease was not asked for yet"
        """Who holds the Lease or why we don't, for people; empty while it is ours."""

    def step(self, monotonic: float) -> float:
        """Do what is due at that instant and return the seconds until the next step.

        The fence counts from before the request, so a slow answer never lengthens it.
        """
        try:
            if self._doubtful or not self._is_ours():
                self._look(monotonic)
        except ClusterError as error:
            self.says = str(error)
            return RETRY
        wait = self._others_time(monotonic)
        return min(wait, RETRY) if wait > 0 else self._take(monotonic)

    def release(self) -> None:
        """Give the Lease back, so that the next agent need not wait; writes end before."""
        held = self._seen if self._is_ours() else None
        self._fence.drop()
        self._seen = None
        if held is not None:
            spec = {**held.spec, "holderIdentity": "", "leaseDurationSeconds": 1}
            self._sender.send("lease", self._update(held.version, spec))

    def _is_ours(self) -> bool:
        return self._seen is not None and self._holder() == self._identity

    def _holder(self) -> str:
        return text(self._seen.spec.get("holderIdentity")) if self._seen else ""

    def _look(self, monotonic: float) -> None:
        response = self._transport.send(Request("GET", self._path, timeout=TIMEOUT))
        if response.status == NOT_FOUND:
            self._seen = None
        elif is_taken(response):
            self._note(response, monotonic)
        else:
            says = text(status(response).get("message"))
            raise ClusterError(f"Lease {self._name} can't be read ({response.status}): {says}")
        self._doubtful = False

    def _note(self, response: Response, monotonic: float) -> None:
        found = orjson.loads(response.body)
        version = found["metadata"]["resourceVersion"]
        if self._seen is None or self._seen.version != version:
            self._seen = _Seen(version, monotonic, mapping(found.get("spec")))

    def _others_time(self, monotonic: float) -> float:
        """Return the seconds for which another holder has to be believed to live."""
        if self._seen is None or self._holder() in ("", self._identity):
            return 0.0
        self._fence.drop()
        self.says = f"{self._holder()} holds Lease {self._home.namespace}/{self._name}"
        duration = number(self._seen.spec.get("leaseDurationSeconds"), DURATION)
        return self._seen.since + duration - monotonic

    def _take(self, monotonic: float) -> float:
        sent = self._sender.send("lease", self._request())
        if isinstance(sent, Response) and is_taken(sent):
            self._note(sent, monotonic)
            self._fence.extend(monotonic + DURATION)
            self.says = ""
            return RENEW
        self._doubtful = True
        self.says = f"Lease {self._name} could not be written: {_why(sent)}"
        if isinstance(sent, Response) and sent.status in (CONFLICT, NOT_FOUND):
            # Somebody else wrote or deleted it: whoever comes next may take it at once.
            self._fence.drop()
            return AGAIN
        return RETRY

    def _request(self) -> Request:
        if self._seen is None:
            manifest = self._manifest({}, self._spec({}))
            return _quick(verbs.create(verbs.leases(self._home.namespace), manifest))
        return self._update(self._seen.version, self._spec(self._seen.spec))

    def _update(self, version: str, spec: Mapping[str, Any]) -> Request:
        manifest = self._manifest({"resourceVersion": version}, spec)
        return _quick(verbs.update(self._path, manifest))

    def _spec(self, before: Mapping[str, Any]) -> dict[str, Any]:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = before.get("holderIdentity") == self._identity
        changes = number(before.get("leaseTransitions"), 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": changes if ours or not before else changes + 1,
        }

    def _manifest(self, metadata: Mapping[str, str], spec: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._home.namespace, **metadata},
            "spec": spec,
        }


def _quick(request: Request) -> Request:
    return replace(request, timeout=TIMEOUT)


def _why(sent: Sent) -> str:
    if isinstance(sent, Response):
        return f"{sent.status} {text(status(sent).get('message'))}"
    return sent.why
