"""Options: those of the settings table, and the few that belong to verbs.

Never names an option twice: what `run` takes is spelled the same for every verb.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from agent.core.durations import parse_duration
from agent.settings import BY_NAME, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

REPOSITORY: Final = ("repo", "branch", "path", "policies", "git-credentials", "state-dir")
CLUSTER: Final = ("cluster", "instance", "kubeconfig", "context", "agent-namespace")
RENDERERS: Final = ("kustomize", "helm")


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A length of time such as `1h30m`."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Instant(click.ParamType):  # type: ignore[type-arg]
    """An instant in RFC 3339 with its offset."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it; one without an offset could be meant anywhere in the world."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no instant: write 2026-11-21T06:00:00+01:00", param, ctx)
        if found.tzinfo is None:
            self.fail(f"{value!r} has no offset: write {value}+01:00 or {value}Z", param, ctx)
        return found


_TYPES: Final = {"timedelta": Duration(), "Path | None": click.Path(path_type=Path)}


def settings(*names: str, **help_of: str) -> Callable[[F], F]:
    """Add options of the settings table, by name; `help_of` says what one means for this verb."""
    types = {field.name: _TYPES.get(str(field.type)) for field in fields(Settings)}

    def decorate(function: F) -> F:
        for name in reversed(names):
            each = BY_NAME[name]
            function = click.option(
                each.flag,
                each.field,
                envvar=each.variable,
                default=False if each.is_flag else each.default,
                show_default=not each.is_flag and each.default is not None,
                metavar=None if each.is_flag else each.metavar,
                is_flag=each.is_flag,
                type=None if each.is_flag else types[each.field],
                help=help_of.get(each.field, each.help),
            )(function)
        return function

    return decorate


def option(*flags: str, **how: Any) -> Callable[[F], F]:
    """Add an option of one verb; its variable is made of its long name."""
    long = next(flag for flag in flags if flag.startswith("--"))
    variable = f"TIDEGATE_{long.strip('-').replace('-', '_').upper()}"
    return click.option(*flags, envvar=variable, **how)


def output(*formats: str) -> Callable[[F], F]:
    """Add `-o`, whose first format is the default."""
    return option(
        "-o",
        "--output",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Format of what goes to stdout.",
    )


def scope(function: F) -> F:
    """Add `-n`, `-A` and `-l`: which packages are meant."""
    for each in (
        option("-l", "--selector", default="", metavar="SELECTOR", help="Labels of packages."),
        option(
            "-A", "--all-namespaces", is_flag=True, help="Packages of all namespaces (the default)."
        ),
        option("-n", "--namespace", default="", metavar="NAME", help="Packages of one namespace."),
    ):
        function = each(function)
    return function


def chosen(given: dict[str, Any]) -> Settings:
    """Make settings of the options a verb took; what it did not take has its default.

    A repository or cluster that is not named is empty.
    """
    known = {field.name for field in fields(Settings)}
    kept = {name: value for name, value in given.items() if name in known and value is not None}
    return Settings(**{"repo": "", "cluster": "", **kept})


def ends(lasts: timedelta | None, until: datetime | None, now: datetime) -> datetime | None:
    """Return when something ends that was given `--for` or `--until`.

    Raises:
        UsageError: both are given, or the end is past.
    """
    if lasts is not None and until is not None:
        raise click.UsageError("--for and --until say the same: give one of them")
    end = now + lasts if lasts is not None else until
    if end is not None and end <= now:
        raise click.UsageError(f"{end.isoformat()} is past: it is {now.astimezone(UTC)} now")
    return end.replace(microsecond=0) if end else None
