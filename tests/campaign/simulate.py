"""The campaign as a command: many lives or kills over some processes, and one told in full.

What was tried, what went wrong and how to see it again; never why: the journal says that.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from campaign import kills
from campaign.lives import lived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from campaign.faults import Faults

INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended."""
AT_ONCE = 8
"""Lives handed to a process at a time."""
NEWS = 30.0
"""Seconds between two lines that say how far it is."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What one life or telling came to."""

    name: str
    broken: tuple[str, ...]
    story: str = ""
    replay: str = ""
    crossings: int = 0
    writes: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of processor time."""


@dataclass(slots=True)
class Sum:
    """All that ended so far."""

    count: int = 0
    broken: list[Ended] = field(default_factory=list)
    crossings: int = 0
    writes: int = 0
    seconds: float = 0.0
    injected: Counter[str] = field(default_factory=Counter)

    def add(self, ended: Ended) -> None:
        """Take one in."""
        self.count += 1
        self.crossings += ended.crossings
        self.writes += ended.writes
        self.seconds += ended.seconds
        self.injected += ended.injected
        if ended.broken:
            self.broken.append(ended)


def say(line: str) -> None:
    """Tell people."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# --- in a worker ---------------------------------------------------------------------------------


def prepare(base: str) -> None:
    """Be quiet, leave Ctrl-C to the parent, and do not look at what never dies for garbage."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.tempdir = base
    logging.disable()
    gc.freeze()


def folder() -> Path:
    """Where the agents of this process keep what they may lose; it goes away with the process."""
    return Path(_kept().name)


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tidegate-campaign-")


def _counted(faults: Faults) -> Counter[str]:
    return Counter({fault.value: count for fault, count in faults.injected.items()})


def life(seed: int) -> Ended:
    """Live one seed."""
    began, name, replay = time.process_time(), f"seed {seed}", f"make simulate SEED={seed}"
    try:
        one = lived(seed, folder())
    except Exception:  # noqa: BLE001 - a campaign goes on, and tells it as a broken promise
        return Ended(name, (traceback.format_exc(),), replay=replay)
    return Ended(
        name,
        tuple(one.judge.faults),
        ", ".join(one.story),
        replay,
        one.world.faults.count,
        one.judge.workload_writes,
        _counted(one.world.faults),
        time.process_time() - began,
    )


@cache
def _reference() -> kills.Reference:
    return kills.reference(folder())


def telling(plan: kills.Plan) -> tuple[Ended, list[kills.Plan]]:
    """Tell the story with one plan of kills; also tells how it could go on after a single one."""
    began, name = time.process_time(), _spelled(plan)
    reference = _reference()
    replay = f'make simulate PLAN="{name}"'
    try:
        story = kills.told(folder(), plan)
    except Exception:  # noqa: BLE001 - as above
        return Ended(name, (traceback.format_exc(),), replay=replay), []
    crossings = story.world.faults.crossings
    ended = Ended(
        name,
        tuple(reference.broken(story)),
        "; ".join(f"{plan[number].value} {crossings[number]}" for number in plan),
        replay,
        len(crossings),
        story.judge.workload_writes,
        _counted(story.world.faults),
        time.process_time() - began,
    )
    return ended, list(kills.seconds(plan, story)) if len(plan) == 1 else []


def pairs(first: kills.Plan) -> list[Ended]:
    """Tell the story with one kill, and with each second one after it."""
    ended, followed = telling(first)
    return [ended, *(telling(plan)[0] for plan in followed)]


def _spelled(plan: kills.Plan) -> str:
    return " ".join(f"{number}:{plan[number].name}" for number in plan)


# --- over all workers ----------------------------------------------------------------------------


def lives(seeds: range, workers: int) -> int:
    """Live many seeds; returns the exit code."""
    return _campaign("lives", life, seeds, len(seeds), workers)


def all_kills(workers: int, every: int) -> int:
    """Kill at every crossing and at every pair of them; `every`: only each so manieth first."""
    firsts = list(kills.distinct(_reference()))[::every]
    say(f"{len(firsts)} kills, each alone and with every second one after it")
    return _campaign("tellings", pairs, firsts, 0, workers, at_once=1)


def _campaign(
    what: str,
    work: Callable[..., Ended | list[Ended]],
    items: Iterable[object],
    count: int,
    workers: int,
    at_once: int = AT_ONCE,
) -> int:
    total, began = Sum(), time.monotonic()
    news = News(what, count)
    code = 0
    with (
        # Who is interrupted leaves its folder behind: all of them are in this one.
        tempfile.TemporaryDirectory(prefix="tidegate-campaign-") as base,
        multiprocessing.get_context("spawn").Pool(workers, prepare, (base,)) as pool,
    ):
        try:
            for ended in _flat(pool.imap_unordered(work, items, at_once)):
                total.add(ended)
                if ended.broken:
                    _show(ended)
                news.tell(total)
        except KeyboardInterrupt:
            say("interrupted")
            code = INTERRUPTED
    _summary(total, what, time.monotonic() - began, workers)
    return code or int(bool(total.broken))


def _flat(results: Iterable[Ended | list[Ended]]) -> Iterator[Ended]:
    for each in results:
        yield from each if isinstance(each, list) else [each]


@dataclass(slots=True)
class News:
    """Says now and then how far it is."""

    what: str
    count: int
    """Of all there will be; 0: nobody knows yet."""
    due: float = field(default_factory=lambda: time.monotonic() + NEWS)

    def tell(self, total: Sum) -> None:
        """Say it, if it was not said for a while."""
        if time.monotonic() >= self.due:
            self.due = time.monotonic() + NEWS
            of = f" of {self.count:,}" if self.count else ""
            say(f"{total.count:,}{of} {self.what}, {len(total.broken)} broken")


def _show(ended: Ended) -> None:
    say(f"{ended.name}: {ended.story}")
    for promise in ended.broken:
        say(f"    {promise}")
    say(f"    again: {ended.replay}")


def _summary(total: Sum, what: str, seconds: float, workers: int) -> None:
    each = total.seconds / total.count if total.count else 0.0
    say(
        f"{total.count:,} {what} in {seconds:.1f} s on {workers} processes: "
        f"{total.count / seconds:.1f} per second, {each:.2f} s of a processor each"
    )
    killed = sum(count for name, count in total.injected.items() if name.startswith("killed"))
    say(
        f"{total.crossings:,} crossings, {total.injected.total():,} faults, {killed:,} of them "
        f"kills; {total.writes:,} writes judged"
    )
    say(", ".join(f"{name} {count:,}" for name, count in total.injected.most_common()))
    say(f"{len(total.broken)} {what} broke a promise")


# --- one in full ---------------------------------------------------------------------------------


def replayed(seed: int) -> int:
    """Live one seed and show every request."""
    one = lived(seed, folder())
    for line in one.judge.journal:
        say(line)
    say(f"story: {', '.join(one.story)}")
    say(f"digest: {one.judge.digest()}")
    return _promises(one.judge.faults)


def retold(plan: kills.Plan) -> int:
    """Tell one plan of kills and show every request."""
    story = kills.told(folder(), plan)
    for line in story.judge.journal:
        say(line)
    return _promises(_reference().broken(story))


def _promises(broken: Iterable[str]) -> int:
    found = list(broken)
    for promise in found or ["no promise was broken"]:
        say(promise)
    return 1 if found else 0
