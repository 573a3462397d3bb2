"""Runs the real command as a process, and judges it by what others see; never looks inside it.

A `Site` is one agent's corner of the shared control plane: a namespace, a repository over HTTP, an
instance and an agent namespace of its own, and there the ServiceAccount that `deploy/cluster`
makes. Its requests are told apart in the audit log, and it has no right that is not written there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from e2e import audited, deployed
from e2e.remote import Remote
from git_server import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from control_plane.audit import Request
    from control_plane.client import Answer, Object
    from control_plane.server import ControlPlane
    from e2e.manifests import Files

COMMAND = Path(sys.executable).with_name("tidegate")
SECONDS = 25
"""After which a story gives up; none takes that long."""
_KEPT = ("HOME", "LANG", "PATH", "TMPDIR")


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class AgentProcess:
    """One running command; as a context manager it does not outlive the block."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: Path
    ) -> None:
        output.mkdir(parents=True)
        self._output = output
        with (output / "stdout").open("wb") as out, (output / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                [COMMAND, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def ended(self, seconds: float = SECONDS) -> Ended:
        """Wait until it ends by itself."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.tell(signal.SIGABRT)  # Python writes where every thread is
            self._process.wait()
            raise AssertionError(f"it still ran: {self.text('stderr')[-8000:]}") from error
        return Ended(code, self.text("stdout"), self.text("stderr"))

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def stop(self) -> Ended:
        """Ask it to end, as Kubernetes asks a Pod."""
        self.tell(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        """End it and its children without a word."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def text(self, stream: str) -> str:
        """What it wrote so far on `stdout` or `stderr`."""
        return (self._output / stream).read_text(errors="replace")


@dataclass
class Site:
    """One agent's corner; a context manager that ends the agents started in it."""

    mode: ClassVar[str] = "cluster"
    """The folder of `deploy/` that says what the agent may do."""
    plane: ControlPlane
    folder: Path
    name: str
    """Unique: the instance and the cluster are called so."""
    namespace: str
    user: str = field(init=False)
    """Who the agent is to the API server, and to its audit log."""
    repository: Repository = field(init=False)
    remote: Remote = field(init=False)
    _running: ExitStack = field(default_factory=ExitStack)
    _starts: int = 0

    def __enter__(self) -> Self:
        self.repository = Repository(self.folder / "git" / "repository.git")
        self.remote = self._running.enter_context(Remote(self.folder / "git"))
        self.client = self.plane.client()
        self._began = self.plane.marker()
        self.user, self._kubeconfig = self._install()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        for number in range(1, self._starts + 1):  # pytest shows it where a story fails
            log = (self.folder / f"run-{number}" / "stderr").read_text(errors="replace")
            sys.stderr.write(f"--- run {number} of {self.name}\n{log[-6000:]}\n")

    def _install(self) -> tuple[str, Path]:
        """Give the agent its rights, and its name to the API server with a kubeconfig."""
        account = deployed.install(self.plane, self.mode, self.name, self.home)
        return account.user, account.kubeconfig()

    @property
    def person(self) -> str:
        """Who types commands here; an admin, and never the agent."""
        return f"ada-{self.name}"

    @property
    def home(self) -> str:
        """The agent's namespace."""
        return f"{self.name}-system"

    # --- the agent -----------------------------------------------------------------------------

    def commit(self, *files: Mapping[str, str | bytes | None], message: str = "Change") -> str:
        """Commit files (None removes one) and give the commit's id."""
        changes: Files = {}
        for each in files:
            changes |= each
        return self.repository.commit(changes, message)

    def start(
        self, *options: str, failpoint: str = "", interval: str = "1s", clock: str = ""
    ) -> AgentProcess:
        """Start `tidegate run` and go on; `clock` is the instant that it takes for now."""
        self._starts += 1
        given = {
            "repo": self.remote.url("repository.git"),
            "cluster": self.name,
            "instance": self.name,
            "agent-namespace": self.home,
            "kubeconfig": str(self._kubeconfig),
            "state-dir": str(self.folder / "state"),
            "interval": interval,
        }
        flags = [f"--{name}={value}" for name, value in given.items()]
        environment = self._environment(TIDEGATE_FAILPOINT=failpoint, TIDEGATE_CLOCK=clock)
        output = self.folder / f"run-{self._starts}"
        process = AgentProcess(["run", *flags, *options], environment, output)
        return self._running.enter_context(process)

    def _environment(self, **seams: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        kept |= {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
        programs = self.plane.assets.program("kubectl").parent
        path = {"PATH": f"{programs}{os.pathsep}{kept.get('PATH', '')}"}
        kept["PYTHONFAULTHANDLER"] = "1"
        return kept | path | {name: value for name, value in seams.items() if value}

    def once(self, *options: str, failpoint: str = "", timeout: str = "20s") -> Ended:
        """Run `tidegate run --once` to its end."""
        with self.start("--once", f"--timeout={timeout}", *options, failpoint=failpoint) as agent:
            return agent.ended()

    def sync(self, *options: str, expect: int = 0, timeout: str = "20s") -> Ended:
        """Run `--once` and insist on how it ends."""
        ended = self.once(*options, timeout=timeout)
        assert ended.code == expect, ended
        return ended

    def bury(self) -> None:
        """Take away the Lease of an agent that was killed, which the next would wait for."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases/tidegate-{self.name}"
        assert self.client.request("DELETE", path).code in (200, 404)

    def die(self, failpoint: str, *options: str) -> None:
        """Run `--once` until it is killed at a failpoint, and bury it."""
        ended = self.once(*options, failpoint=f"{failpoint}")
        assert ended.code == -signal.SIGKILL, ended
        self.bury()

    # --- what others see -----------------------------------------------------------------------

    def mutations(self, since: int, user: str = "") -> list[str]:
        """All writes since a marker but those of the Lease and dry runs, in order.

        They are the agent's unless another user is named.
        """
        return [audited.said(one) for one in self._writes(since, user) if one.resource != "leases"]

    def workload_writes(self, since: int) -> list[str]:
        """Writes of the packages' objects alone, without what the agent keeps and tells."""
        return [audited.said(one) for one in self._writes(since) if not self._is_bookkeeping(one)]

    def asked(self, since: int) -> list[Request]:
        """What the agent asked for since a marker.

        But not for kinds, where another story has changed what kinds there are: all agents look.
        """
        asked = self.plane.audit(since, user=self.user)
        kinds = audited.changes_kinds(self.plane.audit(self._began, user_agent_prefix=""))
        return [one for one in asked if one.resource] if kinds else asked

    def refusals(self) -> list[str]:
        """What the agent asked for and may not have, with the verb, each once."""
        asked = self.plane.audit(self._began, user=self.user)
        return sorted({f"{one.verb} {one.uri}" for one in asked if one.code == 403})

    def _writes(self, since: int, user: str = "") -> list[Request]:
        return audited.writes(self.plane.audit(since, user=user or self.user))

    def _is_bookkeeping(self, one: Request) -> bool:
        ours = one.namespace == self.home or (one.resource, one.name) == ("namespaces", self.home)
        return ours or one.resource in {"packages", "events"}

    def path(self, resource: str, name: str = "", namespace: str = "") -> str:
        """The path of a namespaced object: `configmaps`, `apps/v1/deployments`."""
        group = f"/apis/{resource.rpartition('/')[0]}" if "/" in resource else "/api/v1"
        space = namespace or self.namespace
        return f"{group}/namespaces/{space}/{resource.rpartition('/')[2]}/{name}".rstrip("/")

    def get(self, resource: str, name: str, namespace: str = "") -> Object | None:
        """A live object, or None."""
        found = self.client.get(self.path(resource, name, namespace))
        assert found.code in (200, 404), found
        return found.body if found.code == 200 else None

    def value(self, name: str, namespace: str = "") -> str | None:
        """`data.value` of a ConfigMap, or None where there is none."""
        found = self.get("configmaps", name, namespace)
        return found["data"]["value"] if found else None

    def values(self) -> dict[str, str]:
        """`data.value` of all ConfigMaps in the namespace."""
        found = self.client.get(self.path("configmaps")).body["items"]
        return {each["metadata"]["name"]: each["data"]["value"] for each in found}

    def uid(self, resource: str, name: str) -> str:
        """The uid of a live object."""
        found = self.get(resource, name)
        assert found is not None
        return str(found["metadata"]["uid"])

    def create(self, resource: str, manifest: object, namespace: str = "") -> Object:
        """Create an object as somebody else."""
        answer = self.client.request("POST", self.path(resource, "", namespace), manifest)
        return _taken(answer)

    def patch(self, resource: str, name: str, patch: Mapping[str, Any]) -> Object:
        """Change an object as somebody else, by a merge patch."""
        return _taken(self.client.merge(self.path(resource, name), patch))

    def make_available(self, name: str) -> None:
        """Say that a Deployment's Pods are there, as its controller would."""
        found = self.get("apps/v1/deployments", name)
        assert found is not None
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        conditions = [
            {"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ]
        status = {
            **dict.fromkeys(counts, found["spec"]["replicas"]),
            "observedGeneration": found["metadata"]["generation"],
            "conditions": conditions,
        }
        self.patch("apps/v1/deployments", f"{name}/status", {"status": status})

    def delete(self, resource: str, name: str, namespace: str = "") -> None:
        """Delete an object as somebody else."""
        path = self.path(resource, name, namespace)
        _taken(self.client.request("DELETE", path))

    def wait_for(self, resource: str, name: str, claim: Callable[[Any], bool]) -> Object | None:
        """Wait until a claim about an object is true, and give the object."""
        return self.client.wait_for(self.path(resource, name), claim, SECONDS)

    # --- what the agent tells ------------------------------------------------------------------

    def status(self, name: str = "web", namespace: str = "") -> Object:
        """`Package.status`; empty where there is none."""
        found = self.get("tidegate.io/v1alpha1/packages", name, namespace)
        return found.get("status", {}) if found else {}

    def told(self, name: str = "web", namespace: str = "") -> tuple[str, str]:
        """State and reason of a package."""
        status = self.status(name, namespace)
        return status.get("state", ""), status.get("reason", "")

    def holds(self, name: str = "web") -> list[tuple[str, str]]:
        """Gate and reason of each hold."""
        return [(one["gate"], one["reason"]) for one in self.status(name).get("holds", [])]

    def conditions(self, name: str = "web") -> dict[str, str]:
        """Type → status of the conditions."""
        return {one["type"]: one["status"] for one in self.status(name).get("conditions", [])}

    def wait_until_told(self, state: str, reason: str = "", name: str = "web") -> Object:
        """Wait until a package is told to be in a state; gives its status."""
        found = self.wait_for(
            "tidegate.io/v1alpha1/packages", name, lambda one: _tells(one, state, reason)
        )
        assert found is not None
        return dict(found["status"])

    def wait_until_applied(self, commit: str, name: str = "web") -> Object:
        """Wait until a package tells that a commit is applied; gives its status."""
        return self._wait_for_revision("applied", commit, name)

    def wait_until_observed(self, commit: str, name: str = "web") -> Object:
        """Wait until a package tells that a commit was seen; gives its status."""
        return self._wait_for_revision("observed", commit, name)

    def _wait_for_revision(self, kind: str, commit: str, name: str) -> Object:
        def is_there(one: Any) -> bool:
            return bool(one) and one.get("status", {}).get("revision", {}).get(kind) == commit

        found = self.wait_for("tidegate.io/v1alpha1/packages", name, is_there)
        assert found is not None
        return dict(found["status"])

    def wait_until_quiet(self, state: str = "Synced", name: str = "web") -> Object:
        """Wait until a package is in a state and all that a pass writes was answered to the agent.

        The event of the last transition is the last of it; beside passes it writes its own state.
        """
        status = self.wait_until_told(state, name=name)
        wanted = status["transitions"][-1]["seq"]
        self._wait_for_answers(self._began, lambda asked: audited.is_told(asked, name, wanted))
        return status

    def wait_for_renewal(self, since: int) -> None:
        """Wait until the agent was told that its Lease is renewed."""
        self._wait_for_answers(since, audited.is_renewed)

    def _wait_for_answers(self, since: int, claim: Callable[[list[Request]], bool]) -> None:
        self.plane.wait_for_audit(since, claim, user=self.user, seconds=SECONDS)

    @property
    def status_branch(self) -> str:
        """Where the agent tells Git."""
        return f"tidegate/status/{self.name}"

    def wait_for_git(self, claim: Callable[[], bool]) -> None:
        """Wait until a claim about the repository is true, looking after every request to it."""
        with self.remote.served:
            assert self.remote.served.wait_for(claim, SECONDS), self.remote.requests[-5:]


def _taken(answer: Answer) -> Object:
    assert 200 <= answer.code < 300, answer
    return answer.body


def _tells(found: Object | None, state: str, reason: str) -> bool:
    status = found.get("status", {}) if found else {}
    return status.get("state") == state and reason in ("", status.get("reason"))
