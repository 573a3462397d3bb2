"""`python -m campaign`: what `make simulate` runs."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile

from campaign import simulate
from campaign.faults import Fault
from campaign.lives import lived


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m campaign", description=simulate.__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    many = verbs.add_parser("lives", help="lives by dice")
    many.add_argument("--count", type=int, default=1000)
    many.add_argument("--start", type=int, default=0, help="the first seed")
    killed = verbs.add_parser("kills", help="every kill alone, and with every second one after it")
    killed.add_argument("--every", type=int, default=1, help="only each so manieth first kill")
    for each in (many, killed):
        each.add_argument("--workers", type=int, default=2)
    verbs.add_parser("seed", help="one life in full").add_argument("seed", type=int)
    plan = verbs.add_parser("plan", help="one plan of kills in full, as 17:KILL_AFTER")
    plan.add_argument("plan", nargs="*")
    sums = verbs.add_parser("digests", help="one line for each life")
    sums.add_argument("start", type=int)
    sums.add_argument("stop", type=int)
    return parser.parse_args()


def main() -> int:
    """Do what was asked for, in a folder that goes away with it; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="tidegate-campaign-") as base:
        tempfile.tempdir = base
        return done(parsed())


def done(asked: argparse.Namespace) -> int:
    """Do what was asked for."""
    match asked.verb:
        case "lives":
            seeds = range(asked.start, asked.start + asked.count)
            return simulate.lives(seeds, asked.workers)
        case "kills":
            return simulate.all_kills(asked.workers, asked.every)
    logging.disable()
    match asked.verb:
        case "seed":
            return simulate.replayed(asked.seed)
        case "plan":
            pairs = (each.partition(":") for each in asked.plan)
            return simulate.retold({int(number): Fault[name] for number, _, name in pairs})
    for seed in range(asked.start, asked.stop):
        simulate.say(lived(seed, simulate.folder()).judge.digest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
