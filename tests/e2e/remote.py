"""Serves the repository of a site, and says when it was asked; decides nothing about Git."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from git_server import GitHTTP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Remote(GitHTTP):
    """The HTTP server of a site's repository; tells when a request was served."""

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.served = threading.Condition()

    def _ask_git(self, request: Mapping[str, str], body: bytes) -> tuple[int, bytes, bytes]:
        reply = super()._ask_git(request, body)
        with self.served:
            self.served.notify_all()
        return reply
