"""What is left out of an import is not loaded, and is there when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType

from agent.edges.lean import stand_in, standing_in

STARTS_AN_AGENT = """
import sys
import agent.assemble.run
from agent.edges.timers import Timers
Timers().stop()
print([name for name in ('asyncio', 'html.entities') if name in sys.modules])
import asyncio, html
print(asyncio.run(asyncio.sleep(0, 'slept')), html.unescape('&eacute;'))
from http import server
print(server.html.escape('<'))
"""


def test_an_agent_loads_neither():
    """They are a twentieth of its memory; who imports them afterwards gets the real ones."""
    done = subprocess.run(
        [sys.executable, "-c", STARTS_AN_AGENT], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "slept é", "&lt;"]


def test_only_the_block_sees_a_stand_in():
    """Also where the import inside it fails."""
    absent = ModuleType("not_there")
    with suppress(ImportError), standing_in(absent):
        assert sys.modules["not_there"] is absent
        import_module("not_there.either")
    assert "not_there" not in sys.modules


def test_what_is_loaded_is_never_replaced():
    """A stand-in is for what nobody has."""
    with standing_in(stand_in("json")):
        assert not isinstance(sys.modules["json"].loads, ModuleType)
        assert sys.modules["json"].loads("1") == 1
    assert sys.modules["json"].loads("2") == 2


def test_a_stand_in_gives_what_it_was_given_and_the_rest_from_the_real_one():
    """Given names win; a module that imports by a stand-in misses none."""
    module = stand_in("colorsys", hls_to_rgb=len)
    assert module.hls_to_rgb is len
    assert module.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
