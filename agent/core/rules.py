"""The settings in force for one object: its package's, overridden by its own annotations.

Never ignores an annotation it can't read: that would apply what somebody meant to hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from agent.core import words
from agent.core.reading import mapping
from agent.core.select import name_matches
from agent.core.values import ConflictPolicy, JobPolicy, ReplacePolicy, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.core.values import Key, Package, Target

LARGEST_WAVE: Final = 9_999
"""Waves that people write; those of Helm hooks lie outside."""
_LARGEST_HISTORY: Final = 100
_FORCE: Final = "Force"
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,6}")

# Read elsewhere (suspension), or written by the agent and copied from a cluster (owner).
_READ_ELSEWHERE: Final = frozenset(
    {
        words.SUSPEND,
        words.SUSPEND_REASON,
        words.SUSPEND_UNTIL,
        words.SUSPEND_BY,
        words.OWNER,
    }
)


@dataclass(frozen=True, slots=True)
class Marked:
    """What the annotations of one object say."""

    rules: Rules
    wave: int | None
    """None: the object names no wave."""
    problems: tuple[str, ...]


def of_package(package: Package, key: Key) -> Rules:
    """Give the rules of an object that has no annotations of its own."""
    return Rules(
        jobs=package.jobs,
        replace=package.replace,
        conflicts=package.conflicts,
        adopt=package.adopt,
        ignore=tuple(
            path for rule in package.ignore if covers(rule.target, key) for path in rule.paths
        ),
    )


def covers(target: Target, key: Key) -> bool:
    """Whether a target is about an object; an empty field is about any, `*` stands for a part."""
    return (
        (not target.kind or target.kind == key.kind)
        and (target.group is None or target.group == key.group)
        and (not target.name or name_matches((target.name,), key.name))
        and (not target.namespace or name_matches((target.namespace,), key.namespace))
    )


def marked(rules: Rules, annotations: Mapping[str, str]) -> Marked:
    """Override rules by an object's `tidegate.io/` annotations."""
    changes: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in annotations.items():
        if not name.startswith(f"{words.GROUP}/") or name in _READ_ELSEWHERE:
            continue
        try:
            read = _READERS[name]
            changes |= read(value.strip())
        except KeyError:
            problems.append(_unknown(name))
        except ValueError as error:
            problems.append(f"annotation {name}: `{value}` is not valid: write {error}")
    wave = changes.pop("wave", None)
    return Marked(replace(rules, **changes), wave, tuple(problems))


def unmarked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata without the annotations read here, for a Job.

    A Job's digest says what runs: a change of policy is no new content, and runs nothing again.
    What a policy means after the Job left Git (`prune: disabled`) the inventory remembers.
    """
    annotations = mapping(metadata.get("annotations"))
    kept = {name: value for name, value in annotations.items() if name not in _READERS}
    bare = {name: value for name, value in metadata.items() if name != "annotations"}
    return {**bare, "annotations": kept} if kept else bare


def _unknown(name: str) -> str:
    if close := get_close_matches(name, _READERS, n=1, cutoff=0.8):
        return f"annotation {name} is unknown: did you mean {close[0]}?"
    known = ", ".join(sorted(_READERS))
    return f"annotation {name} has no meaning on an object of a package: remove it, or use {known}"


def _one_of(words_allowed: Mapping[str, Any], value: str) -> Any:
    if value not in words_allowed:
        raise ValueError(" or ".join(words_allowed))
    return words_allowed[value]


def _whole(value: str, least: int, most: int) -> int:
    if not _INTEGER.fullmatch(value) or not least <= int(value) <= most:
        raise ValueError(f'a whole number from {least} to {most}, in quotes, such as "1"')
    return int(value)


def _jobs(value: str) -> dict[str, Any]:
    policy, *options = (part.strip() for part in value.split(","))
    allowed = ", ".join(JobPolicy)
    if policy not in set(JobPolicy) or options not in ([], [_FORCE]):
        raise ValueError(f"{allowed} or {JobPolicy.RECREATE},{_FORCE}")
    if options and policy != JobPolicy.RECREATE:
        raise ValueError(f"{allowed}; {_FORCE} goes with {JobPolicy.RECREATE} only")
    return {"jobs": JobPolicy(policy), "force": bool(options)}


def _replace(value: str) -> dict[str, Any]:
    policy = _one_of({each.value: each for each in ReplacePolicy}, value)
    return {"replace": policy, "replace_workload": policy is ReplacePolicy.RECREATE}


def _prune(value: str) -> dict[str, Any]:
    return {"prune": _one_of({"disabled": False, "enabled": True}, value)}


def _conflicts(value: str) -> dict[str, Any]:
    return {"conflicts": _one_of({each.value: each for each in ConflictPolicy}, value)}


def _history(value: str) -> dict[str, Any]:
    return {"job_history": _whole(value, 0, _LARGEST_HISTORY)}


def _wave(value: str) -> dict[str, Any]:
    return {"wave": _whole(value, -LARGEST_WAVE, LARGEST_WAVE)}


_READERS: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = {
    words.WAVE: _wave,
    words.PRUNE: _prune,
    words.JOBS: _jobs,
    words.REPLACE: _replace,
    words.CONFLICTS: _conflicts,
    words.JOB_HISTORY: _history,
}
