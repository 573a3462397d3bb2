"""`status`: what the agent last told of its packages, from the cluster or from Git."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from agent.cli.options import CLUSTER, REPOSITORY, chosen, option, output, scope, settings
from agent.cli.output import NONE, emit, say, short, state_words, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HEADER: Final = ("PACKAGE", "STATE", "REV", "HOLD", "NEXT")
_WIDE: Final = (*_HEADER, "DRIFT", "OBJECTS", "OBSERVED", "MESSAGE")


@click.command()
@click.argument("package", metavar="[PKG]", required=False)
@scope
@option(
    "--from-git", is_flag=True, help="Read the status branch of the repository; needs no cluster."
)
@settings(*CLUSTER, *REPOSITORY, "status-branch")
@output("table", "wide", "json", "yaml", "name")
def status(output: str, package: str | None, **given: Any) -> None:
    """Show what packages do: all of them, or PKG (namespace/name).

    This is what the agent last told; `explain`, `diff` and `plan` look for themselves.
    """
    from agent.cli import told  # noqa: PLC0415 - reads Git and the cluster
    from agent.cli.selectors import selector  # noqa: PLC0415
    from agent.edges import clock  # noqa: PLC0415

    read = told.from_git if given["from_git"] else told.from_cluster
    namespace = "" if given["all_namespaces"] else given["namespace"]
    found = told.narrowed(read(chosen(given), selector(given["selector"])), package, namespace)
    now = clock.now()
    emit(
        output,
        found,
        text=lambda: rows(found["packages"], now, wide=output == "wide"),
        names=lambda: [str(told.name_of(each)) for each in found["packages"]],
    )
    if output in {"table", "wide"}:
        say(summary(found, now))


def rows(packages: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool) -> str:
    """Return one line per package."""
    lines = [_row(each, now) + (_more(each) if wide else ()) for each in packages]
    return table(_WIDE if wide else _HEADER, lines)


def _row(told: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    holds = dict.fromkeys(hold.get("reason", "") for hold in told["holds"])
    revision = told["revision"]
    return (
        f"{told['namespace']}/{told['name']}",
        state_words(told["state"]),
        short(revision["applied"] or revision["observed"]),
        ", ".join(holds) or NONE,
        _when(told["next"], now),
    )


def _more(told: Mapping[str, Any]) -> tuple[str, ...]:
    from agent.core.report.words import plain  # noqa: PLC0415

    counts = (str(told["drift"]), str(told["objects"]))
    return (*counts, short(told["revision"]["observed"]), plain(told["message"]))


def _when(instant: str | None, now: datetime) -> str:
    from agent.core.report.words import ahead, moment  # noqa: PLC0415

    if not instant:
        return NONE
    when = datetime.fromisoformat(instant).astimezone()
    return f"{moment(when, when.tzinfo or UTC)} ({ahead(when, now)})"


def summary(told: Mapping[str, Any], now: datetime) -> str:
    """Return the line below the table: how many of what, and how fresh it is."""
    from agent.core.report.words import count, span  # noqa: PLC0415

    packages = told["packages"]
    states = Counter(each["state"] for each in packages)
    parts = [count(len(packages), "package")]
    parts += [f"{number} {state.lower()}" for state, number in states.most_common()]
    where = told["cluster"] or "this cluster"
    polled = told.get("polledAt")
    age = now - datetime.fromisoformat(polled) if polled else None
    return f"{', '.join(parts)}; {where}{f', as of {span(age)} ago' if age else ''}"
