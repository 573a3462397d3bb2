"""`git://` over a bare repository, behind a gate: a poll can be held until a commit is visible.

So a race measures what an agent does with a commit, not how long it slept before it asked.
"""

from __future__ import annotations

import socketserver
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DAEMON = ("git", "daemon", "--inetd", "--export-all", "--enable=receive-pack")


class GatedDaemon:
    """Serves all repositories below a folder; a context manager."""

    def __init__(self, base: Path) -> None:
        self._server = _Server(base)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.opened.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def connections(self) -> int:
        """How many there were: a poll is one, a fetch is one, a push is one."""
        return self._server.connections

    def url(self, repository: str) -> str:
        """Give the address of a repository, named by its path below the folder."""
        return f"git://127.0.0.1:{self._server.server_address[1]}/{repository}"

    @contextmanager
    def held(self, seconds: float = 60) -> Iterator[None]:
        """Run the block while a poll waits for its answer; it gets it when the block ends."""
        self._server.arrived.clear()
        self._server.opened.clear()
        try:
            if not self._server.arrived.wait(seconds):
                raise TimeoutError("nobody asked the repository for a commit")
            yield
        finally:
            self._server.opened.set()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, base: Path) -> None:
        self.base = base
        self.opened = threading.Event()
        self.opened.set()
        self.arrived = threading.Event()
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Serve one connection by a git of its own."""
        self.server.connections += 1
        self.server.arrived.set()
        self.server.opened.wait()
        base = str(self.server.base)
        with (
            suppress(OSError),
            subprocess.Popen(
                [*_DAEMON, "--log-destination=none", f"--base-path={base}", base],
                stdin=self.request.fileno(),
                stdout=self.request.fileno(),
                stderr=subprocess.DEVNULL,
            ) as process,
        ):
            process.wait()
