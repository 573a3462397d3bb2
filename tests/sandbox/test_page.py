"""The page of the sandbox says what its tests show."""

from __future__ import annotations

from sandbox.page import PAGE, page


def test_the_page_is_as_the_tests_make_it() -> None:
    """`python tests/sandbox/page.py` writes it again."""
    assert PAGE.read_text() == page()
