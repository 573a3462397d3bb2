"""What one agent has to say + the files there are → the files of the status branch.

Never holds a clock, and never takes away what another agent wrote: history is a union, other
agents' packages stay, and every summary is made again from the merged packages.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.core.manifests import read
from agent.core.reading import mapping, text
from agent.core.report.badge import badge
from agent.core.report.judge import unseen
from agent.core.report.readme import readme
from agent.core.report.status import document, entry, entry_of, instant, jobs, printed, transition
from agent.core.report.text import yaml_of
from agent.core.report.transitions import unpushed
from agent.core.values import PackageName, State, Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.core.report.status import Json, Redact
    from agent.core.report.values import Report
    from agent.core.values import Inventory, Transition

PACKAGES: Final = "packages/"
_NAMED: Final = 3
"""Packages that a commit's subject names before it counts."""


@dataclass(frozen=True, slots=True)
class Telling:
    """All that one agent has to say of its packages."""

    cluster: str
    instance: str
    revision: str
    packages: tuple[tuple[Report, Inventory], ...]
    known: frozenset[PackageName] | None = None
    """Packages that Git declares or the cluster still has; None: nobody can say, so no file of a
    package is removed."""
    departed: tuple[Inventory, ...] = ()
    """What is remembered of packages that are gone, for the sake of their history."""

    @property
    def inventories(self) -> tuple[Inventory, ...]:
        """All whose transitions are told."""
        return (*(inventory for _, inventory in self.packages), *self.departed)


def package_path(name: PackageName) -> str:
    """Return where a package's file is."""
    return f"{PACKAGES}{name.namespace}/{name.name}.yaml"


def history_path(name: PackageName, record: Transition) -> str:
    """Return the file a record goes to: one per package and month (UTC)."""
    return f"history/{name.namespace}/{name.name}/{record.time:%Y-%m}.jsonl"


def files(
    telling: Telling, existing: Mapping[str, bytes], redact: Redact
) -> Mapping[str, bytes | None]:
    """Return the files to write, None for those to remove; called again after a lost race."""
    ours = dict(_ours(telling, existing, redact))
    others = dict(_others(existing, ours))
    gone = {path for path, told in others.items() if _is_gone(told, path, telling)}
    merged = [told for path, told in {**others, **ours}.items() if path not in gone]
    summary = document(
        (_listed(told, telling.instance) for told in merged),
        telling.cluster,
        telling.instance,
        telling.revision,
    )
    return {
        "README.md": readme(summary).encode(),
        "status.json": printed(summary),
        "badge.svg": badge(summary).encode(),
        **{path: yaml_of(told).encode() for path, told in ours.items()},
        **dict.fromkeys(gone),
        **_history(telling, existing, redact),
    }


# --- packages ----------------------------------------------------------------------------------


def _ours(
    telling: Telling, existing: Mapping[str, bytes], redact: Redact
) -> Iterator[tuple[str, Json]]:
    told = {report.package for report, _ in telling.packages}
    for report, inventory in telling.packages:
        yield package_path(report.package), _package(report, inventory, telling, redact)
    for name in sorted((telling.known or frozenset()) - told):
        # Not looked at since the start: what was told before is better than nothing.
        if package_path(name) not in existing:
            pending = entry(unseen(name, telling.revision), Told(), redact)
            yield package_path(name), {**pending, "instance": telling.instance}


def _package(report: Report, inventory: Inventory, telling: Telling, redact: Redact) -> Json:
    kinds = Counter(key.kind for key in inventory.entries)
    extras = {
        "since": instant(inventory.told.since),
        "inventory": dict(sorted(kinds.items())),
        "jobs": jobs(inventory),
        "lastHandledSync": inventory.handled_sync,
    }
    kept = {name: value for name, value in extras.items() if value}
    return {**entry(report, inventory.told, redact), "instance": telling.instance, **kept}


def _others(existing: Mapping[str, bytes], ours: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Files of packages that are not ours to write; one that can't be read is left alone."""
    for path in existing:
        name = _name(path)
        if name is not None and path not in ours:
            told = _read(existing[path], path)
            if "state" in told:
                agent = text(told.get("instance"))
                yield path, {**entry_of(told, *name), "instance": agent}


def _read(content: bytes, path: str) -> Mapping[str, Any]:
    found = read(content, path).manifests
    return mapping(found[0].value) if len(found) == 1 else {}


def _name(path: str) -> PackageName | None:
    if not path.startswith(PACKAGES) or not path.endswith(".yaml"):
        return None
    parts = path.removeprefix(PACKAGES).removesuffix(".yaml").split("/")
    return PackageName(*parts) if len(parts) == len(PackageName._fields) else None


def _is_gone(told: Mapping[str, Any], path: str, telling: Telling) -> bool:
    """Whether the file is about a package of ours that neither Git nor the cluster has."""
    mine = told.get("instance") == telling.instance
    return mine and telling.known is not None and _name(path) not in telling.known


def _listed(told: Mapping[str, Any], instance: str) -> Json:
    """The entry of a package as the summary has it; only others' name their agent."""
    kept = entry_of(told, told["namespace"], told["name"])
    agent = told["instance"]
    return kept if agent == instance else {**kept, "instance": agent}


# --- history -----------------------------------------------------------------------------------


def _history(
    telling: Telling, existing: Mapping[str, bytes], redact: Redact
) -> Mapping[str, bytes]:
    """Append what is not in Git yet; lines that are there stay as they are."""
    added: dict[str, list[Json]] = {}
    for inventory in telling.inventories:
        for record in unpushed(inventory.told):
            line = {
                "instance": telling.instance,
                "package": str(inventory.package),
                **transition(record, redact),
            }
            added.setdefault(history_path(inventory.package, record), []).append(line)
    return {path: _union(existing.get(path, b""), lines) for path, lines in added.items()}


def _union(content: bytes, lines: Sequence[Json]) -> bytes:
    there = {_identity(line) for line in _lines(content)}
    missing = [line for line in lines if _identity(line) not in there]
    if content and not content.endswith(b"\n"):
        content += b"\n"
    options = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return content + b"".join(orjson.dumps(line, option=options) for line in missing)


def _lines(content: bytes) -> Iterator[Mapping[str, Any]]:
    for line in content.splitlines():
        try:
            yield mapping(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue


def _identity(line: Mapping[str, Any]) -> tuple[str, str, int, str]:
    """What makes a record one: the time too, because a lost inventory begins to count anew."""
    seq = line.get("seq")
    return (
        text(line.get("instance")),
        text(line.get("package")),
        seq if isinstance(seq, int) else 0,
        text(line.get("time")),
    )


# --- the commit --------------------------------------------------------------------------------


def subject(telling: Telling) -> str:
    """Return the commit's subject: `prod-1: payments suspended, ingress failed`."""
    told = ((one.package, one.told) for one in telling.inventories)
    fresh = [(name, each.state) for name, each in told if unpushed(each)]
    if not fresh:
        return f"{telling.cluster}: {_counted(report.state for report, _ in telling.packages)}"
    urgent = sorted(fresh, key=lambda one: (one[1] == State.SYNCED, one[0]))
    named = [f"{package.name} {state.lower()}" for package, state in urgent[:_NAMED]]
    more = f" and {len(urgent) - _NAMED} more" if len(urgent) > _NAMED else ""
    return f"{telling.cluster}: {', '.join(named)}{more}"


def _counted(states: Iterable[State]) -> str:
    counts = Counter(states)
    told = [f"{counts[state]} {state.lower()}" for state in State if counts[state]]
    return ", ".join(told) or "no packages"


def trailers(telling: Telling, version: str) -> Mapping[str, str]:
    """Return what machines read of the commit; the revision is the whole commit id."""
    return {
        "Tidegate-Revision": telling.revision,
        "Tidegate-Cluster": telling.cluster,
        "Tidegate-Instance": telling.instance,
        "Tidegate-Version": version,
    }
