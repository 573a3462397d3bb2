"""A Kubernetes API that answers as a test scripted it, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from agent.edges.kube.seam import Request, Response, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

Reply: TypeAlias = Response | Exception
Script: TypeAlias = Callable[[Request], Reply]


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """Give a JSON response; header names with underscores stand for dashes."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps(body or {}).encode(), names)


def refusal(status: int, reason: str, message: str, **details: Any) -> Response:
    """Give a Status as the API server sends it."""
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": message}
    return answer(status, {**body, "code": status, "details": details})


@dataclass
class ScriptedAPI:
    """Answers each request by calling the script, or with the next of a list of replies."""

    script: Script
    asked: list[Request] = field(default_factory=list)

    @classmethod
    def replying(cls, *replies: Reply) -> ScriptedAPI:
        """Give these replies in turn; one request more fails the test."""
        left = iter(replies)
        return cls(lambda _: next(left))

    def send(self, request: Request) -> Response:
        """Answer one request, or raise what was scripted."""
        self.asked.append(request)
        reply = self.script(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def stream(self, request: Request) -> Stream:
        """Refuse: nothing here watches."""
        raise AssertionError(f"nobody watches {request.path}")

    @property
    def lines(self) -> list[str]:
        """What was asked, as `PATCH /api/v1/…`."""
        return [f"{request.method} {request.path}" for request in self.asked]


class Fence:
    """A fence that a test opens and closes."""

    def __init__(self) -> None:
        self.open = True

    def holds(self) -> bool:
        """Whether it is open."""
        return self.open


class InOrder:
    """An executor that runs everything in the test's own thread."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Call the function for each item."""
        return [function(item) for item in items]
