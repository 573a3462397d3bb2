"""Where a repository is and with which credentials: validated, and bound to one host.

Never puts a credential on a command line, and never sends one to another scheme, host or port.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from agent.edges import process
from agent.edges.git.errors import GitError, GitReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROTOCOLS: Final = ("http", "https", "ssh", "git", "file")

_SSH_SHORTHAND: Final = re.compile(r"(?:[\w.-]+@)?[\w.\[\]:-]*[\w\]]:(?!//)[^:].*")
_BRANCH_FORBIDS: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)")
_ENDED_BY: Final = ("/", ".")

# What Git's own helpers need to work as they do for the user who started the agent.
_PASSED: Final = (
    "HOME",
    "SSH_AUTH_SOCK",
    "GIT_ASKPASS",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
)

_OF_THE_USER: Final = frozenset({"HOME", "SSH_AUTH_SOCK", "GIT_ASKPASS"})
_NAMING_THE_CONFIGURATION: Final = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")

_SSH: Final = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15")
_KEYS: Final = ("ssh-privatekey", "identity")
_KNOWN: Final = "known_hosts"
_ALIVE: Final = ("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=2")


@dataclass(frozen=True, slots=True)
class Remote:
    """A branch of a repository somewhere.

    Args:
        url: http, https, ssh, git or file, `user@host:path`, or an absolute path.
        branch: its short name, `main`.
        credentials: a mounted folder with `username` and `password`, or `token`; or
            `ssh-privatekey` (or `identity`) and `known_hosts`. Without it, the credential
            helpers and the SSH agent of whoever runs the agent.

    Raises:
        GitError: Refused; the address or branch is not one we give to Git.
    """

    url: str
    branch: str
    credentials: Path | None = None

    def __post_init__(self) -> None:
        why = _why_not_url(self.url) or _why_not_branch(self.branch)
        if why:
            raise GitError(GitReason.REFUSED, why)

    @property
    def ref(self) -> str:
        """The full name of the branch over there."""
        return f"refs/heads/{self.branch}"

    def __str__(self) -> str:
        return f"branch {self.branch} of {self.url}"


def _why_not_url(url: str) -> str:
    """Return why Git must not see this address, or nothing.

    A leading dash is an option, `ext::` a command (git-remote-ext(1)), and a password in an
    address ends in process lists and logs.
    """
    shown = re.sub(r"://[^/@\s]+@", "://", url)
    if not url.isprintable() or url.startswith("-") or "::" in url.partition("/")[0]:
        return f"repository address {shown!r} is not an address: write https://host/path"
    if "://" not in url:
        is_address = url.startswith("/") or _SSH_SHORTHAND.fullmatch(url)
        return "" if is_address else f"repository address {shown!r}: write https://host/path"
    parts = urlsplit(url)
    if parts.scheme not in PROTOCOLS:
        return f"repository address {shown!r}: scheme must be one of {', '.join(PROTOCOLS)}"
    if parts.password is not None or (parts.username and parts.scheme.startswith("http")):
        return f"repository address {shown!r} holds a credential: use --git-credentials"
    if (parts.hostname or "").startswith("-") or (parts.username or "").startswith("-"):
        return f"repository address {shown!r}: host and user may not start with a dash"
    return ""


def _why_not_branch(branch: str) -> str:
    """Return what git-check-ref-format(1) has against this name, or nothing."""
    is_bad = (
        not branch
        or branch.startswith(("-", "/", "."))
        or branch.endswith(_ENDED_BY)
        or branch == "@"
        or _BRANCH_FORBIDS.search(branch)
    )
    return f"branch {branch!r} is not a branch name" if is_bad else ""


def environment(remote: Remote) -> Mapping[str, str]:
    """Return the variables that carry credentials for this remote to Git and its helpers.

    Raises:
        GitError: AuthFailed or HostKey; the folder lacks a file that SSH needs.
    """
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    if remote.credentials is None:
        mine = os.environ.get("GIT_SSH_COMMAND", shlex.join((*_SSH, *_ALIVE)))
        return {**passed, "GIT_SSH_COMMAND": mine}
    if _is_ssh(remote.url):
        _insist_on_files(remote.credentials)
    kept = {name: text for name, text in passed.items() if name not in _OF_THE_USER}
    return {**kept, "GIT_SSH_COMMAND": _ssh_with(remote.credentials)}


def settings(remote: Remote) -> tuple[tuple[str, str], ...]:
    """Return the Git settings that name the credential helper: ours for one host, or the user's."""
    if remote.credentials is None:
        return _helpers_of_user()
    parts = urlsplit(remote.url)
    if parts.scheme not in {"http", "https"}:
        return (("credential.helper", ""),)
    helper = _helper_of(remote.credentials)
    # An empty helper drops all that were named before (gitcredentials(7)).
    return (("credential.helper", ""), (f"credential.{_origin(parts)}.helper", helper))


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _helper_of(folder: Path) -> str:
    """A helper for gitcredentials(7) that reads the mounted files when asked, not before.

    Read at each request, so a rotated Secret counts at once, and nothing secret is in an
    argument or a variable.
    """
    user, secret = folder / "username", _first(folder, "password", "token")
    name = f'"$(cat {shlex.quote(str(user))})"' if user.exists() else "tidegate"
    said = f'printf "username=%s\\npassword=%s\\n" {name} "$(cat {shlex.quote(str(secret))})"'
    return f'!f() {{ test "$1" = get && {said}; }}; f'


def _is_ssh(url: str) -> bool:
    return url.startswith("ssh://") or ("://" not in url and not url.startswith("/"))


def _insist_on_files(folder: Path) -> None:
    """Ask nobody with half of the credentials: ssh would say less, and long after."""
    if not _first(folder, *_KEYS).exists():
        says = f"{folder} holds no {' or '.join(_KEYS)}: put the private key there"
        raise GitError(GitReason.AUTH_FAILED, says)
    if not (folder / _KNOWN).exists():
        says = f"{folder} holds no {_KNOWN}: put there what `ssh-keyscan HOST` says, once checked"
        raise GitError(GitReason.HOST_KEY, says)


def _ssh_with(folder: Path) -> str:
    key, known = _first(folder, *_KEYS), folder / _KNOWN
    # With `-i` alone, ssh goes on to the user's own keys where that file is gone.
    keys = (*_option("IdentitiesOnly=yes"), *_option("IdentityFile=none"))
    options = ("-F", "/dev/null", "-i", str(key), *keys)
    hosts = _option(f'UserKnownHostsFile="{known}"') + _option("GlobalKnownHostsFile=/dev/null")
    return shlex.join((*_SSH, *_ALIVE, *options, *hosts, *_option("StrictHostKeyChecking=yes")))


def _option(text: str) -> tuple[str, str]:
    return ("-o", text)


def _first(folder: Path, *names: str) -> Path:
    found = (folder / name for name in names if (folder / name).exists())
    return next(found, folder / names[0])


@cache
def _helpers_of_user() -> tuple[tuple[str, str], ...]:
    """The `credential.*` lines of the user's own Git configuration, and nothing else of it."""
    home = {name: os.environ[name] for name in _NAMING_THE_CONFIGURATION if name in os.environ}
    asked = ["git", "config", "--global", "--null", "--get-regexp", r"^credential\."]
    try:
        done = process.run(asked, env={**home, "GIT_CONFIG_NOSYSTEM": "1"}, timeout=10)
    except process.ProcessFailed as why:
        raise GitError(GitReason.REFUSED, str(why)) from why
    lines = done.stdout.decode(errors="replace").split("\0")[:-1]
    return tuple((name, value) for name, _, value in (line.partition("\n") for line in lines))
