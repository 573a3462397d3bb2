"""The redactor in force: it learns the values of every Secret before a pass can speak of one."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agent.core.canonical import SECRET
from agent.core.redact import Redactor, secret_values
from agent.core.values import Complete, GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.declared import Snapshot
    from agent.core.values import Manifest


REMEMBERED: Final = 4096
"""Texts; a sentence has some hundred bytes."""


class Redaction:
    """A growing set of values that must not be seen; safe from any thread."""

    def __init__(self, key: bytes = b"") -> None:
        self._lock = threading.Lock()
        self._use(Redactor(key=key))

    @property
    def redactor(self) -> Redactor:
        """The redactor as of now."""
        return self._redactor

    def text(self, text: str) -> str:
        """A text that may leave the process."""
        return self._text(text)

    def learn(self, snapshot: Snapshot) -> None:
        """Know the Secrets of a revision, before anything in it is acted on."""
        values = {value for manifest in _manifests(snapshot) for value in secret_values(manifest)}
        if values:
            with self._lock:
                self._use(self._redactor.knowing(values))

    def _use(self, redactor: Redactor) -> None:
        self._redactor = redactor
        # Agents say the same again and again, of every object and after every pass.
        self._text = lru_cache(REMEMBERED)(redactor.text)


def _manifests(snapshot: Snapshot) -> Iterator[Manifest]:
    for rendered in snapshot.rendered.values():
        for desired in rendered.objects if isinstance(rendered, Complete) else ():
            if GroupKind(desired.key.group, desired.key.kind) == SECRET:  # the others stay packed
                yield desired.manifest
