"""A memo saves work and changes no answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.memo import Memo


def test_a_value_is_made_once():
    """While it is asked for again and again."""
    made: list[str] = []
    memo: Memo[str, str] = Memo(2)
    for _ in range(3):
        assert memo.get("a", lambda: made.append("a") or "A") == "A"  # type: ignore[func-returns-value]
    assert made == ["a"]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 4), st.lists(st.integers(0, 9), max_size=60))
def test_it_forgets_and_is_never_wrong(size: int, keys: list[int]):
    """It holds two turns of its size at most."""
    memo: Memo[int, str] = Memo(size)
    for key in keys:
        assert memo.get(key, lambda: str(key)) == str(key)  # noqa: B023 - called at once
        assert len(memo._newer) + len(memo._older) <= 2 * size + 1
