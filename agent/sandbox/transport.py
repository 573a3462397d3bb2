"""The sandbox behind the transport's seam, in this process; never a socket in between."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from agent.edges.kube.seam import Response
from agent.edges.kube.status import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.edges.kube.seam import Request
    from agent.sandbox.api import Sandbox
    from agent.sandbox.watch import WatchStream


class InProcess:
    """Answers what the agent asks; safe from any thread."""

    def __init__(
        self,
        sandbox: Sandbox,
        user_agent: str = "",
        on_request: Callable[[str, str, int], None] | None = None,
    ) -> None:
        """Speak as `user_agent`; `on_request` is told of verb, resource and code."""
        self._sandbox = sandbox
        self._user_agent = user_agent
        self._on_request = on_request
        self._opened: WeakSet[WatchStream] = WeakSet()

    def send(self, request: Request) -> Response:
        """Answer one request."""
        answer = self._sandbox.handle(request, self._user_agent)
        if isinstance(answer, Response):
            self._tell(request, answer.status)
            return answer
        lines = b"".join(each + b"\n" for each in answer.take())
        answer.close()
        return Response(200, lines)

    def stream(self, request: Request) -> WatchStream:
        """Open a watch.

        Raises:
            RefusedError: the sandbox answered with something else.
        """
        answer = self._sandbox.handle(request, self._user_agent)
        if isinstance(answer, Response):
            self._tell(request, answer.status)
            raise refused(f"GET {request.path}", answer)
        self._tell(request, 200)
        self._opened.add(answer)
        return answer

    def close(self) -> None:
        """End the watches opened here; others of the same sandbox go on."""
        for stream in list(self._opened):
            stream.close()

    def _tell(self, request: Request, code: int) -> None:
        if self._on_request is not None:
            from agent.edges.kube.paths import described  # noqa: PLC0415

            self._on_request(*described(request), code)
