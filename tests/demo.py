"""The main job on `examples/repo`, told step by step, with the commands a person would type.

Starts a real control plane, a bare repository and the real `tidegate run`; everything goes away at
the end. Exit code 1: a step did not come true. 3: there is no control plane to run it on.

    make demo
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from control_plane.build import AssetsMissingError, find
from control_plane.server import ControlPlane
from git_server import GitHTTP, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from control_plane.client import Client, Object

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "repo"
CLUSTER = "demo"
SECONDS = 40
"""After which a step has not come true."""
NEEDED = ("kubectl", "kube-controller-manager", "kustomize", "helm")
PACKAGES = "/apis/tidegate.io/v1alpha1/namespaces"
WHO = {"NAME": "Dana Demo", "EMAIL": "dana@example.com"}


class NotTrueError(Exception):
    """A step did not come true; the message says what was seen instead."""


# --- telling -----------------------------------------------------------------------------------


class Voice:
    """Writes to the terminal: plain lines elsewhere, and where NO_COLOR asks for it."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._step = 0

    def title(self, text: str) -> None:
        """Begin a step."""
        self._step += 1
        self._say(f"\n{self._step}. {text}", "1")

    def why(self, text: str) -> None:
        """Say what is going on."""
        self._say(f"   {text}", "")

    def command(self, text: str) -> None:
        """Show what a person would type."""
        self._say(f"   $ {text}", "36")

    def output(self, text: str) -> None:
        """Show what came back."""
        for line in text.rstrip().splitlines():
            self._say(f"     {line}", "2")

    def true(self, text: str) -> None:
        """Say that something came true."""
        self._say(f"   ✓ {text}", "32")

    def _say(self, text: str, style: str) -> None:
        sys.stdout.write(f"\033[{style}m{text}\033[0m\n" if self._colour and style else f"{text}\n")
        sys.stdout.flush()


# --- the place ---------------------------------------------------------------------------------


class Place:
    """A work tree, the remote it was cloned from, and a cluster; types commands into a shell."""

    def __init__(self, plane: ControlPlane, folder: Path, remote: str, voice: Voice) -> None:
        self.client: Client = plane.client()
        self.tree = folder / "clusters"
        self.voice = voice
        settings = {
            "TIDEGATE_REPO": remote,
            "TIDEGATE_CLUSTER": CLUSTER,
            "TIDEGATE_KUBECONFIG": str(plane.kubeconfig()),
            "TIDEGATE_STATE_DIR": str(folder / "state"),
        }
        programs = [str(Path(sys.executable).parent), *map(str, plane.assets.folders)]
        self.environment = {
            **{name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ},
            **{f"GIT_{role}_{part}": WHO[part] for role in ("AUTHOR", "COMMITTER") for part in WHO},
            **settings,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "HOME": str(folder),
            "KUBECONFIG": settings["TIDEGATE_KUBECONFIG"],
            "PATH": os.pathsep.join([*programs, os.environ.get("PATH", os.defpath)]),
            "COLUMNS": "150",
        }

    def type(self, command: str, *, codes: tuple[int, ...] = (0,), quiet: bool = False) -> str:
        """Show a command, run it in the work tree, show and give what it prints."""
        self.voice.command(command)
        done = self._run(command)
        if not quiet:
            self.voice.output(done.stdout)
        if done.returncode not in codes:
            self.voice.output(done.stderr)
            raise NotTrueError(f"`{command}` ended with {done.returncode}, not {codes}")
        return done.stdout

    def ask(self, command: str) -> str:
        """Run a command without showing it."""
        return self._run(command).stdout

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.tree if self.tree.exists() else self.tree.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file as an editor would, and show the change."""
        file = self.tree / path
        text, count = re.subn(old, new, file.read_text(), flags=re.DOTALL)
        if count != 1:
            raise NotTrueError(f"{path} has {old!r} {count} times, not once")
        file.write_text(text)
        self.voice.command(f"$EDITOR {path}")
        self.voice.output(self.ask(f"git diff -U0 {path} | tail -n +5 | grep '^[-+]'"))

    def push(self, message: str) -> str:
        """Commit everything, push it, and give the commit's id."""
        self.type("git pull --quiet --rebase --autostash", quiet=True)
        self.type(f"git commit --quiet -am {shlex.quote(message)} && git push --quiet", quiet=True)
        return self.ask("git rev-parse HEAD").strip()

    def until(self, says: str, path: str, claim: Callable[[Object], bool]) -> Object:
        """Watch an object until a claim about it is true, and say so."""
        try:
            found = self.client.wait_for(path, lambda one: one is not None and claim(one), SECONDS)
        except TimeoutError as error:
            raise NotTrueError(f"{says}: {_gist(error)}") from error
        assert found is not None
        self.voice.true(says)
        return found

    def until_package(
        self, name: str, state: str, reason: str = "", commit: str = "", says: str = ""
    ) -> Object:
        """Watch a Package until it tells a state, of a commit where one is given."""
        namespace, _, own = name.partition("/")

        def is_there(one: Object) -> bool:
            told = one.get("status", {})
            seen = told.get("revision", {}).get("observed", "")
            right = told.get("state") == state and reason in ("", told.get("reason"))
            return right and seen.startswith(commit)

        wanted = f"{name} is {state}" + (f", {reason}" if reason else "")
        path = f"{PACKAGES}/{namespace}/packages/{own}"
        found: Object = self.until(says or wanted, path, is_there)["status"]
        return found

    def until_served(self) -> None:
        """Wait until the agent has taught the server what a Package is."""
        pause = threading.Event()
        for _ in range(SECONDS * 10):
            if self.client.get("/apis/tidegate.io/v1alpha1/packages").code == HTTPStatus.OK:
                self.voice.true("the agent has made its namespace and the Package kind")
                return
            pause.wait(0.1)
        raise NotTrueError("the agent did not make the Package kind")

    def live(self, path: str) -> Object:
        """Read a live object."""
        return self.client.get(path).body


def _gist(error: TimeoutError) -> str:
    return str(error)[:1500]


def _require(claim: object, says: str, voice: Voice) -> None:
    if not claim:
        raise NotTrueError(says)
    voice.true(says)


# --- the story ---------------------------------------------------------------------------------

FRONTEND = "/api/v1/namespaces/shop/configmaps/frontend"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/frontend"
MIGRATION = "/apis/batch/v1/namespaces/shop/jobs/migrate-orders"
PLAYER = "/apis/apps/v1/namespaces/media/deployments/player"
API = "/apis/apps/v1/namespaces/payments/deployments/api"


def install(place: Place) -> None:
    """Everything comes up from one commit, except what must wait."""
    place.voice.title("Install: the agent finds five packages of three teams in Git")
    place.voice.why("plain YAML, a kustomization and a chart; the shop's Namespace comes first")
    for name in ("shop/namespace", "shop/frontend", "shop/migration"):
        place.until_package(name, "Synced")
    place.until_package("media/player", "Synced", says="media/player: only deletions are held")
    place.until("and all else of it is applied", PLAYER, _is_ready)
    place.type("kubectl get packages --all-namespaces")
    place.type("kubectl get deployments,jobs --all-namespaces")
    held = json.loads(place.ask("tidegate status -o json"))["packages"]
    waiting = [one["reason"] for one in held if one["name"] == "api"]
    _require(waiting == ["WindowClosed"], "payments/api waits for its window", place.voice)


def _is_ready(deployment: Object) -> bool:
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    return bool(ready == deployment["spec"]["replicas"])


def repair(place: Place) -> None:
    """A live edit is undone at once."""
    place.voice.title("Drift: somebody scales the frontend by hand")
    before = place.live(DEPLOYMENT)["metadata"]["generation"]
    begun = time.monotonic()
    place.type("kubectl -n shop scale deployment frontend --replicas=5")
    place.until(
        "the frontend has two replicas again, as in Git",
        DEPLOYMENT,
        lambda one: one["spec"]["replicas"] == 2 and one["metadata"]["generation"] > before + 1,
    )
    place.voice.why(f"undone {time.monotonic() - begun:.1f} s after the command was typed")


def suspend(place: Place) -> None:
    """A commit stops one package; what comes meanwhile is seen and shown."""
    place.voice.title("Suspend: on call stops the frontend, by a commit, with a reason and an end")
    place.type('tidegate suspend shop/frontend --for 2h --reason "INC-1: investigating"')
    place.until_package("shop/frontend", "Suspended")

    place.voice.title("Queue: the team goes on committing, and sees what waits and why")
    place.edit("teams/shop/frontend/manifests/frontend.yaml", "Welcome to the shop", "Autumn sale")
    commit = place.push("Change the greeting")
    place.until_package("shop/frontend", "Suspended", commit=commit, says="the commit was seen")
    told = place.type("tidegate explain shop/frontend", codes=(0, 6))
    _require("INC-1: investigating" in told, "explain names the reason", place.voice)
    greeting = place.live(FRONTEND)["data"]["greeting"]
    _require(greeting == "Welcome to the shop", "the cluster was left alone", place.voice)


def resume(place: Place) -> None:
    """What waited is applied."""
    place.voice.title("Resume: what waited is applied")
    place.type("tidegate resume shop/frontend")
    place.until(
        "the new greeting is live", FRONTEND, lambda one: one["data"]["greeting"] == "Autumn sale"
    )
    place.until_package("shop/frontend", "Synced")


def open_window(place: Place) -> None:
    """A window opens while you watch, and the agent goes on by itself."""
    place.voice.title("Windows: payments/api may change at night only")
    told = place.type("tidegate explain payments/api", codes=(0, 6))
    _require("windows.yaml" in told, "explain names the line that holds it", place.voice)
    opening = datetime.now(UTC) + timedelta(seconds=9)  # noqa: TID251
    place.voice.why(
        "so that nobody has to stay up, the demo moves the night to a few seconds ahead"
    )
    place.edit("policies/windows.yaml", r"from: \S+Z?, to: \S+}", _once(opening))
    place.push("Open the night early")
    place.voice.why(f"nobody does anything now; the window opens at {opening:%H:%M:%S} UTC")
    live = place.until("payments/api was applied by itself", API, lambda _: True)
    born = datetime.fromisoformat(live["metadata"]["creationTimestamp"])
    is_later = born >= opening.replace(microsecond=0)
    _require(is_later, f"not a second before the window opened ({born:%H:%M:%S} UTC)", place.voice)
    place.until_package("payments/api", "Synced")


def _once(opening: datetime) -> str:
    end = opening + timedelta(hours=6)
    return f"from: {opening:%Y-%m-%dT%H:%M:%S}, to: {end:%Y-%m-%dT%H:%M:%S}}}"


def migrate(place: Place) -> None:
    """A Job cannot be changed in place; the package's policy says what happens instead."""
    place.voice.title("Jobs: a migration with a new image, first under the policy Skip")
    before = place.live(MIGRATION)["metadata"]["uid"]
    place.edit("teams/shop/migration/package.yaml", "jobs: Once", "jobs: Skip")
    place.edit("teams/shop/migration/manifests/job.yaml", r"2026\.11\.1", "2026.11.2")
    commit = place.push("Migrate to 2026.11.2")
    told = place.until_package("shop/migration", "Synced", "JobSkipped", commit)
    place.voice.output(told["message"])
    same = place.live(MIGRATION)["metadata"]["uid"] == before
    _require(same, "the old Job was left alone", place.voice)

    place.voice.why("now the policy Once: a new content runs once, when the old Job is over")
    place.edit("teams/shop/migration/package.yaml", "jobs: Skip", "jobs: Once")
    place.push("Run each migration once")
    place.until("a new Job has run to its end", MIGRATION, lambda one: _is_new(one, before))
    place.until_package("shop/migration", "Synced", "Synced")
    place.type("kubectl -n shop get jobs -o wide")


def _is_new(job: Mapping[str, Any], before: str) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    ended = any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)
    return ended and job["metadata"]["uid"] != before


def remove(place: Place) -> None:
    """A removal that a policy holds is told, and takes nothing away."""
    place.voice.title("Deletion: a team removes its package, while a policy keeps deletions back")
    place.type("git pull --quiet --rebase && git rm -r --quiet teams/media/player", quiet=True)
    place.push("Remove the player")
    told = place.until_package("media/player", "Deleting", "DeletionHeld")
    place.voice.output(told["message"])
    place.type("tidegate status media/player")
    alive = "deletionTimestamp" not in place.live(PLAYER)["metadata"]
    _require(alive, "its Deployment is still there", place.voice)


def look_at_status(place: Place) -> None:
    """What happened is in Git, for people without access to the cluster."""
    place.voice.title("Status: what happened is a branch in the same repository")
    branch = f"origin/tidegate/status/{CLUSTER}"
    place.type("git fetch --quiet", quiet=True)
    place.type(f"git log --oneline --no-decorate {branch}")
    place.type(f"git show {branch}:README.md")
    told = json.loads(place.ask(f"git show {branch}:status.json"))["packages"]
    states = {f"{one['namespace']}/{one['name']}": one["state"] for one in told}
    expected = {
        "media/player": "Deleting",
        "payments/api": "Synced",
        "shop/frontend": "Synced",
        "shop/migration": "Synced",
        "shop/namespace": "Synced",
    }
    _require(states == expected, f"status.json says so too: {states}", place.voice)


STORY = (install, repair, suspend, resume, open_window, migrate, remove)


# --- setting up --------------------------------------------------------------------------------


def begin(place: Place, repository: Repository) -> None:
    """Put the example into a bare repository, and clone it as a person would."""
    files: dict[str, str | bytes | None] = {
        str(path.relative_to(EXAMPLE)): path.read_bytes()
        for path in sorted(EXAMPLE.rglob("*"))
        if path.is_file()
    }
    files["policies/windows.yaml"] = _closed(str((EXAMPLE / "policies/windows.yaml").read_text()))
    repository.commit(files, "Begin with the example", author="Dana Demo <dana@example.com>")
    place.voice.title("A repository, a cluster, and one command")
    for name in ("REPO", "CLUSTER", "KUBECONFIG"):
        place.voice.command(f"export TIDEGATE_{name}={place.environment[f'TIDEGATE_{name}']}")
    place.type('git clone --quiet "$TIDEGATE_REPO" clusters', quiet=True)
    place.type("tidegate lint .")


def _closed(windows: str) -> str:
    """Close the nightly window at any hour of the day: demos are also given at night."""
    nightly = r"recurring:\n    - \{days: \[Mon, Tue, Wed, Thu\], from: \"22:00\", to: \"05:00\"\}"
    later = "timeZone: UTC\n  once:\n    - {from: 2099-01-01T22:00:00, to: 2099-01-02T05:00:00}"
    text, count = re.subn(nightly, later, windows)
    if count != 1:
        raise NotTrueError("policies/windows.yaml of the example has no nightly window any more")
    return text


@contextmanager
def agent(place: Place, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tidegate run` in the background, until the end."""
    place.voice.command("tidegate run --interval 1s &")
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["tidegate", "run", "--interval", "1s"],
            env=place.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS)


def demonstrate(folder: Path, voice: Voice, running: ExitStack) -> None:
    """Start everything, and go through the story.

    Raises:
        AssetsMissingError: there is nothing to run a control plane with.
        NotTrueError: a step did not come true.
    """
    assets = find()
    for program in NEEDED:
        assets.program(program)
    voice.why("starting a real API server, with controllers; Pods become ready without nodes")
    plane = running.enter_context(ControlPlane(folder / "plane", assets))
    running.enter_context(plane.controller_manager())
    running.enter_context(plane.kubelet())
    repository = Repository(folder / "git" / "clusters.git")
    remote = running.enter_context(GitHTTP(folder / "git")).url("clusters.git")
    place = Place(plane, folder, remote, voice)
    begin(place, repository)
    log = folder / "agent.log"
    try:
        with agent(place, log) as process:
            place.until_served()
            for step in STORY:
                step(place)
        look_at_status(place)
        _require(process.returncode == 0, "told to stop, the agent ended with 0", voice)
    except NotTrueError:
        sys.stderr.write(f"--- the agent's log\n{log.read_text(errors='replace')[-6000:]}\n")
        raise


def main() -> int:
    """Run the demo; returns the exit code."""
    begun, voice = time.monotonic(), Voice()
    with tempfile.TemporaryDirectory(prefix="tidegate-demo-") as scratch, ExitStack() as running:
        try:
            demonstrate(Path(scratch), voice, running)
        except AssetsMissingError as error:
            sys.stderr.write(f"the demo needs a control plane: {error}\n")
            return 3
        except NotTrueError as error:
            sys.stderr.write(f"✗ {error}\n")
            return 1
    voice.title(f"Everything came true, in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
