"""Imports a module without the large ones that it names and that nobody calls for us.

Never changes what a module does: a name that was left out is there when it is asked for.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def stand_in(name: str, **given: Any) -> ModuleType:
    """Stand for a module that is imported by the first look at a name that is not given."""
    module = ModuleType(name)

    def wanted(attribute: str) -> Any:
        if attribute.startswith("__"):  # the import system asks, which is not a use
            raise AttributeError(attribute)
        return getattr(import_module(name), attribute)

    module.__dict__.update(given, __getattr__=wanted)  # PEP 562
    return module


@contextmanager
def standing_in(*modules: ModuleType) -> Iterator[None]:
    """Let the block import with stand-ins for modules that are not there yet; only the block."""
    absent = {each.__name__: each for each in modules if each.__name__ not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
