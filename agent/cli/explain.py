"""`explain`: why a package is (not) syncing, by looking at it as its next pass would."""

from __future__ import annotations

from typing import Any

import click

from agent.cli.options import CLUSTER, RENDERERS, REPOSITORY, chosen, output, settings
from agent.cli.output import emit


@click.command()
@click.argument("package", metavar="PKG")
@settings(*REPOSITORY, *CLUSTER, *RENDERERS)
@output("text", "json", "yaml")
def explain(output: str, package: str, **given: Any) -> None:
    """Say why PKG (namespace/name) is (not) syncing, in order of cause, and what to do.

    Everything is looked at anew, and nothing is written.
    """
    from agent.cli.scene import local_zone, open_scene  # noqa: PLC0415 - heavy
    from agent.cli.where import package_name  # noqa: PLC0415
    from agent.core.report import explain as explaining  # noqa: PLC0415

    name = package_name(package)
    opened = open_scene(chosen(given))
    (looked,) = opened.look([name])
    told = explaining.explain(looked.result, looked.report)
    redact = opened.redactor
    emit(
        output,
        redact.value(explaining.document(told)),
        text=lambda: redact.text(explaining.text(told, local_zone())),
    )
