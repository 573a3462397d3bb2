"""Reads the API server's audit log: the judge of what a client really asked; never writes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A watch is told when it starts (its end may never come), everything else when it is answered.
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
  verbs: [watch]
  omitStages: [RequestReceived, ResponseComplete]
- level: Metadata
  omitStages: [RequestReceived, ResponseStarted]
"""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the API server saw it; what a request does not have is the empty string."""

    verb: str
    resource: str
    namespace: str
    name: str
    subresource: str
    code: int
    user: str
    dry_run: bool
    user_agent: str
    uri: str


def read(log: Path, since: int) -> Iterator[Request]:
    """Yield the requests logged after byte `since`, in the order of their answers."""
    with log.open("rb") as lines:
        lines.seek(since)
        for line in lines:
            # A line that another request is just writing belongs to the next reading.
            if line.endswith(b"\n"):
                yield _request(json.loads(line))


def _request(event: dict[str, Any]) -> Request:
    target = event.get("objectRef") or {}
    uri = event["requestURI"]
    user = event.get("impersonatedUser") or event["user"]
    return Request(
        verb=event["verb"],
        resource=target.get("resource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        subresource=target.get("subresource", ""),
        code=(event.get("responseStatus") or {}).get("code", 0),
        user=user.get("username", ""),
        dry_run="All" in parse_qs(urlsplit(uri).query).get("dryRun", ()),
        user_agent=event.get("userAgent", ""),
        uri=uri,
    )
