"""Our own files are YAML 1.2, and every value knows its place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.kinds.documents import parse
from agent.core.kinds.positions import Spot, UnreadableError, compose, find, plain, spot
from agent.core.kinds.shape import Site

HEAD = "apiVersion: tidegate.io/v1alpha1\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:00", "22:00"),
        ("2026-11-01", "2026-11-01"),
        ("yes", "yes"),
        ("True", True),
        ("~", None),
        ("0777", 777),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1.5e3", 1500.0),
        (".inf", ".inf"),
        ("'1'", "1"),
        ("! 1", "1"),
        ("!!str 1", "1"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object):
    """Times and dates are text, `yes` is text, a leading zero is decimal (YAML 1.2.2, 10.3.2)."""
    found = plain(next(compose(text)))
    assert (type(found), found) == (type(value), value)


def test_the_old_version_of_yaml_changes_nothing():
    """A `%YAML 1.1` line does not turn 22:00 into 1320."""
    assert plain(next(compose("%YAML 1.1\n---\na: 22:00\n"))) == {"a": "22:00"}


def test_every_value_knows_its_place():
    """Lines and columns count from 1, in any layout, and what is missing is at its parent."""
    node = next(compose("é: 1\nspec:\n  match:\n  - {names: [a, b]}\n"))
    path = ("spec", "match", 0, "names", 1)
    assert spot(node, path) == Spot(4, 17, 36)
    assert spot(node, ("spec", "match", 0, "names"), name=True) == Spot(4, 6, 25)
    assert spot(node, ("spec", "until")) == Spot(2, 1, 5)
    assert find(node, ("spec", "until")) is None


def test_aliases_repeat_values_at_their_own_place():
    """An anchor of the same document may be used again."""
    node = next(compose("a: &x {b: 1}\nc: *x\n"))
    assert plain(node) == {"a": {"b": 1}, "c": {"b": 1}}
    assert find(node, ("c",)) != find(node, ("a",))


@pytest.mark.parametrize("text", ["*x", "&x [*x]", "!thing a", "{[a]: b}", "[", "a: b: c"])
def test_what_declarations_do_not_use_is_told(text: str):
    """Never a traceback: a place and a sentence."""
    with pytest.raises(UnreadableError) as caught:
        list(compose(text))
    assert (caught.value.line, str(caught.value) != "") == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 500,
        "a: &a [x, x]\nb: &b [*a, *a]\n"
        + "".join(
            f"c{n}: &c{n} [{', '.join(['*b' if n == 0 else f'*c{n - 1}'] * 9)}]\n" for n in range(9)
        ),
        "x" * 2**20 + ": y",
    ],
    ids=["deep", "aliases", "large"],
)
def test_files_that_cost_too_much_are_refused(text: str):
    """Limits are checked before anything is built."""
    assert len(parse(f"{HEAD}{text}".encode(), Site("a.yaml")).unknown) == 1


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from([*"abk: -[]{},&*!|>\"'\n\t#%?~0", "\n  ", "---\n", "spec:"])))
def test_no_text_breaks_the_reader(parts: list[str]):
    """Whatever is in the repository becomes values or problems."""
    text = f"{HEAD}kind: Package\nmetadata: {{name: a, namespace: b}}\n{''.join(parts)}"
    found = parse(text.encode(), Site("a.yaml"))
    assert found.unknown or found.packages
