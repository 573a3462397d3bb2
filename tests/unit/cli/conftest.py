"""A way to call verbs in process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agent.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def call() -> Callable[..., Result]:
    """Call a verb: `call("lint", "folder", TIDEGATE_OUTPUT="json")`."""

    def called(*arguments: str, **environment: str) -> Result:
        return CliRunner(env=environment).invoke(main, [*arguments])

    return called
