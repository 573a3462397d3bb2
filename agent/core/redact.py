"""The only exit for text: what leaves the agent goes through here first.

Never decides what is told, only what must not be: values of Secrets in any spelling, credentials in
URLs and headers, private keys. Masking too much is a blemish, too little is a leak.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

from agent.core.values import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.core.values import Change, Manifest

MASK: Final = "***"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""Holds the whole object a second time, Secrets included."""

_SECRET_FIELDS: Final = ("data", "stringData")
_SHORTEST: Final = 4
"""Shorter values are in every other word, and no secrets."""
_SHORT: Final = 8
"""Values below this are masked as whole words only, and not by line or inside base64."""
_LONGEST_PORT: Final = 5
_EVERYDAY: Final = frozenset({"default", "false", "localhost", "none", "null", "true"})
"""Values of Secrets that say nothing, and would blot out half of every message."""
_ELLIPSIS: Final = "…"

_LETTER: Final = r"[A-Za-z0-9._~+/=-]"
_NAMES: Final = (
    r"password|passwd|passphrase|access_token|refresh_token|id_token|auth_token|private_token"
    r"|client_secret|api_?key|secret_?key"
)
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----"
            r".*?(-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
        "*** (private key)",
    ),
    # user:password@ in any URL, also with an unescaped slash in the password; but not host:port/…@
    (
        re.compile(
            r"\b([a-zA-Z][a-zA-Z0-9+.-]{0,30}://)[^\s/@'\"]{0,500}:(?!\d+/)[^\s@'\"]{0,500}@"
        ),
        rf"\1{MASK}@",
    ),
    # a token alone, where users are not plain names
    (re.compile(r"\b(https?://)[^\s/@'\"]+@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"(authorization['\"]?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(rf"\b(bearer|basic)\s+{_LETTER}{{12,}}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[\w-]{8,999}\.[\w-]{4,}(\.[\w-]*)?"), MASK),
    (
        re.compile(
            r"\b(gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}"
            r"|AGE-SECRET-KEY-1\w{16,})"
        ),
        MASK,
    ),
    (
        re.compile(
            rf"\b({_NAMES})(['\"]?\s*=\s*['\"]?|['\"]\s*:\s*['\"])[^\s'\"&,;]+", re.IGNORECASE
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(rf"\b({_NAMES})(:\s+)\S+$", re.IGNORECASE | re.MULTILINE), rf"\1\2{MASK}"),
    (re.compile(r"([?&](?:token|key|sig|signature)=)[^\s&'\"]+", re.IGNORECASE), rf"\1{MASK}"),
)


def is_secret(manifest: Manifest) -> bool:
    """Whether an object is a Secret of the core group."""
    return manifest.get("kind") == "Secret" and manifest.get("apiVersion") == "v1"


def secret_values(manifest: Manifest) -> frozenset[str]:
    """Return every value of a Secret, as written and decoded; nothing for other kinds."""
    return frozenset(_values(manifest)) if is_secret(manifest) else frozenset()


def _values(manifest: Manifest) -> Iterator[str]:
    for name in _SECRET_FIELDS:
        entries = manifest.get(name)
        for value in entries.values() if isinstance(entries, Mapping) else ():
            if isinstance(value, str) and value:
                yield value
                decoded = _decoded(value) if name == "data" else None
                if decoded:
                    yield decoded.decode("utf-8", "ignore")


def _decoded(value: str) -> bytes | None:
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def masked(value: Any, key: bytes, *, encoded: bool) -> str:
    """Return what may be said of a secret value: its size, and a token that tells it from others.

    The token is an HMAC under the installation's key: a bare hash of a short password is guessed.
    """
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    raw = (_decoded(text) if encoded else None) or text.encode("utf-8", "surrogatepass")
    token = hmac.new(key, raw, hashlib.sha256).hexdigest()[:8]
    return f"{MASK} ({len(raw)} bytes, {token})"


def redact(manifest: Manifest, key: bytes) -> dict[str, Any]:
    """Return an object as it may be shown: no values of Secrets, no last-applied annotation."""
    shown = dict(manifest)
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if isinstance(annotations, Mapping) and LAST_APPLIED in annotations:
        kept = {name: value for name, value in annotations.items() if name != LAST_APPLIED}
        shown["metadata"] = {**manifest["metadata"], "annotations": kept}
    if is_secret(manifest):
        for name in _SECRET_FIELDS:
            if manifest.get(name) is not None:
                shown[name] = _masked_field(manifest[name], key, encoded=name == "data")
    return shown


def _masked_field(value: Any, key: bytes, *, encoded: bool) -> Any:
    """Mask the entries of `data` or `stringData`; anything else in their place as a whole."""
    if not isinstance(value, Mapping):
        return masked(value, key, encoded=encoded)
    return {name: masked(each, key, encoded=encoded) for name, each in value.items()}


def trim(text: str, limit: int) -> str:
    """Return at most `limit` characters: the start and the end, which say what and why."""
    if len(text) <= limit:
        return text
    head = (limit - len(_ELLIPSIS)) * 2 // 3
    tail = limit - len(_ELLIPSIS) - head
    return text[:head] + _ELLIPSIS + text[len(text) - tail :]


class Redactor:
    """Masks text, and changes of fields, knowing the values that must not be seen.

    Immutable, so threads may share it; trim after masking, never before: half a secret is one too.
    """

    __slots__ = ("_key", "_spellings", "_values", "_words")

    def __init__(self, values: Iterable[str] = (), key: bytes = b"") -> None:
        self._key = key
        self._values = frozenset(filter(_worth_masking, values))
        long = {value for value in self._values if len(value) >= _SHORT}
        spellings = {each for value in long for each in _spellings(value)}
        self._spellings = tuple(sorted(spellings, key=lambda each: (-len(each), each)))
        self._words = _whole_words(self._values - long)

    def knowing(self, values: Iterable[str]) -> Redactor:
        """Return a redactor that knows these values too."""
        more = frozenset(filter(_worth_masking, values))
        return self if more <= self._values else Redactor(self._values | more, self._key)

    def text(self, text: str) -> str:
        """Return a text that may leave: known values, credentials and private keys masked."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
        if self._words is not None:
            text = self._words.sub(MASK, text)
        for pattern, shown in _PATTERNS:
            text = pattern.sub(shown, text)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value with every text in it, keys included, masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self.value(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        return value

    def manifest(self, manifest: Manifest) -> Any:
        """Return an object as it may be shown: by type first, then by value."""
        return self.value(redact(manifest, self._key))

    def changes(self, changes: Iterable[Change], kind: str, group: str = "") -> tuple[Change, ...]:
        """Return the changes of one object as they may be shown; a Secret's values never are."""
        secret = (group, kind) == ("", "Secret")
        return tuple(
            replace(
                change,
                before=self._side(change.path, change.before, secret=secret),
                after=self._side(change.path, change.after, secret=secret),
                by=self.text(change.by),
            )
            for change in changes
        )

    def _side(self, path: str, value: Any, *, secret: bool) -> Any:
        if value is ABSENT:
            return value
        if LAST_APPLIED in path:
            return MASK
        if path == "metadata.annotations" and isinstance(value, Mapping):
            value = {name: each for name, each in value.items() if name != LAST_APPLIED}
        field = re.split(r"[.\[]", path, maxsplit=1)[0]
        if secret and field in _SECRET_FIELDS:
            encoded = field == "data"
            if path == field:
                return _masked_field(value, self._key, encoded=encoded)
            return masked(value, self._key, encoded=encoded)
        return self.value(value)


def _worth_masking(value: str) -> bool:
    word = value.strip().lower()
    port = word.isdigit() and len(word) < _LONGEST_PORT + 1
    return len(word) >= _SHORTEST and not port and word not in _EVERYDAY


def _spellings(value: str) -> Iterator[str]:
    """Yield the forms in which a value may turn up: plain, escaped, in URLs, in base64, by line."""
    yield value
    for line in value.splitlines():
        if len(line.strip()) >= _SHORT:
            yield line.strip()
    for plain in (value, value.strip()):
        yield json.dumps(plain)[1:-1]
        yield json.dumps(plain, ensure_ascii=False)[1:-1]
        raw = plain.encode("utf-8", "surrogatepass")
        yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
        for shift in range(3):
            yield from _inside_base64(raw, shift)


def _inside_base64(raw: bytes, shift: int) -> Iterator[str]:
    """Yield what base64 makes of a value that starts `shift` bytes into a group of three."""
    first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
    padded = bytes(shift) + raw
    yield base64.b64encode(padded).decode()[first:last]
    yield base64.urlsafe_b64encode(padded).decode()[first:last]


def _whole_words(values: Iterable[str]) -> re.Pattern[str] | None:
    words = "|".join(sorted(re.escape(value.strip()) for value in values))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None
