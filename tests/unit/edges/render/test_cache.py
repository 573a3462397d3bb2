"""What was rendered once is found again, or rendered again; never believed blindly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from agent.edges.render.cache import Cache

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")


def test_what_was_put_is_found(tmp_path: Path):
    """Also by the next agent on the same folder."""
    Cache(tmp_path / "cache").put(ONE, b"content")
    assert Cache(tmp_path / "cache").get(ONE) == b"content"
    assert Cache(tmp_path / "cache").get(TWO) is None


def test_a_tampered_file_is_gone(tmp_path: Path):
    """Content that belongs to another digest, or to none, is never returned."""
    cache = Cache(tmp_path)
    cache.put(ONE, b"one")
    cache.put(TWO, b"two")
    one, two = (tmp_path / each.removeprefix("sha256:") for each in (ONE, TWO))
    two.write_bytes(one.read_bytes())
    one.write_bytes(b"x")
    assert (cache.get(ONE), cache.get(TWO)) == (None, None)
    assert list(tmp_path.iterdir()) == []


def test_only_this_user_can_read_it(tmp_path: Path):
    """Renders may hold Secrets."""
    Cache(tmp_path / "cache").put(ONE, b"content")
    folder = tmp_path / "cache"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.stat().st_mode & 0o777 for each in folder.iterdir()] == [0o600]


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path):
    """The folder stays within its capacity."""
    cache = Cache(tmp_path, capacity=100)
    cache.put(ONE, b"one")
    cache.put(TWO, b"two")
    for path in tmp_path.iterdir():  # clocks of disks are too coarse to tell the two apart
        os.utime(path, (0, 0))
    cache.get(ONE)
    cache.put(THREE, b"three")
    assert [cache.get(each) for each in (ONE, TWO, THREE)] == [b"one", None, b"three"]


def test_a_cache_that_cannot_write_is_silent(tmp_path: Path):
    """It costs time and nothing else."""
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")
    cache.put(ONE, b"content")
    assert cache.get(ONE) is None


def test_a_key_is_a_digest(tmp_path: Path):
    """Anything else could be a path."""
    with pytest.raises(ValueError, match="is no digest"):
        Cache(tmp_path).get("../secret")
