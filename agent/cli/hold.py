"""`suspend` and `resume`: by a commit on the remote branch, or `--live` in the cluster.

Never touches the work tree one stands in, and never leaves a hold without its reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from agent.cli.options import (
    CLUSTER,
    REPOSITORY,
    Duration,
    Instant,
    chosen,
    ends,
    option,
    output,
    settings,
)
from agent.cli.output import emit, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from agent.cli.writing import Committed
    from agent.settings import Settings

COMMIT_SCHEMA: Final = "tidegate.commit/v1"
LIVE_SCHEMA: Final = "tidegate.live/v1"
_GRADES: Final = ("All", "Apply", "Prune", "Drift", "Upgrades", "Jobs")

_live = option(
    "--live", is_flag=True, help="In the cluster and at once (break-glass), instead of in Git."
)


@click.command()
@click.argument("package", metavar="[PKG]", required=False)
@option("--reason", default="", metavar="TEXT", help="Why; shown to whoever is held. Required.")
@option("--for", "lasts", type=Duration(), metavar="DURATION", help="How long, such as 2h.")
@option("--until", type=Instant(), metavar="INSTANT", help="When it ends, RFC 3339 with offset.")
@option("--indefinite", is_flag=True, help="Until somebody resumes, instead of an end.")
@option(
    "--holds",
    multiple=True,
    type=click.Choice(_GRADES),
    help="What is held; several times for several grades. Default: All.",
)
@option("-n", "--namespace", default="", metavar="NAME", help="All packages of a namespace.")
@option("-l", "--selector", default="", metavar="SELECTOR", help="Packages with such labels.")
@_live
@settings(*REPOSITORY, *CLUSTER)
@output("text", "json", "yaml")
def suspend(output: str, package: str | None, **given: Any) -> None:
    """Hold PKG (namespace/name), or with -n and -l all packages they choose.

    For PKG the annotations of its declaration are changed, byte for byte around them; for many a
    Suspension is written into the policy path. Either is one commit on top of the remote branch,
    by who Git says you are. The diff and the commit's id go to stdout.
    """
    from agent.edges import clock  # noqa: PLC0415

    _check(package, given)
    until = ends(given["lasts"], given["until"], clock.now())
    chosen_settings = chosen(given)
    if package and given["live"]:
        _suspend_live(output, package, given, until)
        return
    from agent.cli import writing  # noqa: PLC0415 - commits

    hold = writing.Hold(given["reason"], until, given["holds"] or ("All",))
    if package:
        made = writing.suspend_package(chosen_settings, package, hold)
        if until is None and not given["indefinite"]:
            say("no end was given: it holds until somebody resumes")
    else:
        scope = writing.Scope(given["namespace"], given["selector"])
        made = writing.suspend_many(chosen_settings, scope, hold)
    _tell(output, made, chosen_settings)


def _check(package: str | None, given: Mapping[str, Any]) -> None:
    many = bool(given["namespace"] or given["selector"])
    if bool(package) == many:
        raise click.UsageError("name one package, or choose some with -n and -l")
    if given["live"] and many:
        raise click.UsageError("--live is for one package: write -n and -l holds in Git")
    if not given["reason"].strip():
        raise click.UsageError("--reason is missing: whoever is held wants to know why")
    if many and not (given["lasts"] or given["until"] or given["indefinite"]):
        raise click.UsageError("when does it end? give --for, --until, or --indefinite")
    if given["indefinite"] and (given["lasts"] or given["until"]):
        raise click.UsageError("--indefinite has no end: drop it, or --for and --until")


@click.command()
@click.argument("target", metavar="PKG|Suspension/NAME")
@option("--reason", default="", metavar="TEXT", help="Why; goes into the commit message.")
@_live
@settings(*REPOSITORY, *CLUSTER)
@output("text", "json", "yaml")
def resume(output: str, target: str, **given: Any) -> None:
    """End the suspension of PKG (namespace/name), or remove a Suspension by its name.

    A commit on top of the remote branch; with --live the annotations in the cluster go instead.
    """
    chosen_settings = chosen(given)
    kind, _, name = target.partition("/")
    if given["live"]:
        if kind == "Suspension":
            raise click.UsageError("a Suspension is in Git only: drop --live")
        _resume_live(output, target, given)
        return
    from agent.cli import writing  # noqa: PLC0415 - commits

    if kind == "Suspension":
        made = writing.remove_suspension(chosen_settings, name, given["reason"])
    else:
        made = writing.resume_package(chosen_settings, target, given["reason"])
    _tell(output, made, chosen_settings)


# --- in the cluster ----------------------------------------------------------------------------


def _suspend_live(
    output: str, package: str, given: Mapping[str, Any], until: datetime | None
) -> None:
    from agent.core import words  # noqa: PLC0415

    grades = ", ".join(given["holds"])
    changes = {
        words.SUSPEND: grades if grades and grades != "All" else "true",
        words.SUSPEND_REASON: given["reason"],
        words.SUSPEND_UNTIL: until.isoformat() if until else None,
    }
    _annotate(output, package, given, changes, by=True)
    if until is None:
        say("it ends after the break-glass limit of the AgentPolicy, 24 h unless set")


def _resume_live(output: str, package: str, given: Mapping[str, Any]) -> None:
    from agent.core import words  # noqa: PLC0415

    names = (words.SUSPEND, words.SUSPEND_REASON, words.SUSPEND_UNTIL)
    _annotate(output, package, given, dict.fromkeys(names), by=False)


def _annotate(
    output: str, package: str, given: Mapping[str, Any], changes: dict[str, str | None], *, by: bool
) -> None:
    from agent.cli.where import cache_folder, connect, package_name  # noqa: PLC0415
    from agent.core import words  # noqa: PLC0415
    from agent.edges.kube import asking  # noqa: PLC0415

    name, chosen_settings = package_name(package), chosen({**given})
    transport = connect(chosen_settings, cache_folder(chosen_settings)).transport
    # The server's name for us: an admission policy may compare it with who asks.
    changes[words.SUSPEND_BY] = (asking.who(transport) or None) if by else None
    asking.annotate(transport, name, changes)
    told = {"schema": LIVE_SCHEMA, "package": str(name), "annotations": changes}
    lines = [
        f"- {key}\n" if value is None else f"+ {key}: {value}\n" for key, value in changes.items()
    ]
    emit(output, told, text=lambda: f"Package {name}\n{''.join(lines)}")


# --- in Git ------------------------------------------------------------------------------------


def _tell(output: str, made: Committed, settings: Settings) -> None:
    if not made.diff:
        say(f"nothing to change: {made.path} says so already")
        return
    told = {
        "schema": COMMIT_SCHEMA,
        "repository": made.repository,
        "branch": settings.branch,
        "commit": made.commit,
        "path": made.path,
        "diff": made.diff,
    }
    emit(output, told, text=lambda: f"{made.diff}commit {made.commit}\n")
    say(f"pushed to {settings.branch}; it counts when the agent polls next")
