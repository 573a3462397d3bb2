"""Writes the facts of passes to a folder, one file each; Secret values become tokens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agent.core.encode import EncodeError
from agent.core.record import dump

if TYPE_CHECKING:
    from pathlib import Path

    from agent.core.values import Facts

log = logging.getLogger(__name__)


class Recorder:
    """A folder of records: `<namespace>.<name>.<time>.json`, for `tidegate replay`.

    A record that can't be written is logged and stops nothing.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._key = key

    def record(self, facts: Facts) -> None:
        """Write one pass's facts."""
        name = f"{facts.package.namespace}.{facts.package.name}.{facts.now:%Y%m%dT%H%M%S.%fZ}.json"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / name).write_bytes(dump(facts, self._key))
        except (OSError, EncodeError) as error:
            log.warning("%s: the pass is not recorded: %s", facts.package, error)
