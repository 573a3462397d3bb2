"""Real git for tests: repositories, and the servers of two real protocols; never a mock of git."""

from __future__ import annotations

import base64
import gzip
import os
import socket
import socketserver
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUTHOR = "Ada Author <ada@example.com>"
_DAEMON = (
    *("git", "daemon", "--inetd", "--export-all", "--enable=receive-pack"),
    "--log-destination=none",
)
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as `git log` tells it; `message` is the whole message."""

    sha: str
    author: str
    message: str


class Repository:
    """A bare repository that commits without a work tree.

    Dates are made up, a minute apart, so that the same calls give the same commit ids.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits = 0
        if not (path / "HEAD").exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _git(None, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
            _git(path, "config", "http.receivepack", "true")

    @property
    def url(self) -> str:
        """The address on this machine's disk."""
        return self.path.as_uri()

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        message: str = "Change",
        *,
        author: str = AUTHOR,
        date: datetime | None = None,
        branch: str = "main",
    ) -> str:
        """Write files (`None` removes one) on top of the branch, and give the commit's id."""
        return self._import(_changes(files), message, author=author, date=date, branch=branch)

    def remove_everything(self, message: str = "Remove everything", branch: str = "main") -> str:
        """Commit the empty tree."""
        return self._import(b"deleteall\n", message, author=AUTHOR, date=None, branch=branch)

    def force(self, target: str, branch: str = "main") -> str:
        """Point the branch at another commit, as a forced push does, and give its id."""
        sha = self.git("rev-parse", "--verify", f"{target}^{{commit}}").strip()
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def head(self, ref: str = "main") -> str | None:
        """Give the commit's id, or `None` when the ref does not exist."""
        done = _run(self.path, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        return done.stdout.decode().strip() or None

    def show(self, ref: str, path: str) -> str:
        """Give a file's text at a ref."""
        return self.git("show", f"{ref}:{path}")

    def files(self, ref: str = "main") -> tuple[str, ...]:
        """Give the paths of all files at a ref, sorted."""
        return tuple(filter(None, self.git("ls-tree", "-rz", "--name-only", ref).split("\0")))

    def log(self, ref: str = "main") -> tuple[Commit, ...]:
        """Give the commits of a ref, newest first."""
        text = self.git("log", "-z", "--format=%H%x01%an <%ae>%x01%B", ref)
        fields = (entry.split("\x01") for entry in text.split("\0") if entry)
        return tuple(Commit(sha, author, message.strip()) for sha, author, message in fields)

    def git(self, *arguments: str) -> str:
        """Run git in this repository and give its output."""
        return _git(self.path, *arguments).decode()

    def _import(
        self, changes: bytes, message: str, *, author: str, date: datetime | None, branch: str
    ) -> str:
        moment = date or _BEGIN + timedelta(minutes=self._commits)
        self._commits += 1
        when = f"{int(moment.timestamp())} {moment:%z}".rstrip()
        who = f"author {author} {when}\ncommitter {author} {when}\n"
        parent = f"from {found}\n" if (found := self.head(f"refs/heads/{branch}")) else ""
        begin = f"commit refs/heads/{branch}\nmark :1\n{who}".encode()
        stream = begin + _data(message.encode()) + parent.encode() + changes + b"get-mark :1\n"
        return _git(self.path, "fast-import", "--quiet", stdin=stream).decode().strip()


class GitDaemon:
    """The git protocol (`git://`) over all repositories in a folder; a context manager.

    We listen, and start `git daemon --inetd` for each connection: no port can be taken from us,
    and there is nothing to wait for.
    """

    def __init__(self, base: Path) -> None:
        self._server = _Daemon(base)

    def __enter__(self) -> Self:
        self._server.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.end()

    def url(self, repository: str) -> str:
        """Give the address of a repository, named by its path below the folder."""
        return f"git://127.0.0.1:{self._server.server_address[1]}/{repository}"


class GitHTTP:
    """The smart HTTP protocol over all repositories in a folder; a context manager.

    `down`, `answer` and `hang` may be set at any time: connections are closed without a word;
    every request gets that status code; requests get no answer until `hang` is cleared.
    `requests` has one line each, as `GET /repository.git/info/refs?service=git-upload-pack`.
    """

    def __init__(self, base: Path, user: str = "", password: str = "") -> None:
        self.down = False
        self.answer: int | None = None
        self.requests: list[str] = []
        self._released = threading.Event()
        self._released.set()
        self._base = base
        self._credentials = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._server = _Web(self)

    def __enter__(self) -> Self:
        self._server.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.end()

    @property
    def hang(self) -> bool:
        """Whether requests get no answer."""
        return not self._released.is_set()

    @hang.setter
    def hang(self, value: bool) -> None:
        (self._released.clear if value else self._released.set)()

    def url(self, repository: str) -> str:
        """Give the address of a repository, named by its path below the folder."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{repository}"

    def _refusal(self, authorization: str) -> int | None:
        """Give the status code that ends a request before git sees it."""
        if self.answer is not None:
            return self.answer
        if self._credentials and authorization != f"Basic {self._credentials}":
            return 401
        return None

    def _ask_git(self, request: Mapping[str, str], body: bytes) -> tuple[int, bytes, bytes]:
        """Run the CGI program of git; gives status code, header lines, body."""
        own = {
            "GIT_PROJECT_ROOT": str(self._base),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "test",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = _run(None, "http-backend", stdin=body, variables={**own, **request})
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if line]
        codes = [int(line.split()[1]) for line in lines if line.startswith(b"Status:")]
        kept = [line for line in lines if not line.startswith(b"Status:")]
        return (codes[0] if codes else 200), b"\r\n".join(kept), content


class _Threaded(socketserver.ThreadingTCPServer):
    """A server in threads that end with it, its open connections too."""

    daemon_threads = False
    allow_reuse_address = True
    request_queue_size = 64

    def begin(self) -> None:
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="git-server")
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """Stay silent: a client that goes away is what some tests are about."""


class _Daemon(_Threaded):
    def __init__(self, base: Path) -> None:
        self.base = base
        super().__init__(("127.0.0.1", 0), _DaemonHandler)


class _Web(_Threaded):
    def __init__(self, front: GitHTTP) -> None:
        self.front = front
        super().__init__(("127.0.0.1", 0), _HTTPHandler)


class _DaemonHandler(socketserver.BaseRequestHandler):
    server: _Daemon

    def handle(self) -> None:
        base = str(self.server.base)
        with subprocess.Popen(
            [*_DAEMON, f"--base-path={base}", base],
            stdin=self.request.fileno(),
            stdout=self.request.fileno(),
            stderr=subprocess.DEVNULL,
        ) as process:
            process.wait()


class _HTTPHandler(BaseHTTPRequestHandler):
    server: _Web
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        """Serve what a fetch begins with."""
        self._serve()

    def do_POST(self) -> None:
        """Serve the exchange itself."""
        self._serve()

    def _serve(self) -> None:
        front = self.server.front
        front.requests.append(f"{self.command} {self.path}")
        if front.down:
            self.close_connection = True
            return
        body = self._body()
        front._released.wait()
        refusal = front._refusal(self.headers.get("Authorization", ""))
        if refusal is not None:
            self._reply(refusal, b'WWW-Authenticate: Basic realm="test"', b"")
        else:
            self._reply(*front._ask_git(self._variables(body), body))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def _variables(self, body: bytes) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }

    def _reply(self, code: int, head: bytes, body: bytes) -> None:
        self.send_response(code)
        for line in filter(None, head.decode().split("\r\n")):
            name, _, value = line.partition(": ")
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _changes(files: Mapping[str, str | bytes | None]) -> bytes:
    return b"".join(_change(path, content) for path, content in files.items())


def _change(path: str, content: str | bytes | None) -> bytes:
    quoted = '"{}"'.format(path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
    if content is None:
        return f"D {quoted}\n".encode()
    content = content.encode() if isinstance(content, str) else content
    return f"M 100644 inline {quoted}\n".encode() + _data(content)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _git(folder: Path | None, *arguments: str, stdin: bytes = b"") -> bytes:
    done = _run(folder, *arguments, stdin=stdin)
    if done.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def _run(
    folder: Path | None,
    *arguments: str,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", *(("-C", str(folder)) if folder else ()), *arguments],
        input=stdin,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        check=False,
    )
