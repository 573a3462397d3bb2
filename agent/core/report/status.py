"""A report → the words others read: `Package.status`, and the document `tidegate.status/v1`.

Never writes a time that is not a fact of the package: the same state gives the same bytes.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from agent.core.reading import items, mapping, number, text
from agent.core.report.transitions import TAIL
from agent.core.report.values import READY
from agent.core.report.words import hold_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from agent.core.report.values import Report
    from agent.core.values import Entry, Hold, Inventory, Key, Origin, Told, Transition

SCHEMA: Final = "tidegate.status/v1"
SHORT: Final = 7
"""Characters of a commit id in a column."""
LONGEST: Final = 1024
"""Characters of a message; the API allows 32,768 in a condition, nobody reads them."""

Json: TypeAlias = dict[str, Any]
Redact: TypeAlias = "Callable[[str], str]"


def instant(when: datetime | None) -> str | None:
    """Return RFC 3339 in UTC, whole seconds, as the API server writes times."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def trimmed(says: str, redact: Redact) -> str:
    """Return a sentence as it may leave: scrubbed, one line, not longer than LONGEST."""
    line = " ".join(redact(says).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


# --- one package -------------------------------------------------------------------------------


def entry(report: Report, told: Told, redact: Redact) -> Json:
    """Return one package of `tidegate.status/v1`: every key is always there."""
    return {
        "namespace": report.package.namespace,
        "name": report.package.name,
        "state": report.state.value,
        "reason": report.reason.value,
        "message": trimmed(report.message, redact),
        "revision": {
            "observed": report.observed,
            "attempted": report.attempted,
            "applied": report.applied,
        },
        "planDigest": report.plan_digest,
        "conditions": _conditions(report, told, redact),
        "holds": [_hold(hold, redact) for hold in report.holds],
        "drift": report.drift,
        "objects": report.objects,
        "waiting": report.waiting,
        "next": instant(report.next),
    }


def _conditions(report: Report, told: Told, redact: Redact) -> list[Json]:
    since = {kind: when for kind, _, when in told.conditions}
    return [
        {
            "type": one.type,
            "status": one.status,
            "reason": one.reason.value,
            "message": trimmed(one.message, redact),
            "lastTransitionTime": instant(since.get(one.type)),
        }
        for one in report.conditions
    ]


def _hold(hold: Hold, redact: Redact) -> Json:
    return {
        "gate": hold.gate,
        "reason": hold.reason.value,
        "message": trimmed(hold.says, redact),
        "origin": _origin(hold.origin),
        "by": hold.by,
        "until": instant(hold.until),
        "next": instant(hold.until),
    }


def _origin(origin: Origin) -> Json:
    if origin.object:
        return {"object": origin.object}
    return {
        "path": origin.path,
        "line": origin.line,
        "commit": origin.commit,
        "author": origin.author,
    }


def transition(record: Transition, redact: Redact) -> Json:
    """Return one record of the history."""
    return {
        "seq": record.seq,
        "time": record.time.astimezone(UTC).isoformat(timespec="milliseconds"),
        "from": record.before,
        "to": record.after,
        "reason": record.reason,
        "revision": record.revision,
        "cause": trimmed(record.cause, redact),
        "actor": record.actor,
    }


def jobs(inventory: Inventory) -> list[Json]:
    """Return the Job ledger: what ran, how it ended, and what policy skipped."""
    found = ((key, one) for key, one in inventory.entries.items() if one.finished or one.skipped)
    return [_job(key, one) for key, one in sorted(found)]


def _job(key: Key, remembered: Entry) -> Json:
    done = remembered.finished
    told = {
        "namespace": key.namespace,
        "name": key.name,
        "digest": done.digest if done else "",
        "result": done.result if done else "",
        "finishedAt": instant(done.at) if done else None,
        "skipped": remembered.skipped,
    }
    return {name: value for name, value in told.items() if value}


# --- Package.status ----------------------------------------------------------------------------


def status(
    report: Report, inventory: Inventory, generation: int | None, redact: Redact = str
) -> Json:
    """Return `Package.status`; what is empty is left out, so that an apply takes it away.

    `revision.short` and `hold` are for the columns of `kubectl get packages`.
    """
    told = entry(report, inventory.told, redact)
    for condition in told["conditions"]:
        condition["observedGeneration"] = generation
    told["revision"]["short"] = (report.applied or report.observed)[:SHORT]
    told |= {
        "observedGeneration": generation,
        "hold": hold_words(report),
        "since": instant(inventory.told.since),
        "transitions": [transition(one, redact) for one in inventory.told.tail[-TAIL:]],
        "lastHandledSync": inventory.handled_sync,
        "jobs": jobs(inventory),
    }
    counts = ("drift", "objects", "waiting")
    del told["namespace"], told["name"]
    kept: Json = _without_empty(told)
    return kept | {name: told[name] for name in counts}


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, "", [], {})}
    if isinstance(value, list):
        return [_without_empty(each) for each in value]
    return value


# --- tidegate.status/v1 ------------------------------------------------------------------------


def document(
    packages: Iterable[Mapping[str, Any]], cluster: str, instance: str, revision: str
) -> Json:
    """Return `status -o json` and `status.json`, packages in the order of their names."""
    listed = sorted(packages, key=lambda one: (one["namespace"], one["name"]))
    return {
        "schema": SCHEMA,
        "cluster": cluster,
        "instance": instance,
        "revision": revision,
        "packages": listed,
    }


def printed(told: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted keys, indented, with a newline at the end."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(told, option=options)


_TEXTS: Final = ("state", "reason", "message", "planDigest")
_NUMBERS: Final = ("drift", "objects", "waiting")
_REVISIONS: Final = ("observed", "attempted", "applied")
_CONDITION: Final = ("type", "status", "reason", "message")
_HOLD: Final = ("gate", "reason", "message", "by")
_ORIGIN: Final = ("path", "commit", "author")


def entry_of(told: Mapping[str, Any], namespace: str, name: str) -> Json:
    """Return an entry from what was written before: a `Package.status`, or a file of the branch.

    Whoever wrote it, every key is there and has the type it should have.
    """
    revision = mapping(told.get("revision"))
    return {
        "namespace": namespace,
        "name": name,
        **{key: text(told.get(key)) for key in _TEXTS},
        **{key: number(told.get(key), 0) for key in _NUMBERS},
        "state": text(told.get("state")) or "Pending",
        "revision": {key: text(revision.get(key)) for key in _REVISIONS},
        "conditions": [_condition_of(one) for one in items(told.get("conditions"))],
        "holds": [_hold_of(one) for one in items(told.get("holds"))],
        "next": text(told.get("next")) or None,
    }


def _condition_of(told: Mapping[str, Any]) -> Json:
    kept = {key: text(told.get(key)) for key in _CONDITION}
    return {**kept, "lastTransitionTime": text(told.get("lastTransitionTime")) or None}


def _hold_of(told: Mapping[str, Any]) -> Json:
    origin = mapping(told.get("origin"))
    where: Json = {key: text(origin.get(key)) for key in _ORIGIN}
    where["line"] = number(origin.get("line"), 0)
    if "object" in origin:
        where = {"object": text(origin["object"])}
    kept = {key: text(told.get(key)) for key in _HOLD}
    times = {key: text(told.get(key)) or None for key in ("until", "next")}
    return {**kept, **times, "origin": where}


def is_ready(told: Mapping[str, Any]) -> bool:
    """Whether an entry says Ready=True."""
    ready = (one for one in items(told.get("conditions")) if one.get("type") == READY)
    return any(one.get("status") == "True" for one in ready)
