"""The reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.reference import PAGES

REFERENCE = Path(__file__).parents[3] / "docs/reference"


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_as_the_code_makes_it(page: str):
    """`python -m agent.cli.reference docs/reference` writes it again."""
    assert (REFERENCE / page).read_text() == PAGES[page]()
