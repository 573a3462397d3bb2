"""Label selectors as kubectl takes them."""

from __future__ import annotations

import click
import pytest

from agent.cli.selectors import selector
from agent.core.policies import LabelSelector, Operator, Requirement


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("tier=back", LabelSelector((("tier", "back"),))),
        ("tier==back,a=b", LabelSelector((("tier", "back"), ("a", "b")))),
        ("env!=dev", LabelSelector((), (Requirement("env", Operator.NOT_IN, ("dev",)),))),
        ("t in (a, b)", LabelSelector((), (Requirement("t", Operator.IN, ("a", "b")),))),
        ("t notin (a)", LabelSelector((), (Requirement("t", Operator.NOT_IN, ("a",)),))),
        ("a/b", LabelSelector((), (Requirement("a/b", Operator.EXISTS),))),
        ("!a", LabelSelector((), (Requirement("a", Operator.DOES_NOT_EXIST),))),
    ],
)
def test_each_form_is_read(text: str, found: LabelSelector | None):
    """The grammar of apimachinery `labels.Parse`."""
    assert selector(text) == found


def test_what_is_none_is_usage():
    """With an example of what is."""
    with pytest.raises(click.UsageError, match="is no selector"):
        selector("tier=>1")
