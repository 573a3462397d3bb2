"""Why Git could not be read or written, in one word and in text fit for people.

Never lets a credential or the server's raw text through.
"""

from __future__ import annotations

import errno
import re
from enum import StrEnum
from typing import Final

from agent.core.errors import SourceError


class GitReason(StrEnum):
    """What went wrong; tells an operator whom to ask."""

    UNREACHABLE = "Unreachable"
    TIMED_OUT = "TimedOut"
    AUTH_FAILED = "AuthFailed"
    HOST_KEY = "HostKey"
    CERTIFICATE = "Certificate"
    REDIRECTED = "Redirected"
    NOT_FOUND = "NotFound"
    NO_BRANCH = "NoBranch"
    NO_OBJECT = "NoObject"
    CORRUPT = "Corrupt"
    DISK_FULL = "DiskFull"
    BUSY = "Busy"
    TOO_LARGE = "TooLarge"
    RACED = "Raced"
    REFUSED = "Refused"


class GitError(SourceError):
    """Git failed; `reason` says how."""

    def __init__(self, reason: GitReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TreeRefused(GitError):  # noqa: N818 - reads as what happened
    """A tree holds what must not be written to a disk; `problems` are `(path, why)`."""

    def __init__(self, message: str, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__(GitReason.REFUSED, message)
        self.problems = problems


# Git has no error codes, only English (the locale is ours). The first match counts.
_TELLTALES: Final = {
    reason: re.compile("|".join(patterns), re.IGNORECASE)
    for reason, *patterns in (
        (
            GitReason.HOST_KEY,
            r"host key verification failed",
            r"host identification has changed",
        ),
        (
            GitReason.DISK_FULL,
            r"no space left on device",
            r"disk quota exceeded",
            r"read-only file system",
        ),
        (
            GitReason.AUTH_FAILED,
            r"authentication failed",
            r"could not read (username|password)",
            r"permission denied \(",
            r"returned error: 40[13]",
            r"terminal prompts disabled",
            r"unprotected private key",
            r"too many authentication failures",
        ),
        (GitReason.REDIRECTED, r"returned error: 30\d", r"unable to update url base", r"redirect"),
        (GitReason.CERTIFICATE, r"certificate", r"ssl_error", r"gnutls", r"tls handshake"),
        (
            GitReason.NOT_FOUND,
            r"repository not found",
            r"repository '.*' not found",
            r"returned error: 404",
            r"does not appear to be a git repository",
            r"repository not exported",
        ),
        (GitReason.NO_BRANCH, r"couldn't find remote ref"),
        (
            GitReason.CORRUPT,
            r"corrupt",
            r"bad (object|tree|signature|pack|index|config)",
            r"unable to read",
            r"could not parse",
            r"not a git repository",
            r"garbage at end",
            r"inflate: ",
            r"hash mismatch",
            r"missing (blob|tree|commit)",
            r"failed to traverse",
            r"did not send all necessary objects",
        ),
    )
}
_DAMAGE: Final = re.compile(r"corrupt|inflate|garbage|mismatch|unable to", re.IGNORECASE)
_NO_OBJECT: Final = re.compile(
    r"not a valid (object|commit) name|bad object|not a tree object|needed a single revision",
    re.IGNORECASE,
)

_USER_INFO: Final = re.compile(r"://[^/@\s]+@")
_KEPT: Final = 300
_TELLING: Final = ("fatal:", "error:", "remote:")
_GAVE_UP: Final = "fatal: Could not read from remote repository."


def classify(stderr: str) -> GitReason:
    """Return the reason behind what Git wrote; a text we don't know counts as unreachable."""
    found = (reason for reason, pattern in _TELLTALES.items() if pattern.search(stderr))
    return next(found, GitReason.UNREACHABLE)


def classify_local(stderr: str) -> GitReason:
    """Return the reason why a repository of ours could not answer; doubt counts as corrupt."""
    if _TELLTALES[GitReason.DISK_FULL].search(stderr):
        return GitReason.DISK_FULL
    is_damaged = _DAMAGE.search(stderr) or not _NO_OBJECT.search(stderr)
    return GitReason.CORRUPT if is_damaged else GitReason.NO_OBJECT


def disk_reason(why: OSError) -> GitReason:
    """Return the reason for a failed write outside the repository."""
    is_full = why.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
    return GitReason.DISK_FULL if is_full else GitReason.REFUSED


def summary(stderr: str) -> str:
    """Return the line that tells most, without user information and control characters."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(_TELLING)]
    line = _said_by_ssh(lines) or (telling or lines or ["no message"])[0]
    line = "".join(sign for sign in line if sign.isprintable())
    return _USER_INFO.sub("://", line)[:_KEPT]


def _said_by_ssh(lines: list[str]) -> str:
    """Return the last two lines of ssh (which key, then what of it) where Git knows no more."""
    before = lines[: lines.index(_GAVE_UP)] if _GAVE_UP in lines else []
    if any(line.startswith(_TELLING) for line in before):
        return ""
    return "; ".join(line.rstrip(".") for line in before[-2:])
