"""Requests to a real API server: raw bytes over the official client's connection pool.

Never parses an object, never retries a write that the server may have executed.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from agent.edges.kube.connection import Connection
from agent.edges.kube.failures import NoAnswerError
from agent.edges.kube.paths import described
from agent.edges.kube.seam import Response
from agent.edges.kube.status import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urllib3 import BaseHTTPResponse

    from agent.edges.kube.connection import Line
    from agent.edges.kube.seam import Request

_CONNECT_SECONDS: Final = 10.0
_ATTEMPTS: Final = 5
_BUDGET_SECONDS: Final = 30.0
"""No attempt begins later than this after the first."""
_LONGEST_PAUSE: Final = 10.0
_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429
_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_CHUNK: Final = 65536
_DRY_RUN: Final = ("dryRun", "All")


def connect(
    kubeconfig: str | None,
    context: str | None,
    user_agent: str,
    *,
    connections: int = 64,
    on_request: Callable[[str, str, int], None] | None = None,
) -> HttpTransport:
    """Find the cluster; nothing is sent yet.

    Args:
        kubeconfig: Path, or None for the default one or the Pod's own credentials.
        context: Name of a context in it, or None for the current one.
        user_agent: `tidegate/<version> (<instance>)`.
        connections: How many are kept open: watches and workers. More are made where needed.
        on_request: Told verb, resource and status (0: no answer) of every request, for counting.

    Raises:
        ClusterError: there is no such kubeconfig or context.
    """
    return HttpTransport(Connection(kubeconfig, context, connections), user_agent, on_request)


class HttpTransport:
    """The seam's Transport over HTTP; safe to use from any thread."""

    def __init__(
        self,
        connection: Connection,
        user_agent: str,
        on_request: Callable[[str, str, int], None] | None = None,
    ) -> None:
        self._connection = connection
        self._user_agent = user_agent
        self._on_request = on_request or (lambda _verb, _resource, _status: None)
        self._closing = threading.Event()

    def send(self, request: Request) -> Response:
        """Answer one request.

        A read, or a dry run, is tried again after 429, 5xx and a broken connection, within a budget
        of attempts and seconds; then the last answer is given as it is. A write is sent once:
        whoever sends it asks the lease before each try.

        Raises:
            NoAnswerError: no answer came (its `sent` says whether the request may have landed).
            ClusterError: there are no credentials to send.
        """
        return patiently(self._once, request, Patience(self._closing.wait))

    def stream(self, request: Request) -> HttpStream:
        """Open a watch, in one attempt: its reader has a back-off of its own.

        Raises:
            RefusedError: the server said no; `status` is its code.
            NoAnswerError: no answer came.
            ClusterError: there are no credentials to send.
        """
        opened = self._open(request)
        if opened.status < _ERROR:
            return HttpStream(opened, request.path)
        response = self._read(opened, request)
        asked = _retry_after(response.headers.get("retry-after", ""))
        raise refused(f"GET {request.path}", response, asked)

    def close(self) -> None:
        """End pauses between attempts at once and close idle connections."""
        self._closing.set()
        self._connection.close()

    def _once(self, request: Request) -> Response:
        return self._read(self._open(request), request)

    def _open(self, request: Request) -> BaseHTTPResponse:
        """Send the request, with new credentials once if the server refuses these."""
        line = self._connection.line()
        opened = self._attempt(request, line)
        if opened.status == _UNAUTHORIZED:
            opened.drain_conn()
            opened.release_conn()
            self._connection.renew(line)
            opened = self._attempt(request, self._connection.line())
        return opened

    def _attempt(self, request: Request, line: Line) -> BaseHTTPResponse:
        import urllib3  # noqa: PLC0415

        query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
        verb, resource = described(request)
        try:
            opened = line.pool.urlopen(
                request.method,
                f"{line.base}{request.path}{query}",
                body=request.body or None,
                headers=self._headers(request) | line.headers,
                timeout=urllib3.Timeout(
                    connect=min(_CONNECT_SECONDS, request.timeout), read=request.timeout
                ),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._on_request(verb, resource, 0)
            raise _no_answer(request, line.url, error, sent=_may_have_been_sent(error)) from error
        self._on_request(verb, resource, opened.status)
        return opened

    def _read(self, opened: BaseHTTPResponse, request: Request) -> Response:
        import urllib3  # noqa: PLC0415

        try:
            body = opened.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            opened.close()
            raise _no_answer(request, "", error, sent=True) from error
        opened.release_conn()
        headers = {name.lower(): value for name, value in opened.headers.items()}
        return Response(opened.status, body, headers)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"User-Agent": self._user_agent, "Accept": request.accept}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if request.impersonate:
            headers["Impersonate-User"] = request.impersonate
        return headers


class HttpStream:
    """A watch over HTTP: one reader, and anyone may close it."""

    def __init__(self, opened: BaseHTTPResponse, path: str) -> None:
        self._opened = opened
        self._path = path
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield whole lines without their LF; what is left of a broken one is dropped.

        Raises:
            NoAnswerError: the connection broke, or was silent for the request's timeout.
        """
        import urllib3  # noqa: PLC0415

        rest = b""
        try:
            for chunk in self._opened.stream(_CHUNK, decode_content=True):
                # Never splitlines(): JSON text may hold U+0085 or U+2028 as they are.
                *lines, rest = (rest + chunk).split(b"\n")
                yield from filter(None, lines)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two are what http.client makes of a socket that `close` took away.
            if not self._closed:
                silent = isinstance(error, urllib3.exceptions.ReadTimeoutError)
                raise NoAnswerError(
                    f"watch of {self._path} broke: {error}", sent=True, silent=silent
                ) from error
        finally:
            self._opened.close()

    def close(self) -> None:
        """End a blocked read at once, from any thread; `close` of a socket would not wake it."""
        self._closed = True
        with suppress(ValueError, RuntimeError, OSError):
            self._opened.shutdown()


class Patience:
    """How long one request is tried again."""

    def __init__(
        self,
        wait: Callable[[float], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what waits some seconds, and says True where it was told to stop meanwhile."""
        self._wait = wait
        self._monotonic = monotonic
        self._deadline = monotonic() + _BUDGET_SECONDS
        self._attempt = 1

    def pause(self, asked: float = 0.0) -> bool:
        """Wait before the next attempt; False when there is none."""
        # Full jitter: many agents that lost one server must not come back together.
        own = random.uniform(0.1, 0.2 * 2**self._attempt)  # noqa: S311  # no secret
        seconds = min(max(asked, own), _LONGEST_PAUSE)
        self._attempt += 1
        if self._attempt > _ATTEMPTS or self._monotonic() + seconds > self._deadline:
            return False
        return not self._wait(seconds)


def patiently(
    attempt: Callable[[Request], Response], request: Request, patience: Patience
) -> Response:
    """Answer one request, in as many attempts as its kind allows.

    Raises:
        NoAnswerError: no answer came.
    """
    is_read = request.method == "GET" or _DRY_RUN in request.query
    while True:
        try:
            response = attempt(request)
        except NoAnswerError:
            if not is_read or not patience.pause():
                raise
            continue
        busy = response.status == _TOO_MANY or response.status >= _SERVER_ERROR
        if not (is_read and busy):
            return response
        if not patience.pause(_retry_after(response.headers.get("retry-after", ""))):
            return response


def _retry_after(header: str) -> float:
    """Read the seconds; the API server never sends the header's other form, a date."""
    return float(header) if header.isdecimal() else 0.0


def _no_answer(request: Request, url: str, error: Exception, *, sent: bool) -> NoAnswerError:
    return NoAnswerError(
        f"{request.method} {url}{request.path}: no answer from the Kubernetes API: {error}",
        sent=sent,
    )


def _may_have_been_sent(error: Exception) -> bool:
    """Only what fails before the request is written proves that the server never saw it."""
    import urllib3.exceptions as failed  # noqa: PLC0415

    if isinstance(error, failed.ProxyError):
        return False
    if isinstance(error, failed.SSLError):
        # With TLS 1.3 a refused client certificate shows only when the answer is read.
        return not isinstance(error.args[0], ssl.SSLCertVerificationError)
    early = (failed.NewConnectionError, failed.ConnectTimeoutError, failed.ClosedPoolError)
    return not isinstance(error, early)
