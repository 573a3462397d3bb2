"""Bodies, digests and packed values."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import encode
from agent.core.manifests import read

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc\x7f\x85", max_size=5), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain", b'"plain"'),
        ("😀é", '"😀é"'.encode()),
        ("\x7f\x80\x85\x9f", rb'"\u007f\u0080\u0085\u009f"'),
        ("\u2028\u2029\ufeff\ufffe\uffff", rb'"\u2028\u2029\ufeff\ufffe\uffff"'),
        ("\n\t\0", rb'"\n\t\u0000"'),
    ],
)
def test_bodies_escape_what_the_servers_parser_refuses(text: str, sent: bytes):
    """Emoji go raw, characters YAML refuses go escaped: the server parses JSON as YAML."""
    assert encode.body(text) == sent


@settings(deadline=None, max_examples=150, database=None)
@given(values)
def test_bodies_mean_the_same_as_yaml_and_as_json(value: Any):
    """A body reads back as its value by a JSON parser, and by the rules of the server's YAML."""
    sent = encode.body({"value": value})
    assert json.loads(sent) == {"value": value}
    assert read(sent, "body").manifests[0].value == {"value": value}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("\ud800", "surrogates not allowed"),
        ({"k" * 1025: 1}, "longer than 1024 bytes"),
        ([{"a": {"é" * 600: 1}}], "longer than 1024 bytes"),
        (2**64, "64-bit"),
        (object(), "not JSON serializable"),
    ],
)
def test_what_cannot_be_carried_is_an_error(value: Any, said: str):
    """Nothing is replaced or cut in silence."""
    with pytest.raises(encode.EncodeError, match=said):
        encode.body(value)


def test_digests_tell_types_apart():
    """1, 1.0, true and "1" are four values."""
    assert len({encode.digest({"a": value}) for value in (1, 1.0, True, "1", None)}) == 5


def test_digests_ignore_the_order_of_keys():
    """Mappings that say the same have one digest, whatever their type and order."""
    value = MappingProxyType({"b": 1, "a": [1, 2]})
    assert encode.digest(value) == encode.digest({"a": [1, 2], "b": 1})
    assert encode.digest({}) == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )


@settings(deadline=None, max_examples=50, database=None)
@given(values)
def test_packed_values_come_back(value: Any):
    """Packing loses nothing."""
    assert encode.unpack(encode.pack(value)) == value
