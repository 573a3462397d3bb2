"""Looks at the cluster until a claim about an object is true; never changes anything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.errors import AgentError, ClusterError
from agent.edges import clock, process
from agent.edges.kube.seam import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.demo.agent import Agent
    from agent.edges.kube.seam import Transport

Object = dict[str, Any]
SECONDS: Final = 60
"""After which something has not come true."""
_PAUSE: Final = 0.1
"""Seconds before what could not be watched, or lies outside the cluster, is looked at again."""
_GLANCE: Final = "1"
"""Seconds of one watch; between two of them the agent is asked whether it lives."""
_OK: Final = 200
_SHOWN: Final = 1500


class NotTrueError(AgentError):
    """Something in the story did not come true; the message says what was seen instead."""


class Witness:
    """Sees one cluster; whoever waits too long, or for an agent that has ended, is told so."""

    def __init__(self, transport: Transport, agent: Agent) -> None:
        self._transport = transport
        self._agent = agent

    def see(self, path: str) -> Object | None:
        """Read what is at a path; None: nothing."""
        answer = self._transport.send(Request("GET", path))
        found: Object = orjson.loads(answer.body) if answer.status == _OK else {}
        return found or None

    def until(self, says: str, path: str, claim: Callable[[Object | None], bool]) -> Object:
        """Watch an object until a claim about it is true; an object that is gone is empty.

        Raises:
            NotTrueError: it did not come true in time, or the agent has ended.
        """
        deadline = clock.monotonic() + SECONDS
        while not claim(found := self.see(path)):
            self._insist(says, deadline, found)
            self._wait_for_change(path, found)
        return found or {}

    def _insist(self, says: str, deadline: float, found: Object | None) -> None:
        if self._agent.has_died:
            raise NotTrueError(f"the agent has ended before this came true: {says}")
        if clock.monotonic() >= deadline:
            seen = orjson.dumps(_gist(found)).decode()[:_SHOWN] if found else "nothing"
            raise NotTrueError(f"not true after {SECONDS} s: {says}; seen instead: {seen}")

    def _wait_for_change(self, path: str, found: Object | None) -> None:
        """Come back at the object's next change, or a little later."""
        collection, _, name = path.rpartition("/")
        query = [("watch", "1"), ("timeoutSeconds", _GLANCE)]
        query += [("fieldSelector", f"metadata.name={name}")]
        if found:
            query += [("resourceVersion", found["metadata"]["resourceVersion"])]
        try:
            stream = self._transport.stream(Request("GET", collection, tuple(query)))
            next(filter(None, stream), None)
            stream.close()
        except ClusterError:  # its kind is not served yet, or the watch broke
            process.pause(_PAUSE)


def _gist(found: Object) -> Object:
    """Leave out what nobody reads."""
    metadata = {k: v for k, v in found.get("metadata", {}).items() if k != "managedFields"}
    return {**found, "metadata": metadata}
