"""Renders on disk, by the digest of everything they depend on; disposable.

Never trusts a file: each carries the digest of its content, and one that does not fit is gone.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PROOF: Final = hashlib.sha256().digest_size
_LARGEST: Final = 128 * 2**20
"""Of one render, decompressed: more was never written by us."""


class Cache:
    """A folder of files that only this user can read: renders may hold Secrets.

    Failing to write costs time later and nothing else, so it is silent.
    """

    def __init__(self, folder: Path, capacity: int = 512 * 2**20) -> None:
        """Use a folder that may not exist yet; `capacity` is in bytes on disk."""
        self._folder = folder
        self._capacity = capacity
        self._used: int | None = None
        """Bytes on disk as far as we know: others may use the folder, so it is counted anew."""

    def get(self, key: str) -> bytes | None:
        """Return what was put under a digest, or None."""
        path = self._path(key)
        try:
            stored = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        proof, packed = stored[:_PROOF], stored[_PROOF:]
        if hashlib.sha256(key.encode() + packed).digest() != proof:
            path.unlink(missing_ok=True)
            return None
        return zlib.decompressobj().decompress(packed, _LARGEST)

    def put(self, key: str, content: bytes) -> None:
        """Keep content under a digest, whole or not at all."""
        path = self._path(key)
        packed = zlib.compress(content, 1)
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(_PROOF + len(packed))
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                try:
                    file.write(hashlib.sha256(key.encode() + packed).digest() + packed)
                    file.close()
                    Path(file.name).replace(path)
                except OSError:
                    Path(file.name).unlink(missing_ok=True)
                    raise

    def _path(self, key: str) -> Path:
        if not _DIGEST.fullmatch(key):
            raise ValueError(f"{key!r} is no digest")
        return self._folder / key.removeprefix("sha256:")

    def _make_room(self, wanted: int) -> None:
        """Remove what was not used for longest until the new entry fits."""
        if self._used is not None and self._used + wanted <= self._capacity:
            self._used += wanted
            return
        entries = [(entry, entry.stat()) for entry in self._folder.iterdir()]
        used = sum(status.st_size for _, status in entries) + wanted
        for entry, status in sorted(entries, key=lambda each: each[1].st_mtime):
            if used <= self._capacity:
                break
            entry.unlink(missing_ok=True)
            used -= status.st_size
        self._used = used
