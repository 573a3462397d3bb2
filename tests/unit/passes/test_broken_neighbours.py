"""A package that stays broken while its files change may be where an object went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.values import Reason, Unknown
from agent.passes.repository import _same

BROKEN = Unknown(Reason.RENDER_FAILED, "line 3", commit="1", content="sha256:a")


@pytest.mark.parametrize(
    ("newer", "same"),
    [
        (replace(BROKEN, commit="2"), True),
        (replace(BROKEN, content="sha256:b"), False),
        (replace(BROKEN, says="line 4"), False),
    ],
)
def test_a_broken_package_is_the_same_only_with_the_same_files(
    newer: Unknown, *, same: bool
) -> None:
    """Its message alone does not tell."""
    assert _same(BROKEN, newer) is same
