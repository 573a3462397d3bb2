"""Where a race is run: a control plane, a repository behind a gate, the agent's real command."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from control_plane.client import MERGE
from control_plane.server import ControlPlane
from corpus import settled
from gate import GatedDaemon
from git_server import Repository
from process import Measured
from watching import Watching

from agent.edges.kube.seam import Request
from agent.edges.kube.transport import connect

if TYPE_CHECKING:
    from control_plane import audit
    from corpus import Corpus, Thing

PATHS = (
    "/apis/apps/v1/deployments",
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/api/v1/configmaps",
)
OURS = "tidegate.io/instance=default,tidegate.io/package"
PACKAGES = "/apis/tidegate.io/v1alpha1/packages"
CLUSTER = "bench"
STATUS_BRANCH = f"tidegate/status/{CLUSTER}"
TIDEGATE = Path(sys.executable).with_name("tidegate")
CONNECTIONS = 12


class Stage:
    """A context manager; one per size of corpus."""

    def __init__(self, folder: Path, corpus: Corpus, interval: str = "1s") -> None:
        self.folder = folder
        self.corpus = corpus
        self._interval = interval
        self._stack = ExitStack()
        self._port = 0
        self.revision = 1

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self.plane = self._stack.enter_context(ControlPlane(self.folder / "cluster"))
        self.repository = Repository(self.folder / "git" / "repo.git")
        self.gate = self._stack.enter_context(GatedDaemon(self.folder / "git"))
        self.client = self.plane.client()
        self.raw = connect(str(self.plane.kubeconfig()), None, "bench", connections=CONNECTIONS)
        for name in self.corpus.namespaces:
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.client.request("POST", "/api/v1/namespaces", manifest)
        self.repository.commit(self.corpus.files(), "All packages")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # --- the agent -----------------------------------------------------------------------------

    def agent(self) -> Measured:
        """Start the real command."""
        agent = Measured(self.command(), self.folder / "agent.log")
        self._stack.callback(agent.kill)
        return agent

    def command(self) -> list[str]:
        """Give the command as a person would write it."""
        from control_plane.processes import free_ports  # noqa: PLC0415 - the tests' own

        self._port = free_ports(1)[0]
        return [
            *(str(TIDEGATE), "run"),
            *("--repo", self.gate.url("repo.git"), "--cluster", CLUSTER),
            *("--kubeconfig", str(self.plane.kubeconfig()), "--interval", self._interval),
            *("--state-dir", str(self.folder / "state"), "--listen", f"127.0.0.1:{self._port}"),
        ]

    def states(self) -> dict[str, int]:
        """Give how many packages are in each state, as the agent's own metrics tell it."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        counts: dict[str, int] = {}
        for state in re.findall(
            r'^tidegate_package_state\{.*state="(\w+)"\} 1', text, re.MULTILINE
        ):
            counts[state] = counts.get(state, 0) + 1
        return counts

    def until_all(self, state: str, agent: Measured, seconds: float = 180) -> float:
        """Wait until every package is in a state; give the time at which that was seen."""
        end = time.monotonic() + seconds
        begin = time.monotonic()
        while (counts := self.states()).get(state) != self.corpus.packages:
            agent.check()
            if time.monotonic() > end:
                raise TimeoutError(f"packages are {counts}, not all {state}:\n{agent.tail()}")
            # A scrape costs the agent what it does not have for its work: one part in ten.
            pause(max(0.02, 9 * (time.monotonic() - begin)))
            begin = time.monotonic()
        return time.monotonic()

    # --- the world -----------------------------------------------------------------------------

    def watching(self) -> Watching:
        """Watch everything the agent owns, metadata only."""
        return Watching(self.plane, [*PATHS], OURS)

    def watching_one(self, thing: Thing) -> Watching:
        """Watch the objects of one package's kind, whole."""
        collection = thing.path.rpartition("/")[0]
        return Watching(self.plane, [collection], OURS, whole=True)

    def commit(self, thing: Thing) -> str:
        """Commit one changed file."""
        self.revision += 1
        return self.repository.commit({thing.file: thing.text(str(self.revision))}, "Change one")

    def status_tip(self) -> str:
        """Give the newest commit of the status branch, without starting a git."""
        written = self.repository.path / "refs" / "heads" / STATUS_BRANCH
        return written.read_text().strip() if written.exists() else ""

    def settle(self) -> None:
        """Write the status of every Deployment, as its controller would."""
        found = self.client.get("/apis/apps/v1/deployments").body["items"]

        def write(one: dict[str, Any]) -> None:
            meta = one["metadata"]
            path = f"/apis/apps/v1/namespaces/{meta['namespace']}/deployments/{meta['name']}/status"
            body = json.dumps(settled(one)).encode()
            self.raw.send(Request("PATCH", path, (), body, MERGE))

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(write, found))

    def requests(self, since: int) -> list[audit.Request]:
        """Give what the agent asked of the API server, but renewals of its lease."""
        found = self.plane.audit(since=since)
        return [one for one in found if one.resource != "leases"]


def pause(seconds: float) -> None:
    """Let time pass: a benchmark waits where a test must not."""
    time.sleep(seconds)  # noqa: TID251 - the one place
