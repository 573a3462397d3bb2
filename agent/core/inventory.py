"""What is remembered of a package, as ConfigMaps and back; and how it changes after a pass.

Never reads or writes one. A part that is missing or belongs to another write is always noticed.

The first part (`…-0`) holds the header and is written last: it is the moment at which a new
inventory counts. Further parts are named by their content and never changed, so a write that was
cut short leaves the previous inventory whole.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import hmac
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import orjson

from agent.core import words
from agent.core.codec import CodecError, dump, load
from agent.core.identity import Home, owner, package_label
from agent.core.values import Entry, Finished, Inventory, WasApplied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from agent.core.values import Desired, Intent, Key, Live, Manifest, Outcome, PackageName

FORMAT: Final = 1
PART_BYTES: Final = 900 * 1024
"""A ConfigMap holds 1 MiB (core/validation `MaxSecretSize`), its metadata wants some of it."""
LEVEL: Final = 1
"""Of compression: most of an inventory are digests, which no level makes smaller."""
LARGEST: Final = 512 * 1024 * 1024
"""Bytes after unpacking; more is not an inventory of ours."""
RUNS: Final = 20
"""Completed contents of one Job that are remembered, for policy `Once`."""
INVENTORY_LABEL: Final = f"{words.GROUP}/inventory"
"""The instance, as the selector of all its inventories; not the label that watches select by,
because what the agent remembers is not an object of a package."""
HEADER: Final = "header"
CONTENT: Final = "content"

Expect: TypeAlias = "Callable[[Live, Desired], str]"


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something is remembered, but it can't be read: nothing may be proved from it."""

    why: str


def keyed(digest: str, key: bytes) -> str:
    """Return a digest that only who has the key can compare with a guess: for Secrets."""
    return f"hmac:{hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()}"


# --- codec -------------------------------------------------------------------------------------


def canonical(inventory: Inventory) -> bytes:
    """Return the inventory as JSON; equal inventories give equal bytes."""
    return orjson.dumps(dump(inventory), option=orjson.OPT_SORT_KEYS)


def head_name(home: Home, package: PackageName) -> str:
    """Name the ConfigMap whose write makes a new inventory count."""
    label = package_label(home.instance, home.cluster, package)
    return f"{words.INVENTORY_PREFIX}{label}-0"


def encode(inventory: Inventory, home: Home, generation: int) -> tuple[Manifest, ...]:
    """Return the ConfigMaps of one inventory in the order to write them: the head is last."""
    plain = canonical(inventory)
    packed = gzip.compress(plain, LEVEL, mtime=0)
    chunks = [packed[at : at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]
    head = head_name(home, inventory.package)
    names = [head, *(_part_name(head, chunk) for chunk in chunks[1:])]
    header = {
        "format": FORMAT,
        "generation": generation,
        "digest": hashlib.sha256(plain).hexdigest(),
        "parts": names,
    }
    maps = [
        _config_map(home, inventory.package, name, chunk)
        for name, chunk in zip(names, chunks, strict=True)
    ]
    maps[0]["data"] = {HEADER: orjson.dumps(header).decode()}
    return (*({**part, "immutable": True} for part in maps[1:]), maps[0])


def decode(parts: Iterable[Manifest]) -> Inventory | Damaged:
    """Read one package's ConfigMaps; parts that the head does not name are passed over."""
    named = {part["metadata"]["name"]: part for part in parts}
    head = next((part for part in named.values() if HEADER in part.get("data", {})), None)
    if head is None:
        return Damaged(f"the part with the header is missing ({', '.join(sorted(named))})")
    try:
        header = orjson.loads(head["data"][HEADER])
        if header["format"] != FORMAT:
            return Damaged(f"format {header['format']} is not known to this version: upgrade it")
        if missing := [name for name in header["parts"] if name not in named]:
            return Damaged(f"part {', '.join(missing)} of {len(header['parts'])} is missing")
        packed = b"".join(_content(named[name]) for name in header["parts"])
        return _unpack(packed, header["digest"])
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error, binascii.Error) as error:
        return Damaged(f"{head['metadata']['name']} can't be read: {error!r}")


def generation(head: Manifest) -> int:
    """Return how often the inventory was written before; 0 where the head can't be read."""
    try:
        return int(orjson.loads(head["data"][HEADER])["generation"])
    except (ValueError, KeyError, TypeError):
        return 0


def content(head: Manifest) -> str:
    """Return what tells one content of an inventory from another; "" where it can't be read."""
    try:
        return str(orjson.loads(head["data"][HEADER])["digest"])
    except (ValueError, KeyError, TypeError):
        return ""


def _unpack(packed: bytes, expected: str) -> Inventory | Damaged:
    unpacking = zlib.decompressobj(wbits=31)
    plain = unpacking.decompress(packed, LARGEST)
    if not unpacking.eof:
        return Damaged("the content ends early, or is larger than any inventory")
    if hashlib.sha256(plain).hexdigest() != expected:
        return Damaged("the content is not the one the header describes")
    try:
        return cast("Inventory", load(Inventory, orjson.loads(plain)))
    except CodecError as error:
        return Damaged(str(error))


def _part_name(head: str, chunk: bytes) -> str:
    # The number comes from the content: two writers never write different bytes under one name.
    number = int(hashlib.sha256(chunk).hexdigest()[:12], 16)
    return f"{head.removesuffix('-0')}-{number}"


def _config_map(home: Home, package: PackageName, name: str, chunk: bytes) -> dict[str, Any]:
    labels = {
        INVENTORY_LABEL: home.instance,
        words.PACKAGE: package_label(home.instance, home.cluster, package),
        "app.kubernetes.io/managed-by": words.FIELD_MANAGER,
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": home.namespace,
            "labels": labels,
            "annotations": {words.OWNER: owner(home.instance, home.cluster, package)},
        },
        "binaryData": {CONTENT: base64.b64encode(chunk).decode()},
    }


def _content(part: Manifest) -> bytes:
    return base64.b64decode(part["binaryData"][CONTENT], validate=True)


# --- how it changes ----------------------------------------------------------------------------


def intend(inventory: Inventory, waves: Mapping[Key, int]) -> Inventory:
    """Add an entry for each object that is about to be made; known ones lose their tombstone.

    This is remembered before the first apply, so that no object is ever made and forgotten.
    """
    found = {
        key: replace(inventory.entries.get(key, Entry()), wave=wave, tombstone=None)
        for key, wave in waves.items()
    }
    return _with_entries(inventory, {**inventory.entries, **found})


def begin(inventory: Inventory, intents: Mapping[Key, Intent]) -> Inventory:
    """Add replacements that are about to begin."""
    return replace(inventory, intents={**inventory.intents, **intents})


def learn(
    inventory: Inventory,
    outcomes: Sequence[Outcome],
    desired: Mapping[Key, Desired],
    expected: Expect,
    now: datetime,
) -> Inventory:
    """Return the inventory after these outcomes.

    What was applied gets its uid and digests; what was deleted stays until it is seen to be gone;
    a refused, untried or unknown write changes nothing.
    """
    # Without a digest an adoption was only prepared: nothing of ours is in the object yet.
    applied = [each for each in outcomes if isinstance(each, WasApplied) and each.digest]
    entries = dict(inventory.entries)
    intents = dict(inventory.intents)
    for each in applied:
        entry = entries.get(each.key, Entry())
        entries[each.key] = _learned(entry, each, desired.get(each.key), expected, now)
        if each.key in intents and intents[each.key].uid != each.live.uid:
            del intents[each.key]
    if intents != inventory.intents:
        inventory = replace(inventory, intents=intents)
    return _with_entries(inventory, entries)


def finish(inventory: Inventory, live: Mapping[Key, Live], now: datetime) -> Inventory:
    """Note the Jobs that are over, so that a TTL which removes them does not run them again."""
    entries = {
        key: _finished(entry, live[key], now) if key in live else entry
        for key, entry in inventory.entries.items()
    }
    return _with_entries(inventory, entries)


def forget(inventory: Inventory, keys: Iterable[Key]) -> Inventory:
    """Drop objects that are seen to be gone, or were handed over to another package."""
    gone = frozenset(keys)
    intents = {key: intent for key, intent in inventory.intents.items() if key not in gone}
    if intents != inventory.intents:
        inventory = replace(inventory, intents=intents)
    kept = {key: entry for key, entry in inventory.entries.items() if key not in gone}
    return _with_entries(inventory, kept)


def _with_entries(inventory: Inventory, entries: Mapping[Key, Entry]) -> Inventory:
    return inventory if entries == inventory.entries else replace(inventory, entries=entries)


def _learned(
    entry: Entry, applied: WasApplied, desired: Desired | None, expected: Expect, now: datetime
) -> Entry:
    live = applied.live
    # Another uid is another Job: what the old one did says nothing about this one.
    kept = entry.finished if entry.uid == live.uid else None
    learned = replace(
        entry,
        uid=live.uid,
        digest=applied.digest,
        expected="" if desired is None else expected(live, desired),
        wave=entry.wave if desired is None else desired.wave,
        finished=kept,
        skipped="",
        ran=entry.ran if kept else _ran(entry),
        tombstone=None,
    )
    return _finished(learned, live, now)


def _ran(entry: Entry) -> tuple[str, ...]:
    """Return the contents that completed, after another Job took the place of this one."""
    over = entry.finished
    if over is None or over.result != "Complete":
        return entry.ran
    return tuple(dict.fromkeys((*entry.ran, over.digest)))[-RUNS:]


def _finished(entry: Entry, live: Live, now: datetime) -> Entry:
    """Return the entry with the Job's end, if this very Job ended and it is not noted yet."""
    if not live.finished or live.uid != entry.uid or not entry.digest:
        return entry
    known = entry.finished
    if known and (known.digest, known.result) == (entry.digest, live.finished):
        return entry
    return replace(entry, finished=Finished(entry.digest, live.finished, now))
