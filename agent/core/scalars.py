"""What a YAML scalar means to kubectl: neither YAML 1.1 nor 1.2, but go-yaml v2 and then JSON.

Never guesses: a tag that does not fit its text, and a number JSON can't carry, are errors.

Rules: `resolve` of go.yaml.in/yaml/v2 followed by the JSON round trip of sigs.k8s.io/yaml.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from decimal import Decimal
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

STR: Final = "tag:yaml.org,2002:str"
MERGE: Final = "tag:yaml.org,2002:merge"
_BINARY: Final = "tag:yaml.org,2002:binary"
_FLOAT: Final = "tag:yaml.org,2002:float"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "tag:yaml.org,2002:bool": (bool,),
    "tag:yaml.org,2002:int": (int,),
    _FLOAT: (int, float),
    "tag:yaml.org,2002:null": (type(None),),
}

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_FIRST: Final = frozenset("+-0123456789yYnNtTfFoO~.")
"""Anything else that starts a plain scalar makes it text, whatever follows."""

_INTEGER: Final = re.compile(
    r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))"
)
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_FRACTION: Final = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_INT64: Final = range(-(2**63), 2**63)
_UINT64_MAX: Final = 2**64 - 1
_LONGEST_DECIMAL: Final = 20
"""Digits of 2**64; longer texts are not worth a conversion (and Python caps it at 4,300)."""


class ScalarError(ValueError):
    """A scalar that kubectl would refuse, with the reason."""


def plain(text: str) -> Scalar:
    """Return what an unquoted scalar without a tag means.

    >>> plain("yes"), plain("0777"), plain("1e3"), plain("12:30"), plain("2001-01-01")
    (True, 511, 1000.0, '12:30', '2001-01-01')
    """
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _float(text) if _FRACTION.fullmatch(text) else text
    if text[0] in "+-0123456789":
        return _number(text)
    return text


def tagged(tag: str, text: str) -> Scalar:
    """Return what a scalar with an explicit tag means; tags nobody knows make it text.

    Raises:
        ScalarError: the text is not of the type its tag names.
    """
    if tag == _BINARY:
        return _binary(text)
    if tag == _TIMESTAMP and not _DATE.fullmatch(text):
        raise ScalarError(f"`{text}` is tagged !!timestamp but is not a date")
    types = _TYPES.get(tag)
    if types is None:
        return text
    found = plain(text)
    if type(found) not in types or (tag == _FLOAT and _beyond(found)):
        raise ScalarError(f"`{text}` is tagged !!{tag.rpartition(':')[2]} but is not one")
    return float(found) if tag == _FLOAT and isinstance(found, int) else found


def value(scalar: Scalar) -> Scalar:
    """Return a scalar as it is after JSON: whole numbers are integers, large ones floats.

    Raises:
        ScalarError: not a number or infinite; JSON has neither.
    """
    if isinstance(scalar, float):
        return _whole(scalar)
    return float(scalar) if isinstance(scalar, int) and scalar not in _INT64 else scalar


def key(scalar: Scalar) -> str:
    """Return a mapping key as the JSON text kubectl makes of it.

    Raises:
        ScalarError: null, and integers beyond 64 bits, can't be keys.
    """
    if isinstance(scalar, str):
        return scalar
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    if isinstance(scalar, float):
        return _float32(scalar)
    if scalar is None:
        raise ScalarError("null can't be a key: quote it")
    if scalar not in _INT64:
        raise ScalarError(f"the number {scalar} can't be a key: quote it")
    return str(scalar)


def _beyond(scalar: Scalar) -> bool:
    return isinstance(scalar, int) and scalar not in _INT64


def _number(text: str) -> Scalar:
    digits = text.replace("_", "")
    if match := _INTEGER.fullmatch(digits):
        whole = _integer(match)
        if whole is not None:
            return whole
    return _float(text) if _NUMBER.fullmatch(digits) else text


def _integer(match: re.Match[str]) -> int | None:
    """Return the integer where it fits 64 bits (as strconv.ParseInt, then ParseUint)."""
    sign, hexadecimal, binary, octal, decimal = match.groups()
    if hexadecimal:
        size = int(hexadecimal, 16)
    elif binary:
        size = int(binary, 2)
    elif octal:
        size = int(octal, 8)
    elif len(decimal) > _LONGEST_DECIMAL:
        return None
    else:
        size = int(decimal)
    if sign == "-":
        return -size if -size in _INT64 else None
    # ParseUint takes no sign, so a signed number has to fit 63 bits.
    return size if size <= (_INT64.stop - 1 if sign else _UINT64_MAX) else None


def _float(text: str) -> float | str:
    """Return the number, or the text where it is too large for one (as `1e400`)."""
    number = float(text.replace("_", ""))
    return text if math.isinf(number) else number


def _whole(number: float) -> int | float:
    if not math.isfinite(number):
        raise ScalarError("JSON has no infinite numbers and no .nan: quote it")
    if not number.is_integer() or abs(number) >= _INT64.stop:
        return number
    # Go prints the shortest digits and pads with zeros: 2**62 becomes …388000, not …387904.
    return int(Decimal(repr(number)))


def _float32(number: float) -> str:
    """Return a float key as strconv.FormatFloat(number, 'g', -1, 32) prints it."""
    if math.isnan(number):
        return ".nan"
    try:
        packed = struct.pack("f", number)
    except OverflowError:
        packed = struct.pack("f", math.copysign(math.inf, number))
    single: float = struct.unpack("f", packed)[0]
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    shortest = next(
        text
        for precision in range(9)
        if struct.pack("f", float(text := f"{single:.{precision}e}")) == packed
    )
    mantissa, _, exponent = shortest.partition("e")
    if -4 <= int(exponent) < 6:  # noqa: PLR2004 - strconv's limits of %g
        return f"{Decimal(shortest):f}"
    return f"{mantissa}e{exponent}"


def _binary(text: str) -> str:
    """Return the decoded text; bytes that are no text (kubectl mangles them) are refused."""
    try:
        raw = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
        return raw.decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise ScalarError("!!binary is not base64 of UTF-8 text") from error
