"""The exceptions of the Kubernetes edge: no answer, or a refusal that ends a read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.core.errors import ClusterError

if TYPE_CHECKING:
    from agent.core.values import Rejected


class NoAnswerError(ClusterError):
    """The connection failed before a whole answer was there."""

    def __init__(self, message: str, *, sent: bool, silent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        """False only where the server can't have seen the request."""
        self.silent = silent
        """The connection stands, but nothing came within the read timeout."""


class RefusedError(ClusterError):
    """The server answered, and the answer is no use to a read or a watch."""

    def __init__(self, message: str, says: Rejected, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.says = says
        self.retry_after = retry_after
        """Seconds the server asks to wait, 0 where it does not say."""

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self.says.code
