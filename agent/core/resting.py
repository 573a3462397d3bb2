"""Manifests at rest: what a package wants is looked at for milliseconds, and kept for weeks.

As dicts, a thousand small objects are 2.4 MiB; packed they are a third. Reads as the mapping it
was; never changes a value, and never holds one object twice for two who want the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from agent.core import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.values import Complete, Desired, Manifest

OPEN: Final = 256
"""Manifests that are held open: those of the few passes that run now."""


class Resting(Mapping[str, Any]):
    """A manifest that is opened by who looks at it; equal to the mapping it was made of.

    No dataclass: orjson would write its fields, not the manifest's.
    """

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __getitem__(self, name: str) -> Any:
        """Give a field."""
        return _opened(self._packed)[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the fields, in the order they were written in."""
        return iter(_opened(self._packed))

    def __len__(self) -> int:
        """Count the fields."""
        return len(_opened(self._packed))


@lru_cache(OPEN)
def _opened(packed: bytes) -> Manifest:
    manifest: Manifest = encode.unpack(packed)
    return manifest


def at_rest(wants: Complete, before: Complete | None = None) -> Complete:
    """Pack every manifest; what stands in `before` in every respect is that very object."""
    known = {each.key: each for each in before.objects} if before else {}
    objects = tuple(_rested(each, known.get(each.key)) for each in wants.objects)
    return replace(wants, objects=objects)


def _rested(desired: Desired, before: Desired | None) -> Desired:
    packed = Resting(encode.pack(desired.manifest))
    rested = replace(desired, manifest=packed)
    if before is None or rested.digest != before.digest:
        return rested
    return before if rested == before else replace(rested, manifest=before.manifest)
