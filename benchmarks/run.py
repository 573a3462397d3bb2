"""Measures the agent against a floor of raw requests in the same run; writes results.

.venv/bin/python benchmarks/run.py [--quick] [--no-large]
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent / "tests")]

import floor  # noqa: E402 - the tests' folder has to be found first
import peers  # noqa: E402
import races  # noqa: E402
from corpus import Corpus  # noqa: E402
from results import write  # noqa: E402
from stage import Stage  # noqa: E402

Numbers = dict[str, dict[str, float]]
SMALL = Corpus(1_000, 50)
LARGE = Corpus(10_000, 200)


def small(folder: Path, *, quick: bool) -> Numbers:
    """All races at 1,000 objects in 50 packages."""
    found: Numbers = {}
    with Stage(folder, SMALL) as stage:
        found["floor"] = {
            "seconds to create": floor.creates(stage, SMALL.objects),
            "seconds to repair": races.statistics.median(floor.repairs(stage)),
            **{f"seconds of {name}": value for name, value in floor.change(stage).items()},
            "seconds to push": floor.push(stage),
            "seconds of an interpreter": floor.interpreter(),
        }
        said("floor", found["floor"])
        agent, found["cold"] = races.cold(stage)
        said("cold", found["cold"])
        found["settle"] = races.settle(stage, agent)
        said("settle", found["settle"])
        found["rest"] = races.rest(stage, agent, 10 if quick else 61)
        said("rest", found["rest"])
        if not quick:
            found["pushed"] = races.pushed(stage)
            said("pushed", found["pushed"])
        found["change"] = races.change(stage)
        said("change", found["change"])
        found["repair"] = races.repair(stage)
        said("repair", found["repair"])
        found["starts"] = races.starts(stage)
        said("starts", found["starts"])
        found["floor"]["seconds to list"] = floor.lists(stage)
        agent, found["restart"] = races.restart(stage, agent)
        said("restart", found["restart"])
        agent.stop()
    return found


def large(folder: Path, small_floor: float) -> Numbers:
    """The races whose cost must not grow, at 10,000 objects in 200 packages."""
    found: Numbers = {}
    with Stage(folder, LARGE, "2s") as stage:
        scale = LARGE.objects / SMALL.objects
        agent, found["cold"] = races.cold(stage)
        found["floor"] = {"seconds to create": small_floor * scale}
        said("cold", found["cold"])
        found["settle"] = races.settle(stage, agent)
        said("settle", found["settle"])
        found["change"] = races.change(stage)
        said("change", found["change"])
        found["rest"] = races.rest(stage, agent, 10)
        said("rest", found["rest"])
        found["floor"]["seconds to list"] = floor.lists(stage)
        agent, found["restart"] = races.restart(stage, agent)
        said("restart", found["restart"])
        found["restarted"] = {"MiB resident": agent.memory()[0], "MiB at most": agent.memory()[1]}
        said("restarted", found["restarted"])
        agent.stop()
    return found


def said(race: str, numbers: dict[str, float]) -> None:
    """Print one race at once."""
    told = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    print(f"{time.strftime('%H:%M:%S')} {race}: {told}", flush=True)


def main() -> int:
    """Run all races."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without what needs quiet minutes")
    parser.add_argument("--no-large", action="store_true", help="1,000 objects only")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what was started, too
    found: dict[str, Numbers] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        found["1k"] = small(Path(scratch) / "small", quick=chosen.quick)
        for peer, numbers in peers.race(Path(scratch) / "peers", SMALL).items():
            found["1k"][peer] = numbers
            said(peer, numbers)
        if not chosen.no_large:
            found["10k"] = large(Path(scratch) / "large", found["1k"]["floor"]["seconds to create"])
    if not chosen.quick:
        write(found, _HERE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
