"""Facts → a file that replays offline to the same decision, and back; no value of a Secret in it.

Never writes what can be guessed: values of Secrets, and digests made of them, become tokens under
a key that stays where the file was made. Equal values get equal tokens, so what was equal in Git,
at the last apply and in the cluster still is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import orjson

from agent.core import contest, encode, policies, schema, values
from agent.core.decide import decide
from agent.core.errors import AgentError
from agent.core.live import unpack
from agent.core.ownership import expected
from agent.core.redact import LAST_APPLIED, MASK, is_secret
from agent.core.schema import ListRule, MapRule, Node
from agent.core.values import Complete, Desired, Facts, Key, Live
from agent.core.windows import schedule

SCHEMA: Final = "tidegate.facts/v1"
_TAG: Final = "is"
_TAGGED: Final = frozenset(
    {
        *("Complete", "Unknown"),
        *("Accepted", "Rejected", "Found", "NotThere"),
        *("PathSource", "ChartSource"),
        *("Span", "Cron", "Rule"),
    }
)
"""Members of unions: the file says which one it is."""
_NAMED_NODES: Final = {
    name: getattr(schema, name) for name in ("PLAIN", "QUANTITY", "UNTYPED", "DEDUCED")
}
_MODULES: Final = {each.__name__: vars(each) for each in (values, policies, schedule, contest)}
_NAMES: Final[dict[str, Any]] = {
    **{name: each for names in _MODULES.values() for name, each in names.items()},
    "Mapping": Mapping,
    "Node": Node,
    "date": date,
    "datetime": datetime,
    "timedelta": timedelta,
    "Manifest": Mapping[str, Any],
}
"""What annotations mean at run time; a module's own names come first."""


class RecordError(AgentError):
    """The file is no record of a pass."""


def dump(facts: Facts, key: bytes) -> bytes:
    """Return a pass's facts as JSON; `key` makes the tokens, and is not in it.

    Raises:
        EncodeError: a value that JSON can't carry.
    """
    hidden = _without_secrets(facts, key)
    nodes = _Nodes()
    written = {"schema": SCHEMA, "facts": _write(hidden, nodes)}
    found = {**written, "nodes": nodes.table()}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def load(data: bytes) -> Facts:
    """Return the facts of a file.

    Raises:
        RecordError: it is none, or one of another version.
    """
    try:
        found = orjson.loads(data)
        if found["schema"] != SCHEMA:
            raise RecordError(f"a record of {found['schema']}: this Tidegate reads {SCHEMA}")
        return cast("Facts", _Loading(found["nodes"]).read(Facts, found["facts"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"not a record of a pass ({SCHEMA}): {error!r}") from error


# --- writing -----------------------------------------------------------------------------------


class _Nodes:
    """Schemas by number: they may contain themselves."""

    def __init__(self) -> None:
        self._names = {id(node): name for name, node in _NAMED_NODES.items()}
        self._numbers: dict[int, int] = {}
        self._nodes: list[Node] = []

    def name(self, node: Node) -> str | int:
        """Return what stands for a node."""
        if id(node) in self._names:
            return self._names[id(node)]
        if id(node) not in self._numbers:
            self._numbers[id(node)] = len(self._nodes)
            self._nodes.append(node)
        return self._numbers[id(node)]

    def table(self) -> list[Any]:
        """Return all nodes that were named, and those in them, by number."""
        written = []
        for node in self._nodes:  # grows meanwhile
            parts = {"scalar": node.scalar, "list": node.list, "map": node.map}
            written.append({n: _write(part, self) for n, part in parts.items() if part})
        return written


def _write(value: Any, nodes: _Nodes) -> Any:
    if isinstance(value, Node):
        return nodes.name(value)
    if isinstance(value, Mapping):
        return _write_mapping(value, nodes)
    if is_dataclass(value) and not isinstance(value, type):
        return _write_record(value, nodes)
    if isinstance(value, frozenset):
        return sorted((_write(each, nodes) for each in value), key=str)
    if isinstance(value, list | tuple):
        return [_write(each, nodes) for each in value]
    return _write_scalar(value)


def _write_scalar(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return [value.days, value.seconds, value.microseconds]
        case bytes():
            return encode.unpack(value)
        case _:
            return value


def _write_mapping(value: Mapping[Any, Any], nodes: _Nodes) -> Any:
    if all(isinstance(key, str) for key in value):
        return {str(key): _write(each, nodes) for key, each in value.items()}
    return [[list(key), _write(value[key], nodes)] for key in sorted(value)]


def _write_record(value: Any, nodes: _Nodes) -> dict[str, Any]:
    name = type(value).__name__
    tag = {_TAG: name} if name in _TAGGED else {}
    return tag | {
        field.name: _write(found, nodes)
        for field in fields(value)
        if not _is_default(field, found := getattr(value, field.name))
    }


def _is_default(field: Any, found: Any) -> bool:
    if field.default is not MISSING:
        return type(found) is type(field.default) and bool(found == field.default)
    return field.default_factory is not MISSING and bool(found == field.default_factory())


# --- reading -----------------------------------------------------------------------------------


class _Loading:
    """One file being read: its schemas are made first, empty, and filled in afterwards."""

    def __init__(self, table: list[Any]) -> None:
        self._nodes = [Node() for _ in table]
        for node, written in zip(self._nodes, table, strict=True):
            made = Node(
                self.read(schema.Scalar | None, written.get("scalar")),
                self.read(ListRule | None, written.get("list")),
                self.read(MapRule | None, written.get("map")),
            )
            for name in ("scalar", "list", "map"):
                object.__setattr__(node, name, getattr(made, name))

    def read(self, kind: Any, found: Any) -> Any:
        """Return the value of a type that the JSON stands for."""
        if kind is Node:
            return _NAMED_NODES[found] if isinstance(found, str) else self._nodes[found]
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return self._of_union(arguments, found)
        if origin in (tuple, frozenset):
            return self._of_sequence(origin, arguments, found)
        if origin is Mapping:
            return self._of_mapping(arguments, found)
        if is_dataclass(kind):
            return self._of_record(cast("type[Any]", kind), found)
        return _read_scalar(kind, found)

    def _of_union(self, kinds: tuple[Any, ...], found: Any) -> Any:
        if found is None:
            return None
        choices = [kind for kind in kinds if kind is not types.NoneType]
        if len(choices) > 1:
            choices = [kind for kind in choices if kind.__name__ == found[_TAG]]
        return self.read(choices[0], found)

    def _of_sequence(self, origin: Any, arguments: tuple[Any, ...], found: Any) -> Any:
        if origin is tuple and arguments[-1] is not Ellipsis:
            pairs = zip(arguments, found, strict=True)
            return tuple(self.read(kind, each) for kind, each in pairs)
        return origin(self.read(arguments[0], each) for each in found)

    def _of_mapping(self, arguments: tuple[Any, ...], found: Any) -> Any:
        key, item = arguments
        if key is str:
            return {name: self.read(item, each) for name, each in found.items()}
        pairs = found.items() if isinstance(found, dict) else found
        return {self.read(key, name): self.read(item, each) for name, each in pairs}

    def _of_record(self, kind: type[Any], found: Any) -> Any:
        hints = _hints(cast("Any", kind))
        known = {name: each for name, each in found.items() if name in hints}
        return kind(**{name: self.read(hints[name], each) for name, each in known.items()})


def _read_scalar(kind: Any, found: Any) -> Any:
    if kind is bytes:
        return encode.pack(found)
    if kind in (datetime, date):
        return kind.fromisoformat(found)
    if kind is timedelta:
        return timedelta(*found)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(found)
    if isinstance(kind, type) and issubclass(kind, tuple):  # a NamedTuple of texts
        return kind(*found)
    return found


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind, localns={**_NAMES, **_MODULES.get(kind.__module__, {})})


# --- Secrets -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Makes tokens under one key."""

    key: bytes

    def of(self, text: str) -> str:
        """Return what stands for a text; nothing stands for nothing."""
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest() if text else ""

    def digest(self, digest: str) -> str:
        """Return what stands for a digest: of a short password it would be as good as the word."""
        return f"sha256:{self.of(digest)}" if digest else ""

    def value(self, value: Any) -> Any:
        """Return what stands for an entry of `data`: base64 again, as its readers expect."""
        if not isinstance(value, str):
            return value
        return base64.b64encode(self.of(value).encode()[:24]).decode() if value else ""

    def secret(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return a Secret with tokens for values."""
        hidden = dict(manifest)
        for name in ("data", "stringData"):
            entries = manifest.get(name)
            if isinstance(entries, Mapping):
                hidden[name] = {each: self.value(value) for each, value in entries.items()}
        annotations = manifest.get("metadata", {}).get("annotations") or {}
        if LAST_APPLIED in annotations:
            kept = {**annotations, LAST_APPLIED: MASK}
            hidden["metadata"] = {**manifest["metadata"], "annotations": kept}
        return hidden


def _without_secrets(facts: Facts, key: bytes) -> Facts:
    """Return facts that say nothing of a Secret, and decide the same."""
    secrets = frozenset(_secrets(facts))
    if not secrets:
        return facts
    tokens = _Tokens(key)
    digests = {each: tokens.digest(each) for each in _digests(facts, secrets) if each}
    hidden = cast("Facts", _hide(facts, tokens, digests))
    return _same_plan(facts, _same_expectations(facts, hidden, secrets))


def _secrets(facts: Facts) -> Iterator[Key]:
    keys = {*facts.live, *facts.inventory.entries, *(answer.key for answer in facts.answers)}
    for rendered in (facts.new, facts.base):
        keys |= {one.key for one in rendered.objects} if isinstance(rendered, Complete) else set()
    yield from (key for key in keys if (key.group, key.kind) == ("", "Secret"))


def _digests(facts: Facts, secrets: frozenset[Key]) -> Iterator[str]:
    """Yield every digest that was made of a Secret, alone or among others."""
    for rendered in (facts.new, facts.base):
        if isinstance(rendered, Complete):
            yield rendered.digest
            yield from (one.digest for one in rendered.objects if one.key in secrets)
    for key, entry in facts.inventory.entries.items():
        if key in secrets:
            yield from (entry.digest, entry.expected, entry.skipped)
    for key, intent in facts.inventory.intents.items():
        if key in secrets:
            yield intent.digest
    yield from (answer.digest for answer in facts.answers if answer.key in secrets)
    if facts.inventory.applied is not None:
        yield facts.inventory.applied.digest


def _hide(value: Any, tokens: _Tokens, digests: Mapping[str, str]) -> Any:
    """Return a value with every Secret in it hidden, and every digest of one."""
    hidden = value
    match value:
        case Node() | Enum():
            pass
        case str():
            hidden = digests.get(value, value)
        case Live():
            hidden = replace(value, packed=_hidden_live(value, tokens))
        case Mapping():
            hidden = {key: _hide(each, tokens, digests) for key, each in value.items()}
        case tuple() if not hasattr(value, "_fields"):
            hidden = tuple(_hide(each, tokens, digests) for each in value)
        case _ if is_dataclass(value):
            hidden = _hide_record(value, tokens, digests)
        case _:
            pass
    return hidden


def _hide_record(value: Any, tokens: _Tokens, digests: Mapping[str, str]) -> Any:
    if isinstance(value, Desired) and is_secret(value.manifest):
        value = replace(value, manifest=tokens.secret(value.manifest))
    changed = {f.name: _hide(getattr(value, f.name), tokens, digests) for f in fields(value)}
    return replace(value, **changed)


def _hidden_live(live: Live, tokens: _Tokens) -> bytes:
    manifest = unpack(live)
    return encode.pack(tokens.secret(manifest)) if is_secret(manifest) else live.packed


def _same_expectations(facts: Facts, hidden: Facts, secrets: frozenset[Key]) -> Facts:
    """Let what was as expected be as expected: that digest is made of live values."""
    entries = dict(hidden.inventory.entries)
    for key in secrets & entries.keys() & facts.live.keys():
        before, after = _applied(facts, key), _applied(hidden, key)
        if before is None or after is None:
            continue
        if facts.inventory.entries[key].expected == expected(facts.live[key], before, facts):
            digest = expected(hidden.live[key], after, hidden)
            entries[key] = replace(entries[key], expected=digest)
    return replace(hidden, inventory=replace(hidden.inventory, entries=entries))


def _applied(facts: Facts, key: Key) -> Desired | None:
    """Return the content of an object that was applied last, where a render has it."""
    entry = facts.inventory.entries[key]
    renders = (each.objects for each in (facts.new, facts.base) if isinstance(each, Complete))
    found = (one for objects in renders for one in objects)
    return next((one for one in found if (one.key, one.digest) == (key, entry.digest)), None)


def _same_plan(facts: Facts, hidden: Facts) -> Facts:
    """Let an Override that names the plan name it still: that digest covers all contents."""
    if not any(each.plan for each in facts.policies.overrides):
        return hidden
    digest = decide(facts).plan.digest
    hidden_digest = decide(hidden).plan.digest
    overrides = tuple(
        replace(each, plan=hidden_digest) if each.plan == digest else each
        for each in hidden.policies.overrides
    )
    return replace(hidden, policies=replace(hidden.policies, overrides=overrides))
