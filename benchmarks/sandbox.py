"""Measures the sandbox alone, by the CPU of one core: what it takes to start, applies per second.

.venv/bin/python benchmarks/sandbox.py

Ends with 1 where a target is missed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Final

import yaml
from corpus import Corpus

from agent.edges import clock
from agent.edges.kube.seam import Request, Response
from agent.sandbox.api import Sandbox

APPLIES: Final = 2_000.0
"""At least so many per second: create, unchanged and changed objects of the corpus."""
START: Final = 0.3
"""Seconds at most, from an interpreter that runs to a cluster that answers in process."""
_CORPUS: Final = Corpus(1_000, 50)
_QUERY: Final = (("fieldManager", "bench"), ("force", "true"), ("fieldValidation", "Strict"))
_START: Final = """
from agent.edges import clock
from agent.sandbox.api import Sandbox
sandbox = Sandbox(clock.now)
"""
_SERVE: Final = f"""{_START}
from agent.sandbox.server import Server
Server(sandbox).close()
"""


def requests(revision: str) -> list[Request]:
    """Write an apply of each object; only every fourth, the ConfigMaps, has a revision in it."""
    found = []
    for thing in _CORPUS.things():
        manifest = yaml.safe_load(thing.text(revision))
        manifest["metadata"]["name"] = thing.name
        manifest["metadata"]["annotations"] = {"example.com/revision": revision}
        body = json.dumps(manifest).encode()
        found.append(Request("PATCH", thing.path, _QUERY, body, "application/apply-patch+yaml"))
    return found


def rate(sandbox: Sandbox, asked: list[Request]) -> float:
    """Give answers per second of CPU."""
    begin = time.process_time()
    answers = [sandbox.handle(each, "bench/1") for each in asked]
    took = time.process_time() - begin
    for each in answers:
        if not isinstance(each, Response) or each.status not in (200, 201):
            raise RuntimeError(f"an apply was refused: {each}")
    return len(asked) / took


def applies() -> dict[str, float]:
    """Measure the three kinds of apply."""
    sandbox = Sandbox(clock.now)
    for name in _CORPUS.namespaces:
        body = json.dumps({"metadata": {"name": name}}).encode()
        sandbox.handle(Request("POST", "/api/v1/namespaces", (), body, "application/json"))
    first, second = requests("1"), requests("2")
    return {
        "creating": rate(sandbox, first),
        "unchanged": rate(sandbox, first),
        "changing": rate(sandbox, second),
    }


def start(program: str) -> float:
    """Run a program in a new interpreter: seconds of CPU, the least of five runs."""
    found = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def main() -> int:
    """Print each figure with its share of the target."""
    python = start("pass")
    took, served = start(_START) - python, start(_SERVE) - python
    missed = took > START
    print(f"start-up {took * 1000:.0f} ms, {took / START:.2f} of the {START * 1000:.0f} ms allowed")
    print(f"with its HTTPS server {served * 1000:.0f} ms")
    for what, found in applies().items():
        missed = missed or found < APPLIES
        print(f"{what} {found:.0f}/s, {found / APPLIES:.2f} times the {APPLIES:.0f}/s wanted")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
