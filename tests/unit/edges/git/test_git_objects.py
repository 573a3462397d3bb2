"""What Git's plumbing prints, read back."""

from __future__ import annotations

import pytest

from agent.edges.git import objects
from agent.edges.git.errors import GitError, GitReason, classify, summary
from agent.edges.git.objects import Author, Blob, Tree

OID = "1" * 40


def test_a_listing_tells_files_folders_links_and_submodules():
    """By mode, with sizes; names may hold anything but NUL."""
    listing = (
        b"040000 tree 2222        -\ta\0"
        b"100755 blob 3333       12\ta/b\tc\n\0"
        b"120000 blob 4444        5\tlink\0"
        b"160000 commit 5555       -\tsub\0"
    )
    assert objects.tree(listing, "root") == Tree(
        files={
            "a/b\tc\n": Blob("3333", 0o100755, 12),
            "link": Blob("4444", objects.LINK, 5),
            "sub": Blob("5555", objects.SUBMODULE, 0),
        },
        folders={"": "root", "a": "2222"},
    )


def test_names_that_no_git_writes_are_told():
    """Twice the same, or with a slash: trees made by hand."""
    listing = b"100644 blob 3333 1\ta\x00040000 tree 2222 -\ta\x00100644 blob 3333 1\tb/c\0"
    assert objects.tree(listing, "root").broken == ("a", "b/c")


OLD = Tree({"a": Blob("1111", 0o100644, 1), "b/c": Blob("2222", 0o100644, 2)}, {"": "r", "b": "3"})


def test_a_tree_is_known_by_what_differs():
    """A change, a removal with its folder, a new file in a new folder."""
    diff = (
        b":100644 100755 1111 4444 M\0a\0"
        b":040000 000000 3 0 D\0b\0"
        b":100644 000000 2222 0000 D\0b/c\0"
        b":000000 040000 0 5 A\0d\0"
        b":000000 120000 0000 6666 A\0d/e\0"
    )
    sizes = objects.sizes(b"9999 tree 66\n4444 blob 7\n6666 blob 8\n")
    assert objects.edited(OLD, "9999", objects.edits(diff), sizes) == Tree(
        {"a": Blob("4444", 0o100755, 7), "d/e": Blob("6666", objects.LINK, 8)},
        {"": "9999", "d": "5"},
    )


@pytest.mark.parametrize(
    "diff",
    [
        b":100644 000000 1111 0 D\0a\0:000000 040000 0 5 A\0a\0",
        b":000000 100644 0 5 A\0a\0",
        b":100644 100644 0 5 M\0x\0",
        b":000000 100644 0 5 A\0x/y\0",
        b":100644 120000 1111 5 T\0a\0",
    ],
)
def test_what_no_edit_can_tell_is_listed_whole(diff: bytes):
    """A name that changes its nature, or trees made by hand."""
    assert objects.edited(OLD, "r", objects.edits(diff), {}) is None


def test_blobs_of_a_batch_keep_their_bytes():
    """Contents with newlines, and empty ones."""
    batch = b"1111 blob 3\na\nb\n2222 blob 0\n\n"
    assert list(objects.blobs(batch)) == [("1111", b"a\nb"), ("2222", b"")]


def test_a_missing_blob_is_an_error():
    """Never an empty content."""
    with pytest.raises(GitError, match="2222 can't be read: missing"):
        list(objects.blobs(b"1111 blob 1\na\n2222 missing\n"))


def test_the_newest_commit_that_names_a_path_is_its_author():
    """Empty names, merges without paths, and a path that looks like a commit id."""
    log = (
        b"\0" + b"a" * 40 + b"\0Ada\0ada@x\x001\0\nb\0" + OID.encode() + b"\0"
        b"\0" + b"b" * 40 + b"\0\0\x002\0"
        b"\0" + b"c" * 40 + b"\0Carl\0\x003\0\nb\0\nc\0"
    )
    assert objects.last_authors(log, ["b", OID, "\nc", "missing"]) == {
        "b": Author("a" * 40, "Ada", "ada@x", 1),
        OID: Author("a" * 40, "Ada", "ada@x", 1),
        "\nc": Author("c" * 40, "Carl", "", 3),
    }


def test_lfs_pointers_are_told_from_files():
    """By their first line; a large file that begins so is a file."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    assert objects.is_lfs_pointer(pointer)
    assert not objects.is_lfs_pointer(b"kind: ConfigMap\n")
    assert not objects.is_lfs_pointer(pointer + b"x" * 1024)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", "AuthFailed"),
        ("git@h: Permission denied (publickey).", "AuthFailed"),
        (
            "fatal: unable to access 'https://h/': The requested URL returned error: 403",
            "AuthFailed",
        ),
        ("Host key verification failed.", "HostKey"),
        ("fatal: unable to access: server certificate verification failed", "Certificate"),
        ("fatal: unable to access 'x': Could not resolve host: h", "Unreachable"),
        ("fatal: repository 'http://h/x/' not found", "NotFound"),
        ("error: write: No space left on device", "DiskFull"),
        ("fatal: couldn't find remote ref refs/heads/x", "NoBranch"),
    ],
)
def test_reasons_are_read_from_what_git_says(text: str, reason: str):
    """One word for whom to ask."""
    assert classify(text) is GitReason(reason)


def test_a_summary_holds_no_credential():
    """One line, without user information or control characters."""
    text = "hint: x\nfatal: unable to access 'https://u:canary@h/':\x1b[31m refused\nmore"
    assert summary(text) == "fatal: unable to access 'https://h/':[31m refused"


_GAVE_UP = "fatal: Could not read from remote repository.\n\nPlease make sure you have the rights\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "@@@ WARNING @@@\nHost key for h has changed.\nHost key verification failed.\n",
            "Host key for h has changed; Host key verification failed",
        ),
        ("git@h: Permission denied (publickey).\n", "git@h: Permission denied (publickey)"),
        (
            "fatal: '/r.git' does not appear to be a git repository\n",
            "fatal: '/r.git' does not appear to be a git repository",
        ),
        ("", "fatal: Could not read from remote repository."),
    ],
)
def test_a_summary_lets_ssh_speak(said: str, told: str):
    """Of a failed login Git knows only that it failed."""
    assert summary(said + _GAVE_UP) == told
