"""What two renders agree on."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.manifests import Document
from agent.core.stable import Agreed, agreed


def document(name: str, **fields: Any) -> Document:
    """A ConfigMap."""
    return Document(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **fields}, 1, "a.yaml"
    )


def test_fields_that_differ_are_left_out_and_named():
    """At their own level, whatever is beside them."""
    first = document("a", data={"old": "1", "new": "x"}, spec={"list": [{"a": 1, "b": 2}]})
    second = document("a", data={"old": "1", "new": "y"}, spec={"list": [{"a": 1, "b": 3}]})
    assert agreed([first], [second]) == Agreed(
        (document("a", data={"old": "1"}, spec={"list": [{"a": 1}]}),),
        (
            "ConfigMap a: data.new differs at every render: left out, set it by values",
            "ConfigMap a: spec.list[0].b differs at every render: left out, set it by values",
        ),
    )


def test_a_list_whose_items_differ_is_left_out_whole():
    """Half an argument list would be another command."""
    first, second = document("a", args=["-x", "1"]), document("a", args=["-x", "2"])
    assert agreed([first], [second]).documents == (document("a"),)


def test_types_count():
    """Python says that 1 is true."""
    assert agreed([document("a", x=1)], [document("a", x=True)]).documents == (document("a"),)


def test_objects_with_random_names_are_left_out():
    """Both sides are named."""
    assert agreed([document("a-1")], [document("a-2")]) == Agreed(
        (),
        (
            "ConfigMap a-1: its name differs at every render: left out, set it by values",
            "ConfigMap a-2: its name differs at every render: left out, set it by values",
        ),
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_the_side_is_irrelevant_and_a_second_look_changes_nothing(one: Any, two: Any):
    """What both agree on is in both, and equal renders are kept whole."""
    first, second = document("a", data=one), document("a", data=two)
    same = agreed([first], [second]).documents
    assert same == agreed([second], [first]).documents
    assert agreed(same, same) == Agreed(same, ())
    assert agreed([first], [first]) == Agreed((first,), ())
