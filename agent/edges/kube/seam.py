"""The seam between Tidegate and a Kubernetes API: requests in, responses or a stream out.

A real server and the embedded sandbox stand behind the same Protocol; this file does no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to the API server."""

    method: str
    path: str
    """Absolute, already percent-encoded, without the query."""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = ""
    accept: str = "application/json"
    timeout: float = 30.0
    """Seconds for connecting and for each read."""
    impersonate: str = ""
    """User name to act as, such as `system:serviceaccount:shop:deployer`; empty: ourselves."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whole; header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """A watch: complete lines (split on LF only) until the server ends it or `close`."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines without their LF; an empty one says that there is nothing to tell yet."""
        ...

    def close(self) -> None:
        """End a blocked read at once, from any thread."""
        ...


class Transport(Protocol):
    """Something that answers Kubernetes API requests."""

    def send(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ClusterError: no answer came (its `sent` says whether the request may have landed).
        """
        ...

    def stream(self, request: Request) -> Stream:
        """Open a watch.

        Raises:
            ClusterError: it could not be opened; `status` tells the server's code, if any.
        """
        ...
