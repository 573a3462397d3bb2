"""Lets the workers of one test run share one control plane; never leaves it behind.

The first worker to arrive starts it. Each user holds a shared lock on one file; the owner, when it
is done, waits for that lock alone, which it gets when the last user is gone. The kernel drops the
locks of a worker that is killed.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from control_plane.server import ControlPlane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from control_plane.build import Assets


@contextmanager
def shared(folder: Path, assets: Assets) -> Iterator[ControlPlane]:
    """Give the run's control plane under `folder`, starting it if nobody has."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "running"  # holds the folder of the present one; absent: none is running
    with (folder / "users.lock").open("w") as in_use:
        owned = None
        with (folder / "start.lock").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(in_use, fcntl.LOCK_SH)  # waits while an owner is just ending one
            if place.exists():
                plane = ControlPlane(folder / place.read_text(), assets)
            else:
                own = f"control-plane-{len(list(folder.iterdir()))}"
                plane = owned = ControlPlane(folder / own, assets).__enter__()
                place.write_text(own)
        try:
            yield plane
        finally:
            if owned:
                fcntl.flock(in_use, fcntl.LOCK_EX)
                place.unlink()
                owned.__exit__()
