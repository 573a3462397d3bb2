"""Facts of a pass without the values of its Secrets, which still decide the same.

Never keeps what can be guessed: values of Secrets become tokens under a key, also where other
objects repeat them, and so do digests made of them. Equal values get equal tokens, so what was
equal in Git, at the last apply and in the cluster still is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any, Final, cast

from agent.core import encode
from agent.core.decide import decide
from agent.core.live import unpack
from agent.core.ownership import expected
from agent.core.redact import LAST_APPLIED, MASK, is_secret, secret_values
from agent.core.schema import Node
from agent.core.values import Complete, Desired, Facts, Found, Key, Live

_NAMES: Final = ("apiVersion", "kind")
_LONG: Final = 8
"""Shorter values are in every other word: replacing them would hide nothing and change much."""


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Makes tokens under one key, and puts them for values of Secrets that others repeat."""

    key: bytes
    values: tuple[str, ...] = ()
    """Long values, the longest first, as they are and as base64."""

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

    def text(self, text: str) -> str:
        """Return a text with every value in it replaced."""
        for value in self.values:
            if value in text:
                text = text.replace(value, self.of(value)[:24])
        return text

    def deep(self, value: Any) -> Any:
        """Return a JSON value with every text in it, keys included, without values of Secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self.deep(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.deep(each) for each in value]
        return value

    def manifest(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an object as it may be written: a Secret by its kind, others by their values."""
        if is_secret(manifest):
            return self.secret(manifest)
        if not self.repeated(manifest):
            return manifest
        named = {name: each for name, each in manifest.items() if name in _NAMES}
        return {**self.deep(manifest), **named, "metadata": self._metadata(manifest["metadata"])}

    def repeated(self, manifest: Mapping[str, Any]) -> bool:
        """Whether an object that is no Secret has a value of one in it."""
        return bool(self.values) and not is_secret(manifest) and self.deep(manifest) != manifest

    def _metadata(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return metadata with the names, labels and annotations that objects are known by."""
        kept = {**metadata}
        if "managedFields" in metadata:
            kept["managedFields"] = self.deep(metadata["managedFields"])
        annotations = metadata.get("annotations") or {}
        if LAST_APPLIED in annotations:
            said = self.text(annotations[LAST_APPLIED])
            kept["annotations"] = {**annotations, LAST_APPLIED: said}
        return kept

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


def without_secrets(facts: Facts, key: bytes) -> Facts:
    """Return facts that say nothing of a Secret, and decide the same."""
    secrets = frozenset(_secrets(facts))
    if not secrets:
        return facts
    tokens = _Tokens(key, _values(facts))
    secrets |= {key for key, manifest in _manifests(facts) if tokens.repeated(manifest)}
    digests = {each: tokens.digest(each) for each in _digests(facts, secrets) if each}
    hidden = cast("Facts", _hide(facts, tokens, digests))
    return _same_plan(facts, _same_expectations(facts, hidden, secrets))


def _secrets(facts: Facts) -> Iterator[Key]:
    keys = {*facts.live, *facts.inventory.entries, *(answer.key for answer in facts.answers)}
    for rendered in (facts.new, facts.base):
        keys |= {one.key for one in rendered.objects} if isinstance(rendered, Complete) else set()
    yield from (key for key in keys if (key.group, key.kind) == ("", "Secret"))


def _values(facts: Facts) -> tuple[str, ...]:
    """Return the long values of all Secrets, the longest first."""
    plain = {value for _, manifest in _manifests(facts) for value in secret_values(manifest)}
    known = {value for value in plain if len(value.strip()) >= _LONG}
    known |= {base64.b64encode(value.encode()).decode() for value in known}
    return tuple(sorted(known, key=lambda value: (-len(value), value)))


def _manifests(facts: Facts) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """Yield every object of the facts: wanted, applied last, live, or found when asked."""
    for rendered in (facts.new, facts.base):
        for one in rendered.objects if isinstance(rendered, Complete) else ():
            yield one.key, one.manifest
    found = (answer.says.live for answer in facts.answers if isinstance(answer.says, Found))
    for live in (*facts.live.values(), *found):
        yield live.key, unpack(live)


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
    if isinstance(value, Desired):
        value = replace(value, manifest=tokens.manifest(value.manifest))
    changed = {f.name: _hide(getattr(value, f.name), tokens, digests) for f in fields(value)}
    return replace(value, **changed)


def _hidden_live(live: Live, tokens: _Tokens) -> bytes:
    manifest = unpack(live)
    hidden = tokens.manifest(manifest)
    return live.packed if hidden is manifest else encode.pack(hidden)


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
