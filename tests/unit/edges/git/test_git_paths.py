"""Names of a tree: which may reach a disk."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edges.git.paths import collisions, why_not_link, why_not_path


@pytest.mark.parametrize(
    "path",
    ["a", "a/b.yaml", "räume/ß 1", ".gitignore", "a/.gitkeep", ".github/x", "a..b", "x" * 255],
)
def test_ordinary_names_pass(path: str):
    """Also those that only look like Git's own."""
    assert why_not_path(path) == ""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "a//b",
        "./a",
        "../a",
        "a/..",
        ".git/config",
        "a/.GIT",
        ".git./x",
        ".git ",
        "git~1/x",
        ".g\u200cit/x",
        ".git::$INDEX_ALLOCATION",
        "a\\b",
        "a\nb",
        "a\x7f",
        "a\x00b",
        "a\x85b",
        "\udcff",
        "x" * 256,
        "ä" * 128,
        "a/" * 2001,
    ],
)
def test_names_that_lead_elsewhere_are_refused(path: str):
    """By a reason in words."""
    assert why_not_path(path)


def test_names_that_some_disks_take_for_one_are_found():
    """By case, by Unicode form, and of folders too."""
    names = ["A/x", "a/y", "caf\u00e9", "cafe\u0301", "straße", "STRASSE", "other"]
    assert {path for path, _ in collisions(names)} == {"a/y", "caf\u00e9", "straße"}


@pytest.mark.parametrize("target", [b"b", b"../x", b"./b/c", b"../d/../e"[:4], b"b/"])
def test_links_inside_pass(target: bytes):
    """A link in a/ may name anything below its root."""
    assert why_not_link("a/link", target) == ""


@pytest.mark.parametrize("target", [b"", b"/etc", b"../../x", b"b/../../x", b"b/../c", b"a\0b"])
def test_links_that_could_leave_are_refused(target: bytes):
    """`..` after a name counts as leaving: the name may be a link itself."""
    assert why_not_link("a/link", target)


@settings(deadline=None, max_examples=200)
@given(
    folders=st.lists(st.sampled_from(["a", "b"]), max_size=3),
    target=st.lists(st.sampled_from(["..", ".", "a", "b", ""]), min_size=1, max_size=6),
)
def test_an_accepted_link_stays_inside(folders: list[str], target: list[str]):
    """Wherever the link is, what it names is below the root."""
    path, text = "/".join([*folders, "link"]), "/".join(target)
    if why_not_link(path, text.encode()) == "":
        reached = posixpath.normpath(posixpath.join("/r/o/o/t", *folders, text))
        assert (reached + "/").startswith("/r/o/o/t/")
