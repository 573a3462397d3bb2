"""Races other agents on the same corpus, where the environment names programs of theirs.

    TIDEGATE_BENCH_FLUX_SOURCE      source-controller
    TIDEGATE_BENCH_FLUX_KUSTOMIZE   kustomize-controller
    TIDEGATE_BENCH_FLUX_CRDS        the folder or file with their CustomResourceDefinitions
    TIDEGATE_BENCH_GITOPS_AGENT     the agent of gitops-engine

Never builds and never fetches one. What is not named is skipped, and said so.
Flags: fluxcd.io "Controller Options"; the agent's own `--help`.
"""

from __future__ import annotations

import os
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from control_plane.processes import free_ports
from git_server import GitHTTP, Repository
from process import Measured
from stage import PATHS, Stage, pause
from watching import Watching

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from corpus import Corpus, Thing

Numbers = dict[str, float]
_LONGEST: Final = 600
_FLUX: Final = "flux-system"


class Peer(Protocol):
    """Another agent; `variables` name its programs and what they need."""

    name: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]

    def start(self, stage: Stage, stack: ExitStack) -> Sequence[Measured]:
        """Start all its processes."""
        ...

    def commit(self, stage: Stage, thing: Thing) -> None:
        """Change one file, and poke the agent: no poll is waited for."""
        ...


@dataclass(slots=True)
class GitopsAgent:
    """Syncs a checkout: the harness writes it, and that is not counted against the agent."""

    name: ClassVar[str] = "gitops-engine agent"
    variables: ClassVar[tuple[str, ...]] = ("TIDEGATE_BENCH_GITOPS_AGENT",)
    checkout: Path | None = None
    port: int = 0

    def start(self, stage: Stage, stack: ExitStack) -> Sequence[Measured]:
        """One process."""
        self.checkout = stage.folder / "checkout"
        for thing in stage.corpus.things():
            self._write(thing, "1")
        Repository(self.checkout / ".git").commit({"revision": "1"}, "One")
        (self.port,) = free_ports(1)
        command = [
            *(os.environ[self.variables[0]], str(self.checkout), "--path", "apps"),
            *("--kubeconfig", str(stage.plane.kubeconfig()), "--default-namespace", "default"),
            *("--resync-seconds", "100000", "--port", str(self.port)),
        ]
        home = {"HOME": str(stage.folder)}  # it keeps discovery there
        return [_started(command, stage, stack, home)]

    def commit(self, stage: Stage, thing: Thing) -> None:
        """Write the file as a pull would have, and ask for a sync."""
        stage.revision += 1
        self._write(thing, str(stage.revision))
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/sync", data=b"").close()

    def _write(self, thing: Thing, revision: str) -> None:
        assert self.checkout is not None  # noqa: S101 - it was started
        file = self.checkout / thing.file
        file.parent.mkdir(parents=True, exist_ok=True)
        whole = thing.text(revision).replace(
            "metadata:\n", f"metadata:\n  namespace: {thing.namespace}\n", 1
        )
        file.write_text(whole)


@dataclass(slots=True)
class Flux:
    """One Kustomization per package, all from one GitRepository; no `wait`, as Tidegate's races."""

    name: ClassVar[str] = "Flux"
    variables: ClassVar[tuple[str, ...]] = (
        "TIDEGATE_BENCH_FLUX_SOURCE",
        "TIDEGATE_BENCH_FLUX_KUSTOMIZE",
        "TIDEGATE_BENCH_FLUX_CRDS",
    )

    def start(self, stage: Stage, stack: ExitStack) -> Sequence[Measured]:
        """Definitions first: controllers that start without them never sync."""
        source, kustomize, definitions = (os.environ[each] for each in self.variables)
        stage.plane.kubectl("apply", "--server-side", "-f", definitions)
        stage.plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
        stage.plane.kubectl("create", "namespace", _FLUX)
        served = stack.enter_context(GitHTTP(stage.repository.path.parent))
        storage, *others = free_ports(5)
        at = f"127.0.0.1:{storage}"
        environment = {
            "KUBECONFIG": str(stage.plane.kubeconfig()),
            "RUNTIME_NAMESPACE": _FLUX,
            "TMPDIR": str(stage.folder),
        }
        ports = [f":{port}" for port in others]
        common = ("--events-addr=", "--watch-all-namespaces")
        started = [
            _started(
                [
                    *(source, f"--storage-path={stage.folder / 'artifacts'}", *common),
                    *(f"--storage-addr={at}", f"--storage-adv-addr={at}", "--concurrent=2"),
                    *(f"--metrics-addr={ports[0]}", f"--health-addr={ports[1]}"),
                ],
                *(stage, stack, environment),
            ),
            _started(
                [
                    *(kustomize, *common, "--concurrent=4"),
                    *(f"--metrics-addr={ports[2]}", f"--health-addr={ports[3]}"),
                ],
                *(stage, stack, environment),
            ),
        ]
        declared = _declared(stage.corpus, served.url(stage.repository.path.name))
        stage.plane.kubectl("apply", "-f", "-", stdin=declared)
        return started

    def commit(self, stage: Stage, thing: Thing) -> None:
        """Commit, and ask the source to look (fluxcd.io, "Triggering a reconcile")."""
        commit = stage.commit(thing)
        stage.plane.kubectl(
            *("annotate", "--overwrite", "gitrepository", "-n", _FLUX, "corpus"),
            f"reconcile.fluxcd.io/requestedAt={commit}",
        )


def _declared(corpus: Corpus, url: str) -> str:
    """Give the GitRepository and the Kustomizations of a corpus."""
    source = (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        f"metadata: {{name: corpus, namespace: {_FLUX}}}\n"
        f"spec: {{interval: 24h, url: {url}, ref: {{branch: main}}}}\n"
    )
    packages = {thing.file.rpartition("/")[0]: thing.namespace for thing in corpus.things()}
    return "---\n".join(
        [
            source,
            *(
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
                f"metadata: {{name: {path.split('/')[1]}, namespace: {_FLUX}}}\n"
                f"spec: {{interval: 24h, prune: true, path: ./{path}, targetNamespace: {namespace},"
                " sourceRef: {kind: GitRepository, name: corpus}}\n"
                for path, namespace in packages.items()
            ),
        ]
    )


PEERS: Final[tuple[type[Peer], ...]] = (Flux, GitopsAgent)


def race(folder: Path, corpus: Corpus, rounds: int = 3) -> dict[str, Numbers]:
    """Race every peer that is named; each on a control plane of its own."""
    found = {}
    for kind in PEERS:
        absent = [each for each in kind.variables if not os.environ.get(each)]
        if absent:
            print(f"{kind.name} is not raced: {', '.join(absent)} not set", flush=True)
            continue
        with Stage(folder / kind.name.split()[0], corpus) as stage, ExitStack() as stack:
            found[kind.name] = _races(kind(), stage, stack, rounds)
    return found


def _races(peer: Peer, stage: Stage, stack: ExitStack, rounds: int) -> Numbers:
    things = {thing.path for thing in stage.corpus.things()}
    mark = stage.plane.marker()
    with Watching(stage.plane, [*PATHS]) as watch:
        started = peer.start(stage, stack)

        def check() -> None:
            for each in started:
                each.check()

        ours = frozenset(stage.corpus.namespaces)
        watch.wait_for(
            lambda: sum(key.split("/")[0] in ours for key in watch.seen) >= len(things),
            *(_LONGEST, check),
        )
        numbers = {
            "seconds": watch.last - min(each.started for each in started),
            "own CPU seconds": sum(each.cpu() for each in started),
            "requests per object": _asked(stage, mark) / len(things),
        }
    _until_quiet(started)
    numbers["MiB resident"] = sum(each.memory()[0] for each in started)
    return numbers | _changes(peer, stage, started, rounds)


def _changes(peer: Peer, stage: Stage, started: Sequence[Measured], rounds: int) -> Numbers:
    """A one-file commit: from the poke to the object, and what it cost until all was quiet."""
    things, seconds, requests, busy = stage.corpus.config_maps(), [], [], []
    for number in range(rounds):
        thing = things[(number * 37 + 5) % len(things)]
        mark, before = stage.plane.marker(), sum(each.cpu() for each in started)
        collection = thing.path.rpartition("/")[0]
        with Watching(stage.plane, [collection], whole=True) as watch:
            begin = time.monotonic()
            peer.commit(stage, thing)
            watch.wait_for(lambda: _is_at(watch, thing, stage.revision), _LONGEST)  # noqa: B023
            seconds.append(watch.last - begin)
        _until_quiet(started)
        requests.append(_asked(stage, mark))
        busy.append(sum(each.cpu() for each in started) - before)
    middle = rounds // 2
    return {
        "seconds of a change to applied": sorted(seconds)[middle],
        "requests of a change": sorted(requests)[middle],
        "own CPU seconds of a change": sorted(busy)[middle],
    }


def _asked(stage: Stage, since: int) -> int:
    """Count what was asked of the API server by anybody but itself and the harness' observer."""
    everybody = stage.plane.audit(since=since, user_agent_prefix="")
    own = ("kube-apiserver/", "bench", "kubectl/", "test")  # the last is the observer
    return sum(not one.user_agent.startswith(own) for one in everybody)


def _is_at(watch: Watching, thing: Thing, revision: int) -> bool:
    return any(
        one["metadata"]["name"] == thing.name and one["data"].get("revision") == str(revision)
        for _, one in watch.seen.values()
    )


def _until_quiet(started: Sequence[Measured], seconds: float = 3) -> None:
    """Wait until all of them together used less than a twentieth of a core for a while."""
    while True:
        before = sum(each.cpu() for each in started)
        pause(seconds)
        if sum(each.cpu() for each in started) - before < seconds / 20:
            return


def _started(
    command: Sequence[str], stage: Stage, stack: ExitStack, environment: dict[str, str]
) -> Measured:
    agent = Measured(command, stage.folder / "peer.log", environment)
    stack.callback(agent.kill)
    return agent
