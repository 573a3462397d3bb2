"""A bare repository on our disk: made, locked, fetched into, tidied; the one user of GitPython.

Never keeps a `Repo` or a process between two calls, and reads no configuration but this file's.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.edges import process
from agent.edges.git import address
from agent.edges.git.errors import GitError, GitReason, classify, classify_local, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    import git

    from agent.edges.git.address import Remote

POLL_SECONDS: Final = 30.0
TRANSFER_SECONDS: Final = 600.0
LOCK_SECONDS: Final = 60.0
PACKS_KEPT: Final = 40

_SETTINGS: Final = (
    ("core.hooksPath", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    # Packs only: loose objects of a year of small fetches would exhaust the inodes.
    ("transfer.unpackLimit", "1"),
    ("fastimport.unpackLimit", "1"),
    ("transfer.bundleURI", "false"),
    ("protocol.version", "2"),
    # A credential goes to the host it was given for, so nothing may lead elsewhere.
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "30"),
)

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_START: Final = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as it says of itself; dates decide nothing, anyone can write them."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    email: str
    time: int
    """Seconds since 1970, UTC."""
    message: str


def checked(commit: str) -> str:
    """Return the id if it is a whole one, so that no other text reaches an argument of Git.

    Raises:
        GitError: Refused.
    """
    if _COMMIT.fullmatch(commit) is None:
        raise GitError(GitReason.REFUSED, f"{commit!r} is not a whole commit id")
    return commit


class Repository:
    """A bare repository in a folder; safe for several threads and several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def ensure(self) -> None:
        """Make the folder a bare repository, unless it is one.

        Raises:
            GitError: the disk is full, or the folder can't be written.
        """
        if (self.folder / "HEAD").exists():
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _gitpython().Repo.init(
                self.folder, bare=True, expand_vars=False, env=self._surroundings()
            ).close()
        except (OSError, _gitpython().GitCommandError) as why:
            raise GitError(
                classify(str(why)), f"{self.folder} can't hold a repository: {summary(str(why))}"
            ) from why

    # --- local questions, by GitPython ------------------------------------------------------

    def resolve(self, revision: str) -> str:
        """Return the commit that an id, or the start of one, names; empty where none or several do.

        Raises:
            GitError: Refused: it is no start of an id.
        """
        if _START.fullmatch(revision) is None:
            raise GitError(GitReason.REFUSED, f"{revision!r} is no start of a commit id")
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        code, told = self.ask(*asked, fine=(0, 1, 128))
        return told.decode().strip() if code == 0 else ""

    def ask(self, *arguments: str, fine: tuple[int, ...] = (0,)) -> tuple[int, bytes]:
        """Run a quick local command; return its code and output.

        Raises:
            GitError: NoObject, Corrupt or DiskFull; the code is none of the fine ones.
        """
        git = _gitpython()
        try:
            code, output, errors = git.cmd.Git(str(self.folder)).execute(
                ["git", *arguments],
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                env=self._surroundings(),
            )
        except (OSError, git.GitCommandError) as why:
            raise GitError(GitReason.CORRUPT, f"{self.folder} is not usable: {why}") from why
        if code not in fine:
            raise self._local_error(arguments[0], errors)
        return code, output

    def commit(self, commit: str) -> Commit:
        """Return what the commit says.

        Raises:
            GitError: NoObject or Corrupt.
        """
        git = _gitpython()
        try:
            with git.Repo(self.folder, expand_vars=False) as repo:
                repo.git.update_environment(**self._surroundings())
                found = repo.commit(checked(commit))
                return _read(found)
        except (ValueError, OSError, git.GitError, git.BadName) as why:
            raise GitError(
                GitReason.NO_OBJECT, f"commit {commit} can't be read from {self.folder}: {why}"
            ) from why

    def tip(self, ref: str) -> str | None:
        """Return the commit that a ref of ours names."""
        with suppress(OSError):  # a ref that was written last is a file; others may be packed
            written = (self.folder / ref).read_text().strip()
            if _COMMIT.fullmatch(written):
                return written
        _, output = self.ask("for-each-ref", "--format=%(objectname)", "--end-of-options", ref)
        return output.decode().strip() or None

    def refs(self, prefix: str) -> Mapping[str, str]:
        """Return full ref name → commit for all below a prefix such as `refs/tidegate/`."""
        _, output = self.ask(
            "for-each-ref", "--format=%(refname) %(objectname)", "--end-of-options", prefix
        )
        pairs = (line.split(" ") for line in output.decode().splitlines())
        return {name: commit for name, commit in pairs}  # noqa: C416 - for the type checker

    def point(self, ref: str, commit: str) -> None:
        """Let a ref of ours name a commit, which keeps it and its history."""
        self.ask("update-ref", "--no-deref", "--end-of-options", ref, checked(commit))

    def forget(self, ref: str) -> None:
        """Remove a ref of ours; it need not exist."""
        self.ask("update-ref", "--no-deref", "-d", "--end-of-options", ref)

    # --- longer work, killable ---------------------------------------------------------------

    def work(
        self,
        *arguments: str,
        stdin: bytes = b"",
        timeout: float = TRANSFER_SECONDS,
        cap: int = process.OUTPUT_CAP,
    ) -> bytes:
        """Run a local command that may take long or say much; return its output.

        Raises:
            GitError: TimedOut, TooLarge, NoObject, Corrupt or DiskFull.
        """
        try:
            done = process.run(
                ["git", *arguments],
                stdin=stdin,
                env=self._surroundings(),
                cwd=self.folder,
                timeout=timeout,
                output_cap=cap,
            )
        except process.ProcessTimeout as why:
            raise GitError(GitReason.TIMED_OUT, f"git {arguments[0]}: {why}") from why
        except process.ProcessFailed as why:
            raise GitError(GitReason.TOO_LARGE, f"git {arguments[0]}: {why}") from why
        if done.code != 0:
            raise self._local_error(arguments[0], done.stderr.decode(errors="replace"))
        return done.stdout

    def call(
        self,
        remote: Remote,
        *arguments: str,
        timeout: float = TRANSFER_SECONDS,
        keep_open: tuple[int, ...] = (),
    ) -> process.Finished:
        """Run a command that talks to the remote, with its credentials and nobody else's.

        Raises:
            GitError: TimedOut; or Unreachable when it could not be run at all.
        """
        try:
            return process.run(
                ["git", *arguments],
                env={**self._surroundings(address.settings(remote)), **address.environment(remote)},
                cwd=self.folder,
                timeout=timeout,
                keep_open=keep_open,
            )
        except process.ProcessTimeout as why:
            raise GitError(GitReason.TIMED_OUT, f"{remote}: {why}") from why
        except process.ProcessFailed as why:
            raise GitError(GitReason.UNREACHABLE, f"{remote}: {why}") from why

    def fetch(self, remote: Remote, into: str) -> str | None:
        """Bring the branch into a ref of ours; return its commit.

        None where there is no such branch: the ref of ours then stays as it was.

        Full, without tags, FETCH_HEAD or work tree: of 200 such fetches killed half way none
        kept the next from working, while shallow ones leave `shallow.lock` behind.

        Raises:
            GitError: any reason but NoBranch.
        """
        with self.lock() as held:
            done = self.call(
                remote,
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-auto-gc",
                "--no-recurse-submodules",
                "--end-of-options",
                remote.url,
                f"+{remote.ref}:{into}",
                keep_open=(held,),
            )
            if done.code == 0:
                self._tidy()
                return self.tip(into)
        error = failure(remote, "fetch", done)
        if error.reason is not GitReason.NO_BRANCH:
            raise error
        return None

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Hold this repository against other writers, agents on the same disk included.

        The lock belongs to the open file, which a fetch inherits: the next agent waits for an
        orphan of this one too.

        Raises:
            GitError: Busy; somebody else kept it for a minute.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(f"{self.folder}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(held)
            self.ensure()
            yield held
        finally:
            os.close(held)

    def is_sound(self) -> bool:
        """Read every object and compare it with its name; takes seconds for a large repository."""
        try:
            self.work("fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs")
        except GitError as why:
            return why.reason is GitReason.TIMED_OUT
        return True

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_for(self, held: int) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > deadline:
                raise GitError(
                    GitReason.BUSY,
                    f"{self.folder} is in use: another agent, or the git of a killed one",
                )
            process.pause(0.05)

    def _tidy(self) -> None:
        """Join packs when there are many; drop what killed fetches left. The lock is held."""
        packs = self.folder / "objects" / "pack"
        for left in packs.glob("tmp_*"):
            left.unlink(missing_ok=True)
        if sum(1 for _ in packs.glob("*.pack")) > PACKS_KEPT:
            # Disk space is all there is to gain: a failure must not fail the fetch.
            with suppress(GitError):
                self.work("repack", "--geometric=2", "-d", "-q")

    def _local_error(self, command: str, errors: str) -> GitError:
        reason = classify_local(errors)
        return GitError(reason, f"git {command} in {self.folder}: {summary(errors)}")

    def _surroundings(self, more: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
        """Every variable that could lead Git elsewhere, set: GitPython passes on what is not."""
        lines = (*_SETTINGS, *more)
        numbered = {f"GIT_CONFIG_KEY_{n}": name for n, (name, _) in enumerate(lines)}
        numbered |= {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(lines)}
        return {
            **_FIXED,
            **numbered,
            "GIT_CONFIG_COUNT": str(len(lines)),
            "GIT_DIR": str(self.folder),
            "GIT_COMMON_DIR": str(self.folder),
            "GIT_OBJECT_DIRECTORY": str(self.folder / "objects"),
            "GIT_GRAFT_FILE": str(self.folder / "no-grafts"),
        }


_FIXED: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TEMPLATE_DIR": "",
    "GIT_NAMESPACE": "",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": ":".join(address.PROTOCOLS),
    "TZ": "UTC",
}


def failure(remote: Remote, verb: str, done: process.Finished) -> GitError:
    """Return the error for a command that the remote, or the way there, made fail."""
    text = done.stderr.decode(errors="replace")
    return GitError(classify(text), f"{verb} of {remote} failed: {summary(text)}")


def _gitpython() -> ModuleType:
    try:
        import git  # noqa: PLC0415 - 150 ms that `tidegate --help` does not need
    except ImportError as why:
        raise GitError(GitReason.REFUSED, "no usable git program in PATH: install git") from why
    for name in _OF_ANOTHER_REPOSITORY:
        os.environ.pop(name, None)
    return git


# A Git hook that starts the agent sets these, and GitPython's `Repo` reads them from the process.
_OF_ANOTHER_REPOSITORY: Final = (
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
)


def _read(found: git.Commit) -> Commit:
    message = found.message
    return Commit(
        id=found.hexsha,
        tree=found.tree.hexsha,
        parents=tuple(parent.hexsha for parent in found.parents),
        author=found.author.name or "",
        email=found.author.email or "",
        time=found.authored_date,
        message=message if isinstance(message, str) else message.decode(errors="replace"),
    )
