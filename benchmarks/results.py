"""Figures → RESULTS.md for people, and one JSON file per run for comparing runs."""

from __future__ import annotations

import json
import os
import platform
import time
from typing import TYPE_CHECKING

from peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    Found = Mapping[str, Mapping[str, Mapping[str, float]]]

TARGETS = {
    ("1k", "cold", "seconds"): "a third of Flux",
    ("1k", "rest", "requests"): "0",
    ("1k", "rest", "own CPU percent of a core"): "≤ 0.3",
    ("1k", "rest", "MiB resident"): "≤ 60",
    ("1k", "repair", "seconds p99"): "≤ 0.1",
    ("1k", "change", "requests"): "≤ 5",
    ("1k", "pushed", "seconds from applied"): "≤ 0.15",
    ("1k", "starts", "seconds of --help"): "≤ 0.15",
    ("1k", "starts", "seconds of status"): "≤ 0.3",
    ("10k", "change", "seconds to applied"): "≤ 0.1",
    ("10k", "change", "seconds to confirmed"): "≤ 0.3",
    ("10k", "change", "requests"): "≤ 5",
    ("10k", "rest", "MiB resident"): "≤ 100",
    ("10k", "restart", "seconds"): "≤ 2",
}
FLOORS = {
    "cold": "seconds to create",
    "repair": "seconds to repair",
    "restart": "seconds to list",
    "pushed": "seconds to push",
    "starts": "seconds of an interpreter",
}


def write(found: Found, folder: Path) -> None:
    """Write both."""
    day = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    (folder / "history").mkdir(exist_ok=True)
    record = json.dumps({"machine": machine(), "races": found}, indent=2, sort_keys=True)
    (folder / "history" / f"{day}.json").write_text(record + "\n")
    (folder / "RESULTS.md").write_text("\n".join(_page(found, day)) + "\n")


def machine() -> str:
    """What the figures were taken on, without naming it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end"
    )


def _page(found: Found, day: str) -> Iterator[str]:
    yield "# Results\n"
    yield "Made by `make bench`; do not edit. Single figures move by 40 % and more between machines"
    yield "and runs: read the ratio to the floor, the same work by raw requests in the same run.\n"
    yield f"{day}, {machine()}."
    yield "Real kube-apiserver and etcd, no controller-manager: the harness writes the status of"
    yield "Deployments.\n"
    yield "| objects | race | figure | value | floor | ratio | target |"
    yield "|---|---|---|---|---|---|---|"
    for size, races in found.items():
        for race, numbers in races.items():
            if race != "floor":
                yield from _rows(size, race, numbers, races.get("floor", {}))
    yield from _absent(found)


def _absent(found: Found) -> Iterator[str]:
    """Say which peers were not raced, so that nobody reads a target as a result."""
    raced = {race for races in found.values() for race in races}
    absent = [kind.name for kind in PEERS if kind.name not in raced]
    if absent:
        yield f"\nNot part of this run, for nobody named binaries: {', '.join(absent)}."
        yield "What targets say of them is not claimed by this page (see `benchmarks/peers.py`)."


def _rows(
    size: str, race: str, numbers: Mapping[str, float], floors: Mapping[str, float]
) -> Iterator[str]:
    floor = floors.get(FLOORS.get(race, ""))
    for name, value in numbers.items():
        timed = name.startswith("seconds") and floor
        low = f"{floor:.3g}" if timed else ""
        ratio = f"{value / floor:.1f}" if timed and floor else ""
        target = TARGETS.get((size, race, name), "")
        yield f"| {size} | {race} | {name} | {value:.3g} | {low} | {ratio} | {target} |"
