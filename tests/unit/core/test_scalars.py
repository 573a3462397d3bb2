"""What scalars mean to kubectl; the expectations were taken from kubectl itself."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core import scalars

TYPED = {
    "yes": True, "Off": False, "y": True, "n": False, "oN": "oN",
    "~": None, "": None, "null": None, "NuLL": "NuLL",
    "0777": 511, "08": 8, "0o777": 511, "0x1F": 31, "0b101": 5, "1_000": 1000,
    "-0x10": -16, "00": 0, "+12": 12, "0x": "0x",
    "1e3": 1000, "1234e56": 1.234e59, "1.0": 1, "1.": 1, ".5": 0.5, ".5_0": 0.5, "._5": "._5",
    "1e400": "1e400", ".1e400": ".1e400", "-0.0": 0, "1e-7": 1e-7,
    "9223372036854775807": 9223372036854775807,
    "9223372036854775808": 9.223372036854776e18,
    "4611686018427387904.0": 4611686018427388000,
    "9" * 5000: "9" * 5000,
    "12:30": "12:30", "2001-01-01": "2001-01-01", "=": "=", "<<": "<<", "1.2.3": "1.2.3",
}  # fmt: skip

KEYS = {
    "yes": "true", "0777": "511", "1.0": "1", "1e6": "1e+06", "1.1e29": "1.1e+29",
    "123456.5": "123456.5", "0.00001": "1e-05", "0.1": "0.1", "1e39": ".inf", ".nan": ".nan",
    "16777217.0": "1.6777216e+07",
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TYPED.items(), ids=lambda each: str(each)[:20])
def test_plain_scalars_get_kubectls_type(text: str, expected: Any):
    """An unquoted scalar becomes the very value, and the very type, kubectl sends."""
    found = scalars.value(scalars.plain(text))
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(("text", "expected"), KEYS.items())
def test_keys_become_json_text(text: str, expected: Any):
    """A key that is no string is spelled as kubectl spells it, floats as 32 bit."""
    assert scalars.key(scalars.plain(text)) == expected


@pytest.mark.parametrize("text", [".nan", ".inf", "-.Inf"])
def test_json_has_no_such_number(text: str):
    """Infinity and not-a-number are refused: JSON can't carry them."""
    with pytest.raises(scalars.ScalarError, match="quote it"):
        scalars.value(scalars.plain(text))


@pytest.mark.parametrize("text", ["~", "18446744073709551615"])
def test_some_scalars_are_no_keys(text: str):
    """Null and integers beyond 64 bits are refused as keys, as kubectl does."""
    with pytest.raises(scalars.ScalarError, match="can't be a key"):
        scalars.key(scalars.plain(text))


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("str", "5", "5"),
        ("int", "0x10", 16),
        ("float", "10", 10),
        ("bool", "yes", True),
        ("null", "", None),
        ("timestamp", "2001-01-01", "2001-01-01"),
        ("binary", "aGVs\nbG8=", "hello"),
        ("set", "x", "x"),
    ],
)
def test_tags_are_obeyed(tag: str, text: str, expected: Any):
    """An explicit tag types its text, also where that was quoted; unknown tags make text."""
    found = scalars.value(scalars.tagged(f"tag:yaml.org,2002:{tag}", text))
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("tag", "text"), [("int", "1.5"), ("bool", "x"), ("null", "x"), ("binary", "?"), ("int", "yes")]
)
def test_tags_that_do_not_fit_are_errors(tag: str, text: str):
    """A tag that does not fit its text is refused instead of guessed around."""
    with pytest.raises(scalars.ScalarError):
        scalars.tagged(f"tag:yaml.org,2002:{tag}", text)
