"""Values → bytes: bodies the API server's YAML parser takes, digests, and packed memory.

Never alters a value to make it fit: what can't be carried is an error.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from agent.core.errors import AgentError

# Apply bodies are parsed as YAML even when they are JSON (sigs.k8s.io/yaml → go-yaml v2). These
# characters are refused raw, and U+0085 silently becomes a space; escaped they are fine. Escaped
# surrogate pairs are refused too, so everything else stays UTF-8.
_RAW_REFUSED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONGEST_KEY: Final = 1024
"""Of a key with its quotes: YAML 1.1 §9.1.3 `simple keys`, enforced by go-yaml."""
_SURELY_SHORT: Final = 160
"""Characters that stay under the limit even when each becomes six."""


class EncodeError(AgentError):
    """A value that can't be sent or stored, with the reason."""


def body(value: Any) -> bytes:
    """Return the body of an apply patch (`application/apply-patch+yaml`).

    Raises:
        EncodeError: a lone surrogate, a key beyond 1,024 bytes, an integer beyond 64 bits.
    """
    _check_keys(value)
    data = _json(value)
    if data.isascii() and b"\x7f" not in data:
        return data
    return _RAW_REFUSED.sub(lambda match: f"\\u{ord(match[0]):04x}", data.decode()).encode()


def digest(value: Any) -> str:
    """Return `sha256:` and the hex digest of a value's canonical JSON; 1, 1.0 and true differ.

    Raises:
        EncodeError: as `body`.
    """
    return f"sha256:{hashlib.sha256(_json(value, orjson.OPT_SORT_KEYS)).hexdigest()}"


def pack(value: Any) -> bytes:
    """Return a value compressed for memory: about a third of its JSON.

    Raises:
        EncodeError: as `body`.
    """
    return zlib.compress(_json(value), 1)


def unpack(data: bytes) -> Any:
    """Return what `pack` was given."""
    return orjson.loads(zlib.decompress(data))


def _json(value: Any, option: int = 0) -> bytes:
    try:
        return orjson.dumps(value, _plain, option)
    except TypeError as error:  # orjson.JSONEncodeError is one
        raise EncodeError(f"can't be written as JSON: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _check_keys(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if len(key) > _SURELY_SHORT and len(_json(key)) > _LONGEST_KEY:
                raise EncodeError(f"the key `{key[:40]}…` is longer than {_LONGEST_KEY} bytes")
            _check_keys(child)
    elif isinstance(value, list | tuple):
        for child in value:
            _check_keys(child)
