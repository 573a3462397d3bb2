"""The story: what a team and the people on call live through, one function per step.

Never says that something came true without having seen it.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from agent.demo.ground import CLUSTER
from agent.edges import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.demo.place import Place
    from agent.demo.witness import Object

_SHOP: Final = "/api/v1/namespaces/shop"
_GREETING: Final = f"{_SHOP}/configmaps/frontend"
_SERVICE: Final = f"{_SHOP}/services/frontend"
_FRONTEND: Final = "/apis/apps/v1/namespaces/shop/deployments/frontend"
_MIGRATION: Final = "/apis/batch/v1/namespaces/shop/jobs/migrate-orders"
_PLAYER: Final = "/apis/apps/v1/namespaces/media/deployments/player"
_API: Final = "/apis/apps/v1/namespaces/payments/deployments/api"
_PACKAGE: Final = "/apis/tidegate.io/v1alpha1/namespaces/shop/packages/frontend"
_MANIFESTS: Final = "teams/shop/frontend/manifests/frontend.yaml"


def begin(place: Place) -> None:
    """Clone the repository, as somebody new would, and start the agent."""
    place.voice.title("A repository, a cluster, and one command")
    for name, value in place.ground.exports().items():
        place.voice.command(f"export {name}={value}")
    place.type("git clone --quiet $TIDEGATE_REPO clusters")
    place.type("tidegate lint .")
    place.voice.true("every declaration in the repository is right")
    place.voice.command(f"{place.agent.command} &")
    place.agent.start()


def install(place: Place) -> None:
    """Everything comes up from one commit, except what must wait."""
    place.voice.title("Install: the agent finds five packages of three teams in Git")
    place.voice.why("The shop's Namespace comes first, then what waits for it.")
    for name in ("shop/namespace", "shop/frontend", "shop/migration", "media/player"):
        place.until_package(name, "Synced")
    place.until("the player, of another team, is up", _PLAYER, _is_ready)
    place.type("kubectl get packages --all-namespaces")
    place.type("kubectl get deployments --all-namespaces")
    told = place.type("tidegate status")
    waiting = re.search(r"^payments/api .*Waiting", told, re.MULTILINE)
    place.require(waiting, "payments/api waits for its window")


def _is_ready(deployment: Object) -> bool:
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    return bool(deployment and ready == deployment["spec"]["replicas"])


def repair(place: Place) -> None:
    """A live edit is undone at once."""
    place.voice.title("Drift: somebody scales the frontend by hand")
    before = place.see(_FRONTEND)["metadata"]["generation"]
    patch = '{"spec":{"replicas":5}}'
    begun = clock.monotonic()
    place.type(f"kubectl -n shop patch deploy frontend --type=merge -p '{patch}'")
    place.until(
        "the frontend has two replicas again, as in Git",
        _FRONTEND,
        lambda one: one["spec"]["replicas"] == 2 and one["metadata"]["generation"] > before + 1,  # noqa: PLR2004 - as in the example
    )
    place.voice.why(f"Undone {clock.monotonic() - begun:.1f} s after the command was typed.")


def suspend(place: Place) -> None:
    """A commit stops one package."""
    place.voice.title("Suspend: on call stops the frontend, by a commit")
    place.type('tidegate suspend shop/frontend --for 2h --reason "INC-1: investigating"')
    place.until_package("shop/frontend", "Suspended")
    place.type('git pull -q && git log -1 --format="%an: %s"')


def queue(place: Place) -> None:
    """What comes meanwhile is seen and shown."""
    place.voice.title("Queue: the team goes on committing, and sees what waits and why")
    place.edit(_MANIFESTS, ("Welcome to the shop", "Autumn sale"))
    commit = place.push("Change the greeting")
    place.until_package("shop/frontend", "Suspended", commit=commit, says="the commit was seen")
    told = place.type("tidegate explain shop/frontend", codes=(0, 6))
    place.require("INC-1: investigating" in told, "explain names the reason")
    shown = place.type("tidegate diff shop/frontend", codes=(0, 1))
    place.require("Autumn sale" in shown, "diff shows the change that waits")
    greeting = place.see(_GREETING)["data"]["greeting"]
    place.require(greeting == "Welcome to the shop", "the cluster was left alone")


def resume(place: Place) -> None:
    """What waited is applied."""
    place.voice.title("Resume: what waited is applied")
    place.type("tidegate resume shop/frontend")
    place.type("git pull -q")
    place.until(
        "the new greeting is live", _GREETING, lambda one: one["data"]["greeting"] == "Autumn sale"
    )
    place.until_package("shop/frontend", "Synced")


def open_window(place: Place) -> None:
    """A window opens while you watch, and the agent goes on by itself."""
    place.voice.title("Windows: payments/api may change at night only")
    told = place.type("tidegate explain payments/api", codes=(0, 6))
    place.require("windows.yaml" in told, "explain names the line that holds it")
    opening = clock.now() + timedelta(seconds=place.pace.window)
    place.voice.why("So that nobody has to stay up, the night is moved to a few seconds ahead.")
    place.edit("policies/windows.yaml", (r"from: \S+, to: \S+}", _once(opening)))
    place.push("Open the night early")
    place.voice.why(f"Nobody does anything now; the window opens at {opening:%H:%M:%S} UTC.")
    live = place.until("payments/api was applied by itself", _API, lambda one: one)
    born = datetime.fromisoformat(live["metadata"]["creationTimestamp"])
    place.voice.why(f"Its Deployment was created at {born:%H:%M:%S} UTC.")
    place.require(born >= opening.replace(microsecond=0), "not a second before the window opened")
    place.until_package("payments/api", "Synced")


def _once(opening: datetime) -> str:
    end = opening + timedelta(hours=6)
    return f"from: {opening:%Y-%m-%dT%H:%M:%S}, to: {end:%Y-%m-%dT%H:%M:%S}}}"


def skip_job(place: Place) -> None:
    """A Job can't be changed in place: under the policy Skip it is left alone, and that is told."""
    place.voice.title("Jobs: a new image for a migration that has run, under the policy Skip")
    before = place.see(_MIGRATION)["metadata"]["uid"]
    place.edit("teams/shop/migration/package.yaml", ("jobs: Once", "jobs: Skip"))
    place.edit("teams/shop/migration/manifests/job.yaml", (r"2026\.11\.1", "2026.11.2"))
    commit = place.push("Migrate to 2026.11.2")
    told = place.until_package("shop/migration", "Synced", "JobSkipped", commit)
    place.voice.output(told["message"])
    same = place.see(_MIGRATION)["metadata"]["uid"] == before
    place.require(same, "the old Job was left alone")


def recreate_job(place: Place) -> None:
    """The policy decides: now the new content runs, once."""
    place.voice.title("Jobs: the policy Once lets each new content run, when the old is over")
    before = place.see(_MIGRATION)["metadata"]["uid"]
    place.edit("teams/shop/migration/package.yaml", ("jobs: Skip", "jobs: Once"))
    place.push("Run each migration once")
    place.until("a new Job has run to its end", _MIGRATION, lambda one: _has_run(one, before))
    place.until_package("shop/migration", "Synced", "Synced")
    place.type("kubectl -n shop get jobs")


def _has_run(job: Mapping[str, Any], before: str) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    ended = any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)
    return ended and job["metadata"]["uid"] != before


def prune(place: Place) -> None:
    """More deletions than the platform team allows wait for a word."""
    place.voice.title("Budget: a clean-up wants to delete more than the platform team allows")
    place.edit("policies/agent.yaml", ("objects: 20", "objects: 1"))
    place.push("Allow one deletion at a time")
    place.edit(
        _MANIFESTS,
        (r"apiVersion: v1\nkind: ConfigMap\n.*?---\n", ""),
        (r" +envFrom:\n[^\n]*\n", ""),
        (r"---\napiVersion: v1\nkind: Service\n.*", ""),
    )
    commit = place.push("Drop what nobody uses any more")
    place.until_package("shop/frontend", "Waiting", "BudgetExceeded", commit)
    told = place.type("tidegate explain shop/frontend", codes=(0, 6))
    place.require("Budget" in told, "explain says which word would let it happen")
    both = [place.see(each).get("metadata", {}) for each in (_GREETING, _SERVICE)]
    untouched = all(each and "deletionTimestamp" not in each for each in both)
    place.require(untouched, "nothing was deleted")


def override(place: Place) -> None:
    """Whoever looked at that very plan may let it pass."""
    place.voice.title("Override: somebody who saw that very plan lets it happen")
    plan = place.see(_PACKAGE)["status"]["planDigest"]  # explain has just shown it
    end = clock.now().replace(microsecond=0) + timedelta(hours=1)
    place.write("policies/clean-up.yaml", _OVERRIDE.format(plan=plan, until=end.isoformat()))
    place.push("Let the clean-up pass")
    for what, path in (("ConfigMap", _GREETING), ("Service", _SERVICE)):
        place.until(f"the {what} is gone", path, lambda one: not one)
    place.until_package("shop/frontend", "Synced")
    place.require(_is_ready(place.see(_FRONTEND)), "the Deployment runs on")


_OVERRIDE: Final = """\
apiVersion: tidegate.io/v1alpha1
kind: Override
metadata:
  name: clean-up
spec:
  packages: [shop/frontend]
  passes: [Budget]
  plan: {plan}
  until: {until}
  reason: "CHG-7: nobody has used them for a year"
"""
_PACKAGES: Final = ("media/player", "payments/api", "shop/frontend", "shop/migration")
_AT_THE_END: Final = dict.fromkeys((*_PACKAGES, "shop/namespace"), "Synced")


def look_at_status(place: Place) -> None:
    """What happened is in Git, for people without access to the cluster."""
    place.voice.title("Status: what happened is a branch in the same repository")
    place.voice.command("kill %1")
    place.require(place.agent.stop() == 0, "told to stop, the agent says the last and ends with 0")
    branch = f"origin/tidegate/status/{CLUSTER}"
    place.type(f"git fetch -q && git log --oneline --no-decorate {branch}")
    place.type(f"git show {branch}:README.md")
    told = json.loads(place.ask(f"git show {branch}:status.json"))["packages"]
    states = {f"{one['namespace']}/{one['name']}": one["state"] for one in told}
    place.require(states == _AT_THE_END, "all five packages are Synced, in Git as in the cluster")


STORY: Final = (
    begin,
    install,
    repair,
    suspend,
    queue,
    resume,
    open_window,
    skip_job,
    recreate_job,
    prune,
    override,
    look_at_status,
)
