"""Quantities as the server writes them: `1000m` becomes `1`, `1024Mi` becomes `1Gi`.

Never computes with them. Rules: `resource.Quantity.CanonicalizeBytes` of apimachinery.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Final

_TEXT: Final = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i)|([numkMGTPE])|([eE][+-]?\d+))?"
)
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_SUFFIXES: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_NANO: Final = Decimal("1e-9")


@lru_cache(maxsize=4096)
def canonical(text: str) -> str | None:
    """Return a quantity in the server's spelling, None if it is none.

    >>> canonical("1000m"), canonical("1.5Gi"), canonical("1.5"), canonical("1e3"), canonical("x")
    ('1', '1536Mi', '1500m', '1e3', None)
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    number, binary, decimal, exponent = match.groups()
    value = Decimal(number)
    if binary:
        value *= Decimal(1024) ** _BINARY.index(binary)
        if abs(value) >= 1024 and value == value.to_integral_value():  # noqa: PLR2004
            return _in_binary(int(value))
    elif exponent:
        value *= Decimal(10) ** int(exponent[1:])
        return _in_thousands(value, as_exponent=True)
    else:
        value *= Decimal(10) ** _DECIMAL[decimal or ""]
    return _in_thousands(value, as_exponent=False)


def _in_binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and value and power < len(_BINARY) - 1:
        value //= 1024
        power += 1
    return f"{value}{_BINARY[power]}"


def _in_thousands(value: Decimal, *, as_exponent: bool) -> str:
    value = value.quantize(_NANO, ROUND_CEILING) if value else Decimal(0)
    if not value:
        return "0"
    exponent = -9
    whole = int(value.scaleb(9))
    while whole % 1000 == 0 and exponent < _DECIMAL["E"]:
        whole //= 1000
        exponent += 3
    if as_exponent:
        return f"{whole}e{exponent}" if exponent else f"{whole}"
    return f"{whole}{_SUFFIXES[exponent]}"
