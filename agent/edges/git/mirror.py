"""The agent's copy of the source: polled, fetched, read by commit id.

Never writes to the remote, and never answers with nothing where it means "unknown".
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from agent.edges import failpoints
from agent.edges.git import objects
from agent.edges.git.errors import GitError, GitReason
from agent.edges.git.export import Exported, export
from agent.edges.git.objects import FOLDER, SUBMODULE
from agent.edges.git.repository import POLL_SECONDS, Commit, Repository, checked, failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from agent.edges.git.address import Remote
    from agent.edges.git.objects import Author, Blob, Tree

SOURCE: Final = "refs/tidegate/source"
PINS: Final = "refs/tidegate/applied/"
READ_CAP: Final = 256 * 1024 * 1024
_TREES_KEPT: Final = 4
_BLAME_SECONDS: Final = 20.0
_PATHS_ASKED: Final = 1000
_COMMITS_WALKED: Final = 2000
"""Measured at 10,000 files: to look at that many whole costs 40 ms, 1,000 named paths cost 120."""
_MANY: Final = 50
_LINEAGES_KEPT: Final = 1000
_PIN_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?")


class Mirror:
    """A bare mirror of one branch. Everything in it can be fetched again; losing it costs time.

    Methods raise GitError; `reason` tells whom to ask. After Corrupt or NoObject from a read,
    `fetch` looks the mirror over and starts it again if it is damaged.
    """

    def __init__(self, folder: Path, remote: Remote) -> None:
        self.remote = remote
        self._repository = Repository(folder)
        self._is_suspect = False
        self._trees: dict[str, Tree] = {}
        self._blamed: tuple[str, Mapping[str, Author]] = ("", {})
        self._descends: dict[tuple[str, str], bool] = {}

    # --- from the remote -----------------------------------------------------------------

    def poll(self) -> str | None:
        """Ask the remote for the commit of the branch; None if there is no such branch now."""
        self._repository.ensure()
        done = self._repository.call(
            self.remote,
            "ls-remote",
            "--end-of-options",
            self.remote.url,
            self.remote.ref,
            timeout=POLL_SECONDS,
        )
        if done.code != 0:
            raise failure(self.remote, "poll", done)
        # The argument is a pattern: refs/heads/x/refs/heads/main matches it too.
        told = (line.split("\t") for line in done.stdout.decode().splitlines())
        found = (commit for commit, ref in told if ref == self.remote.ref)
        commit = next(found, None)
        return commit and checked(commit)

    def tip(self) -> str | None:
        """Return the commit fetched last, without asking anybody; None before the first fetch."""
        self._repository.ensure()
        return self._repository.tip(SOURCE)

    def fetch(self) -> str:
        """Bring the branch with all its history here; return its commit.

        Raises:
            GitError: NoBranch if there is no such branch; the mirror stays as it was.
        """
        failpoints.reach("fetch:before")
        commit = self._fetched()
        if commit is None:
            raise GitError(GitReason.NO_BRANCH, f"{self.remote} does not exist")
        failpoints.reach("fetch:after")
        return commit

    def _fetched(self) -> str | None:
        if self._is_suspect and not self._repository.is_sound():
            return self._start_over()
        self._is_suspect = False
        try:
            return self._repository.fetch(self.remote, SOURCE)
        except GitError as why:
            # The damage may be the remote's: what we have is thrown away only if it is bad.
            if why.reason is not GitReason.CORRUPT or self._repository.is_sound():
                raise
            return self._start_over()

    def _start_over(self) -> str | None:
        """Clone anew beside the damaged mirror, then swap; until then the old one serves."""
        old = self._repository.folder
        fresh = Repository(old.with_name(f"{old.name}.fresh"))
        fresh.remove()
        commit = fresh.fetch(self.remote, SOURCE)
        if commit is None:
            return None
        with suppress(GitError):
            for ref, pinned in self._repository.refs(PINS).items():
                with suppress(GitError):
                    fresh.point(ref, pinned)
        quarantine = Repository(old.with_name(f"{old.name}.corrupt"))
        with self._repository.lock():
            quarantine.remove()
            old.rename(quarantine.folder)
            fresh.folder.rename(old)
        self._is_suspect = False
        return commit

    def has(self, commit: str) -> bool:
        """Tell whether a commit was brought here before."""
        self._repository.ensure()
        code, _ = self._repository.ask(
            "cat-file", "-e", "--end-of-options", f"{checked(commit)}^{{commit}}", fine=(0, 1, 128)
        )
        return code == 0

    def resolve(self, revision: str) -> str:
        """Return the commit whose id begins so; empty where there is none here, or several."""
        self._repository.ensure()
        return self._repository.resolve(revision)

    # --- what a commit holds -------------------------------------------------------------

    def commit(self, commit: str) -> Commit:
        """Return tree, parents, author and message of a commit."""
        return self._repository.commit(commit)

    def listing(self, commit: str) -> Mapping[str, Blob]:
        """Return path → blob of all files; links and submodules are told by their mode."""
        return self._tree(commit).files

    def trees(self, commit: str) -> Mapping[str, str]:
        """Return folder → tree id; the root is the empty path. Equal ids mean equal content."""
        return self._tree(commit).folders

    def read(self, oids: Iterable[str], cap: int = READ_CAP) -> Mapping[str, bytes]:
        """Return id → content of blobs, all by one process.

        Raises:
            GitError: TooLarge, more than `cap` bytes together; NoObject; Corrupt.
        """
        asked = sorted({checked(oid) for oid in oids})
        if not asked:
            return {}
        with self._doubting(GitReason.CORRUPT, GitReason.NO_OBJECT):
            lines = "\n".join(asked).encode() + b"\n"
            batch = self._repository.work("cat-file", "--batch", "--buffer", stdin=lines, cap=cap)
            return dict(objects.blobs(batch))

    def read_path(self, commit: str, path: str) -> bytes | None:
        """Return a file's content; None if the commit has no regular file there."""
        blob = self.listing(commit).get(path)
        if blob is None or blob.mode in {objects.LINK, objects.SUBMODULE}:
            return None
        return self.read([blob.oid])[blob.oid]

    def export(self, commit: str, folder: str, destination: Path) -> Exported:
        """Write a folder of a commit to a destination that does not exist yet, mode 0700.

        Raises:
            TreeRefused: names, links or submodules that must not reach a disk.
        """
        return export(self._tree(commit), folder, destination, self.read)

    def changed(self, old: str, new: str) -> tuple[str, ...]:
        """Return the paths that differ between two commits, both sides of a rename."""
        _, output = self._repository.ask(
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--end-of-options",
            checked(old),
            checked(new),
        )
        return tuple(objects.path_of(name) for name in output.split(b"\0")[:-1])

    def descends(self, commit: str, ancestor: str) -> bool:
        """Tell whether the commit is the ancestor or follows it; an unknown ancestor is none."""
        pair = (checked(commit), checked(ancestor))
        if pair not in self._descends:
            known = self._follows(*pair)
            if known is None:
                return False
            kept = tuple(self._descends.items())[1 - _LINEAGES_KEPT :]
            self._descends = {**dict(kept), pair: known}
        return self._descends[pair]

    def _follows(self, commit: str, ancestor: str) -> bool | None:
        """Ask Git; None where the ancestor is not here, which a later fetch may change."""
        with self._doubting(GitReason.CORRUPT):
            try:
                code, _ = self._repository.ask(
                    "merge-base",
                    "--is-ancestor",
                    "--end-of-options",
                    ancestor,
                    commit,
                    fine=(0, 1),
                )
            except GitError as why:
                if why.reason is GitReason.NO_OBJECT and not self.has(ancestor):
                    return None
                raise
        return code == 0

    def blame(self, commit: str, paths: Iterable[str]) -> Mapping[str, Author]:
        """Return path → who last touched it; those not found in 20 seconds are missing."""
        checked(commit)
        wanted = frozenset(paths)
        known = self._still_blamed(commit)
        missing = wanted - known.keys()
        if missing:
            known = {**known, **self._find_authors(commit, missing)}
        self._blamed = (commit, known)
        return {path: known[path] for path in wanted & known.keys()}

    def _still_blamed(self, commit: str) -> Mapping[str, Author]:
        """What was found for an earlier commit, with the commits since then on top.

        Not by comparing the two: a change and its revert leave no difference, but an author.
        """
        before, known = self._blamed
        if before in {"", commit}:
            return known
        if not self.descends(commit, before):
            return {}
        try:
            return {**known, **self._authors(known.keys(), commit, f"^{before}")}
        except GitError:
            return {}

    def _find_authors(self, commit: str, missing: frozenset[str]) -> Mapping[str, Author]:
        """Walk back for the missing, then for what is still missing, further each time."""
        found: dict[str, Author] = {}
        most = 2 * len(missing)
        with suppress(GitError):
            if len(missing) > _MANY:
                found |= self._authors(missing, f"--max-count={_COMMITS_WALKED}", commit)
            while left := sorted(missing - found.keys())[:_PATHS_ASKED]:
                new = self._authors(left, f"--max-count={most}", commit, "--", *left)
                if not new:
                    break
                found |= new
                most *= 4
        return found

    def _authors(self, wanted: Iterable[str], *walk: str) -> Mapping[str, Author]:
        arguments = ("log", "-z", "--name-only", "--no-renames", "--encoding=UTF-8")
        told = self._repository.work(*arguments, objects.LOG_FORMAT, *walk, timeout=_BLAME_SECONDS)
        return objects.last_authors(told, wanted)

    # --- what must stay ------------------------------------------------------------------

    def pin_all(self, commits: Mapping[str, str]) -> None:
        """Keep commits by the names of packages, also if the branch is rewritten.

        Raises:
            GitError: one of them is not here; then none is pinned.
        """
        lines = [f"update {_pin(name)} {checked(commit)}\n" for name, commit in commits.items()]
        if lines:
            stdin = "".join(lines).encode()
            self._repository.work("update-ref", "--no-deref", "--stdin", stdin=stdin)

    def unpin(self, name: str) -> None:
        """Stop keeping what was pinned under the name, if anything."""
        self._repository.forget(_pin(name))

    def pinned(self) -> Mapping[str, str]:
        """Return name → commit of all pins."""
        self._repository.ensure()
        refs = self._repository.refs(PINS)
        return {ref.removeprefix(PINS): commit for ref, commit in refs.items()}

    # --- inside --------------------------------------------------------------------------

    def _tree(self, commit: str) -> Tree:
        known = self._trees.get(checked(commit))
        if known is not None:
            return known
        with self._doubting(GitReason.CORRUPT):
            tree = self._edited(commit) or self._listed(commit)
        self._trees = {**dict(tuple(self._trees.items())[1 - _TREES_KEPT :]), commit: tree}
        return tree

    def _listed(self, commit: str) -> Tree:
        _, root = self._repository.ask("rev-parse", "--verify", f"{commit}^{{tree}}")
        listing = self._repository.work(
            "ls-tree", "-r", "-t", "-z", "-l", "--full-tree", "--end-of-options", commit
        )
        return objects.tree(listing, root.decode().strip())

    def _edited(self, commit: str) -> Tree | None:
        """Make the tree of the commit known last and what differs: at any size a few changes."""
        if not self._trees:
            return None
        before, known = next(reversed(self._trees.items()))
        # A mirror that was started over may lack the older commit: then the newer one is listed.
        with suppress(GitError):
            diff = self._repository.work(
                *("diff-tree", "-r", "-t", "-z", "--no-renames", "--end-of-options", before, commit)
            )
            changes = objects.edits(diff)
            new = {each.oid for each in changes if each.mode not in {0, FOLDER, SUBMODULE}}
            lines = "".join(f"{each}\n" for each in (f"{commit}^{{tree}}", *sorted(new)))
            batch = self._repository.work("cat-file", "--batch-check", stdin=lines.encode())
            root = batch.decode().partition(" ")[0]
            return objects.edited(known, root, changes, objects.sizes(batch))
        return None

    @contextmanager
    def _doubting(self, *reasons: GitReason) -> Iterator[None]:
        try:
            yield
        except GitError as why:
            self._is_suspect |= why.reason in reasons
            raise


def _pin(name: str) -> str:
    if not _PIN_NAME.fullmatch(name) or ".." in name or name.endswith(".lock"):
        raise GitError(GitReason.REFUSED, f"{name!r} is not the name of a package")
    return PINS + name
