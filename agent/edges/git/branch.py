"""Commits of files onto a branch elsewhere, made without a work tree, by `git fast-import`.

Never forces, and never believes that a failed push failed.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from agent.edges import failpoints, process
from agent.edges.git import objects
from agent.edges.git.errors import GitError, GitReason
from agent.edges.git.objects import EXECUTABLE, LINK, SUBMODULE, Blob
from agent.edges.git.paths import why_not_path
from agent.edges.git.repository import Repository, failure

if TYPE_CHECKING:
    from pathlib import Path

    from agent.edges.git.address import Remote

TRIES: Final = 5
PUSH_SECONDS: Final = 120.0
_TIP: Final = "refs/tidegate/branch"
_NEXT: Final = "refs/tidegate/next"
_FEW_BYTES: Final = 4 * 1024 * 1024

# What a server says when another push was faster; all else is a refusal that a retry won't change.
_RACED: Final = re.compile(
    r"\[rejected\]|cannot lock ref|failed to (update|lock)|incorrect old value|already exists"
    r"|fetch first|non-fast-forward",
    re.IGNORECASE,
)
_NO_OPTIONS: Final = "does not support push options"
_CHANCE: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a commit says made it."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Published:
    """The remote has our commit."""

    commit: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing differed, so nothing was committed; None where the branch does not exist."""

    commit: str | None


class Files(Mapping[str, bytes]):
    """The files of a commit by path, read when asked for; links and submodules are not files."""

    def __init__(self, repository: Repository, commit: str, blobs: Mapping[str, Blob]) -> None:
        self.commit = commit
        self.blobs = blobs
        self._repository = repository
        self._contents: dict[str, bytes] = {}

    @classmethod
    def of(cls, repository: Repository, commit: str) -> Files:
        """List the files of a commit."""
        _, listing = repository.ask(
            "ls-tree", "-r", "-t", "-z", "-l", "--full-tree", "--end-of-options", commit
        )
        tree = objects.tree(listing, "").files.items()
        kept = {path: blob for path, blob in tree if blob.mode not in {LINK, SUBMODULE}}
        return cls(repository, commit, kept)

    @classmethod
    def after(
        cls,
        repository: Repository,
        commit: str,
        before: Files | None,
        edits: Mapping[str, bytes | None],
    ) -> Files:
        """Tell the files of a commit from those of its parent."""
        blobs = {} if before is None else dict(before.blobs)
        for path, new in edits.items():
            blobs.pop(path, None)
            if new is not None:
                for gone in [each for each in blobs if _clash(each, path)]:
                    del blobs[gone]
                blobs[path] = Blob(_id_of(new, len(commit)), _mode(before, path), len(new))
        return cls(repository, commit, blobs)

    def __getitem__(self, path: str) -> bytes:
        blob = self.blobs[path]
        if blob.oid not in self._contents:
            self._contents.update(self._read(blob))
        return self._contents[blob.oid]

    def __iter__(self) -> Iterator[str]:
        return iter(self.blobs)

    def __len__(self) -> int:
        return len(self.blobs)

    def _read(self, wanted: Blob) -> Mapping[str, bytes]:
        """A small tree is read at once: a process costs as much as a hundred files."""
        size = sum(blob.size for blob in self.blobs.values())
        all_of_it = {blob.oid for blob in self.blobs.values()}
        asked = all_of_it if size <= _FEW_BYTES else {wanted.oid}
        lines = "".join(f"{oid}\n" for oid in asked).encode()
        return dict(objects.blobs(self._repository.work("cat-file", "--batch", stdin=lines)))


Change: TypeAlias = "Callable[[Files | None], Mapping[str, bytes | None]]"
"""The files there are (None: no such branch) → the files to write, None for those to remove.

Called once more, with the newer files, after each lost race.
"""


class Branch:
    """A branch of a remote that gets commits of ours. One commit at a time per folder."""

    def __init__(
        self,
        folder: Path,
        remote: Remote,
        author: Identity,
        pause: Callable[[float], None] = process.pause,
    ) -> None:
        self.remote = remote
        self._author = author
        self._pause = pause
        self._repository = Repository(folder)
        self._skips_ci = True
        self._pushed: Files | None = None
        """What we put there last; nobody else may have been there since."""

    def commit(
        self, change: Change, message: str, *, even_if_same: bool = False
    ) -> Published | Unchanged:
        """Put what `change` returns on top of the branch; a lost race is tried again.

        With `even_if_same` there is a commit although no file differs.

        Raises:
            GitError: Raced after five tries; Refused by the server; or it can't be reached.
        """
        for lost in range(TRIES):
            if lost:
                self._pause(_CHANCE.uniform(0.05, 0.1 * 2**lost))
            outcome = self._once(change, message, even_if_same=even_if_same)
            if outcome is not None:
                return outcome
            self._pushed = None
        raise GitError(GitReason.RACED, f"{self.remote} moved {TRIES} times while we pushed to it")

    def _once(
        self, change: Change, message: str, *, even_if_same: bool
    ) -> Published | Unchanged | None:
        """Return None if somebody else's commit got in between.

        Where our own push was the last we knew of, it is taken for the tip without a question: the
        server refuses if it is not, and that is a lost race. Nothing is taken for granted by
        saying that nothing differs.
        """
        files, self._pushed = self._pushed, None
        edits = {} if files is None else _edits(files, change(files))
        if not edits:
            tip = self._repository.fetch(self.remote, _TIP)
            files = None if tip is None else Files.of(self._repository, tip)
            edits = _edits(files, change(files))
            if not edits and not even_if_same:
                return Unchanged(tip)
        commit = self._write(files, edits, message)
        failpoints.reach("publish:before")
        landed = self._push(commit, files.commit if files else "")
        failpoints.reach("publish:after")
        if not landed:
            return None
        self._pushed = Files.after(self._repository, commit, files, edits)
        return Published(commit)

    def _write(self, files: Files | None, edits: Mapping[str, bytes | None], message: str) -> str:
        stream = _stream(files, edits, message, self._author)
        options = ("--quiet", "--force", "--done", "--date-format=now")
        told = self._repository.work("fast-import", *options, stdin=stream)
        return told.decode().strip()

    def _push(self, commit: str, parent: str) -> bool:
        """Push; False if the branch is no longer at the parent; empty: if there is one.

        Of 158 pushes killed half way 138 had landed, so all but a clear answer is looked up.
        """
        try:
            done = self._try_push(commit, parent)
        except GitError:
            if self._has_landed(commit):
                return True
            raise
        if done.code == 0:
            return True
        answer = _answer(done)
        if _RACED.search(answer):
            return False
        if answer:
            raise GitError(GitReason.REFUSED, f"{self.remote} refuses our commit: {answer}")
        if self._has_landed(commit):
            return True
        raise failure(self.remote, "push", done)

    def _try_push(self, commit: str, parent: str) -> process.Finished:
        # Not to force, for the commit is on top of its parent: a branch that was deleted, which a
        # plain push would bring back whole, is a lost race too.
        lease = f"--force-with-lease={self.remote.ref}:{parent}"
        done = self._send(commit, lease, *(("--push-option=ci.skip",) if self._skips_ci else ()))
        if done.code != 0 and _NO_OPTIONS in done.stderr.decode(errors="replace"):
            self._skips_ci = False
            done = self._send(commit, lease)
        return done

    def _send(self, commit: str, *options: str) -> process.Finished:
        return self._repository.call(
            self.remote,
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--no-recurse-submodules",
            *options,
            "--end-of-options",
            self.remote.url,
            f"{commit}:{self.remote.ref}",
            timeout=PUSH_SECONDS,
        )

    def _has_landed(self, commit: str) -> bool:
        tip = self._repository.fetch(self.remote, _TIP)
        if tip is None:
            return False
        asked = ("merge-base", "--is-ancestor", "--end-of-options", commit, tip)
        code, _ = self._repository.ask(*asked, fine=(0, 1))
        return code == 0


def _clash(one: str, other: str) -> bool:
    """Whether one path is a folder of the other: a tree has only one of them."""
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _edits(files: Files | None, wanted: Mapping[str, bytes | None]) -> Mapping[str, bytes | None]:
    """Return what differs from the files there are; contents are compared by their ids."""
    blobs: Mapping[str, Blob] = {} if files is None else files.blobs
    edits = {}
    for path, content in wanted.items():
        why = why_not_path(path)
        if why:
            raise GitError(GitReason.REFUSED, f"can't commit a file {path!r}: it {why}")
        blob = blobs.get(path)
        if content is None:
            differs = blob is not None
        else:
            differs = blob is None or blob.oid != _id_of(content, len(blob.oid))
        if differs:
            edits[path] = content
    return edits


def _id_of(content: bytes, length: int) -> str:
    """The id Git gives a blob, in a SHA-1 or a SHA-256 repository (gitformat-pack(5))."""
    framed = b"blob %d\0" % len(content) + content
    if length == hashlib.sha256().digest_size * 2:
        return hashlib.sha256(framed).hexdigest()
    return hashlib.sha1(framed, usedforsecurity=False).hexdigest()


def _stream(
    files: Files | None, edits: Mapping[str, bytes | None], message: str, author: Identity
) -> bytes:
    """The commit in the language of git-fast-import(1), which tells its id at the end.

    Removals come first, so that a file may give way to a folder of the same name.
    """
    who = f"{_plain(author.name)} <{_plain(author.email)}> now"
    head = [f"reset {_NEXT}\n\ncommit {_NEXT}\nmark :1\nauthor {who}\ncommitter {who}\n".encode()]
    head.append(_data(message.encode()))
    if files is not None:
        head.append(f"from {files.commit}\n".encode())
    removed = [f"D {_quoted(path)}\n".encode() for path, new in edits.items() if new is None]
    written = [
        f"M {_mode(files, path):o} inline {_quoted(path)}\n".encode() + _data(new)
        for path, new in sorted(edits.items())
        if new is not None
    ]
    return b"".join((*head, *removed, *written, b"\nget-mark :1\ndone\n"))


def _mode(files: Files | None, path: str) -> int:
    blob = None if files is None else files.blobs.get(path)
    return EXECUTABLE if blob is not None and blob.mode == EXECUTABLE else 0o100644


def _data(content: bytes) -> bytes:
    return b"data %d\n" % len(content) + content + b"\n"


def _quoted(path: str) -> str:
    """Paths with control characters or backslashes were refused: quotes are what is left."""
    return '"' + path.replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable() and sign not in "<>")


def _answer(done: process.Finished) -> str:
    """Return what the server said of our ref: `[rejected] (fetch first)`, or nothing."""
    lines = done.stdout.decode(errors="replace").splitlines()
    told = (line.split("\t", 2)[-1] for line in lines if line.startswith("!\t"))
    answer = next(told, "")
    return "" if answer.startswith("[remote failure]") else answer
