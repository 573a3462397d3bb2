"""`diff` and `plan`: what differs, and what would be done about it; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from agent.cli.exits import Exit, Stop
from agent.cli.options import (
    CLUSTER,
    RENDERERS,
    REPOSITORY,
    chosen,
    option,
    output,
    scope,
    settings,
)
from agent.cli.output import emit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.cli.scene import Opened
    from agent.core.values import PackageName
    from agent.runtime.looking import Looked

PLANS_SCHEMA: Final = "tidegate.plans/v1"


@click.command()
@click.argument("package", metavar="PKG")
@settings(*REPOSITORY, *CLUSTER, *RENDERERS)
@output("text", "json", "yaml", "markdown")
def diff(output: str, package: str, **given: Any) -> Exit:
    """Show what differs for PKG (namespace/name): live → Git, with where each change comes from.

    Exits with 1 if anything differs, or is kept live although Git says otherwise, and with 3 if
    Git's side can't be read.
    """
    from agent.cli.scene import open_scene  # noqa: PLC0415 - heavy
    from agent.cli.where import package_name  # noqa: PLC0415
    from agent.core.report import present  # noqa: PLC0415

    name = package_name(package)
    opened = open_scene(chosen(given))
    (looked,) = opened.look([name])
    show = present.diff_markdown if output == "markdown" else present.diff_text
    emit(
        output,
        present.diff_document(looked.result, opened.redactor),
        text=lambda: show(looked.result, opened.redactor),
    )
    _insist_on_git([looked], opened)
    return Exit.FINDINGS if present.has_changes(looked.result.decision.plan) else Exit.OK


@click.command()
@click.argument("package", metavar="[PKG]", required=False)
@scope
@option(
    "--rev", default="", metavar="REV", help="A commit or a branch, instead of the newest commit."
)
@settings(*REPOSITORY, *CLUSTER, *RENDERERS)
@output("table", "json", "yaml", "markdown", "name")
def plan(output: str, package: str | None, **given: Any) -> Exit:
    """Show what the agent would do to PKG (namespace/name), or to all packages, and what holds it.

    Exits with 1 if there is anything to do, now or later, and with 3 if a package can't be read.
    """
    from agent.cli.scene import open_scene  # noqa: PLC0415 - heavy
    from agent.cli.where import package_name  # noqa: PLC0415

    one = package_name(package) if package else None
    opened = open_scene(chosen(given), given["rev"])
    looked = opened.look([one] if one else _chosen(opened, given))
    emit(
        output,
        opened.redactor.value(_document(opened, looked, alone=one is not None)),
        text=lambda: opened.redactor.text(_text(output, looked)),
        names=lambda: [str(each.report.package) for each in looked if _has_changes(each)],
    )
    _insist_on_git(looked, opened)
    return Exit.FINDINGS if any(map(_has_changes, looked)) else Exit.OK


def _insist_on_git(looked: Sequence[Looked], opened: Opened) -> None:
    """End with a failure where nobody can say what Git wants: no difference is no comfort then.

    Raises:
        Stop: a package can't be read or rendered.
    """
    unread = {each.report.package: says for each in looked if (says := _unread(each))}
    if not unread:
        return
    names, says = ", ".join(map(str, unread)), next(iter(unread.values()))
    do = "`tidegate lint`, or render it by hand"
    raise Stop(Exit.FAILED, opened.redactor.text(says), where=names, do=do)


def _unread(looked: Looked) -> str:
    """Why nobody can say what Git wants of a package; empty where it can be said."""
    from agent.core.target import newest  # noqa: PLC0415
    from agent.core.values import Unknown  # noqa: PLC0415

    wants = newest(looked.result.facts)
    return wants.says if isinstance(wants, Unknown) else ""


def _has_changes(looked: Looked) -> bool:
    from agent.core.report.present import has_changes  # noqa: PLC0415

    return has_changes(looked.result.decision.plan)


def _chosen(opened: Opened, given: Mapping[str, Any]) -> Sequence[PackageName]:
    """Name the packages that `-n` and `-l` choose; one that can't be read has no labels."""
    from agent.cli.selectors import selector  # noqa: PLC0415
    from agent.core.select import labels_match  # noqa: PLC0415
    from agent.runtime.looking import everyone  # noqa: PLC0415

    namespace = "" if given["all_namespaces"] else given["namespace"]
    wanted = selector(given["selector"])
    snapshot = opened.scene.source.snapshot()
    declared = snapshot.declared.packages if snapshot else {}
    return [
        name
        for name in everyone(opened.scene)
        if (not namespace or name.namespace == namespace)
        and (wanted is None or (name in declared and labels_match(wanted, declared[name].labels)))
    ]


def _document(opened: Opened, looked: Sequence[Looked], *, alone: bool) -> dict[str, Any]:
    from agent.core.report.present import plan_document  # noqa: PLC0415

    told = [plan_document(e.result.decision.plan, e.result.decision.verdict) for e in looked]
    if alone:
        return told[0]
    return {
        "schema": PLANS_SCHEMA,
        "cluster": opened.settings.cluster,
        "revision": opened.revision,
        "packages": told,
    }


def _text(output: str, looked: Sequence[Looked]) -> str:
    from agent.core.report import present  # noqa: PLC0415

    parts = []
    for each in looked:
        plan, verdict = each.result.decision.plan, each.result.decision.verdict
        if output == "markdown":
            parts.append(present.plan_markdown(plan, verdict, _unread(each)))
        else:
            parts.append(f"{_headline(each)}\n{present.plan_table(plan, verdict)}")
    return "\n".join(parts)


def _headline(looked: Looked) -> str:
    from agent.cli.output import state_words  # noqa: PLC0415
    from agent.core.report.words import plain  # noqa: PLC0415

    report = looked.report
    return f"{report.package}   {state_words(report.state)}: {plain(report.message)}"
