"""`SyncWindow`: when packages may, or may not, sync.

Never asks what time it is.
"""

import posixpath
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from agent.core import words
from agent.core.kinds.match import Grades, Matches, matches
from agent.core.kinds.metadata import PolicyMetadata
from agent.core.kinds.positions import Path
from agent.core.kinds.shape import (
    Date,
    Day,
    Duration,
    End,
    Fault,
    Shape,
    Start,
    Wall,
    Zone,
    inside,
    refused,
    shown,
    site_of,
)
from agent.core.policies import OnClose, OverridePolicy, SyncWindow
from agent.core.values import Grade
from agent.core.windows.calendar import parse_calendar
from agent.core.windows.recurrence import cron_problem, rule_problem
from agent.core.windows.schedule import (
    EVERY_DAY,
    Calendar,
    Cron,
    Effect,
    Once,
    Recurring,
    Rule,
    Schedule,
    Span,
)

FEATURES: Final[Mapping[Path, str]] = {("spec", "notify"): "notifications"}
_FORMS: Final = {
    "cron": {"cron", "duration"},
    "rrule": {"rrule", "from", "to"},
    "from and to": {"days", "from", "to"},
}
"""How a recurring entry may be written → its fields; all but `days` are needed."""


def _cron(text: str) -> str:
    if problem := cron_problem(text):
        raise refused(problem)
    return text


def _calendar(value: Any, info: ValidationInfo) -> Calendar:
    site = site_of(info)
    if not isinstance(value, str):
        raise refused(f"{shown(value)} is not a path: write one such as calendars/de-be.ics")
    if "://" in value:
        raise refused(f"{shown(value)} is an address: calendars are files of the repository")
    path = inside(value, posixpath.dirname(site.path))
    data = site.read(path) if path else None
    if path is None or data is None:
        raise refused(f"{shown(value)} is no file of this revision: write its path from this file")
    calendar, problems = parse_calendar(path, data)
    if problems:
        raise refused("; ".join(problems))
    return calendar


# Any, since pydantic would look into the value: its types are there for type checkers only.
CalendarFile = Annotated[Any, PlainValidator(_calendar), WithJsonSchema({"type": "string"})]


class RecurringShape(Shape):
    """`days` with `from` and `to`, or `cron` with `duration`, or `rrule` with `from` and `to`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["cron", "duration"]},
                {"required": ["rrule", "from", "to"]},
                {"required": ["from", "to"], "not": {"required": ["rrule"]}},
            ]
        }
    )

    days: Annotated[tuple[Day, ...], Field(min_length=1)] | None = None
    """Mon to Sun; a time after midnight belongs to the day it began. Default: every day."""
    start: Annotated[Start | None, Field(alias="from")] = None
    """Wall clock, such as "22:00"."""
    end: Annotated[End | None, Field(alias="to")] = None
    """Wall clock; at or before `from` it is on the next day; "24:00" is the day's end."""
    cron: Annotated[str, AfterValidator(_cron)] | None = None
    duration: Duration | None = None
    """Elapsed time that an opening by cron lasts."""
    rrule: str | None = None
    """RFC 5545, choosing days."""

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.duration is not None and self.duration <= timedelta(0):
            raise refused("the duration is zero: write how long it lasts, such as 6h")
        return self


class OnceShape(Shape):
    """One stretch, in local time of the window's zone."""

    start: Annotated[Wall, Field(alias="from")]
    end: Annotated[Wall, Field(alias="to")]
    description: str = ""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.end <= self.start:
            raise refused(f"to ({self.end}) is not after from ({self.start})")
        return self


class ExceptShape(Shape):
    """Days on which nothing of the window begins."""

    dates: tuple[Date, ...] = ()
    calendars: tuple[CalendarFile, ...] = ()
    """`.ics` files, relative to this file."""


class SyncWindowSpec(Shape):
    """When, for which packages, and how strictly."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["recurring"]}, {"required": ["once"]}]}
    )

    effect: Effect
    description: str = ""
    """Shown to whoever is blocked."""
    time_zone: Zone | None = None
    """IANA name; required unless AgentPolicy sets a default."""
    valid_from: Date | None = None
    valid_until: Date | None = None
    recurring: tuple[RecurringShape, ...] = ()
    once: tuple[OnceShape, ...] = ()
    exceptions: Annotated[ExceptShape | None, Field(alias="except")] = None
    match: Matches | None = None
    """Which packages; may be left out only in a namespace's own window."""
    holds: Grades = (Grade.ALL,)
    """What is held while it is closed."""
    stop_starting_before: Duration = timedelta(0)
    """No sync starts so shortly before the window closes."""
    on_close: OnClose = OnClose.FINISH
    close_grace: Duration = timedelta(minutes=15)
    override: OverridePolicy = OverridePolicy.WITH_REVIEW


class SyncWindowShape(Shape):
    """A window, whole."""

    api_version: Literal[words.API_VERSION]  # type: ignore[valid-type]
    kind: Literal["SyncWindow"]
    metadata: PolicyMetadata
    spec: SyncWindowSpec


def omissions(spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is missing, too much or contradictory across fields."""
    recurring = spec.get("recurring")
    if not recurring and not spec.get("once"):
        yield Fault(("spec",), "the window is never active: write spec.recurring or spec.once")
    first, last = spec.get("validFrom"), spec.get("validUntil")
    if isinstance(first, str) and isinstance(last, str) and last < first:
        says = f"spec.validUntil: {shown(last)} is before validFrom ({first})"
        yield Fault(("spec", "validUntil"), says)
    for place, entry in enumerate(recurring if isinstance(recurring, list) else ()):
        if isinstance(entry, Mapping):
            yield from _form(entry, place)


def _form(entry: Mapping[str, Any], place: int) -> Iterator[Fault]:
    form = next((name for name in ("cron", "rrule") if name in entry), "from and to")
    fields, path = _FORMS[form], ("spec", "recurring", place)
    where = f"spec.recurring[{place}]"
    for name in sorted(fields - entry.keys() - {"days"}):
        yield Fault(path, f"{where}.{name} is missing: an entry with {form} needs it")
    for name in sorted(entry.keys() & (set.union(*_FORMS.values()) - fields)):
        yield Fault((*path, name), f"{where}.{name} does not go with {form}: remove it")


def contradictions(document: SyncWindowShape) -> Iterator[Fault]:
    """Yield what only shows when every field is understood: rules that need an anchor."""
    for place, entry in enumerate(document.spec.recurring):
        path = ("spec", "recurring", place, "rrule")
        problem = entry.rrule and rule_problem(entry.rrule, document.spec.valid_from)
        if problem:
            yield Fault(path, f"spec.recurring[{place}]: {problem}")


def build(document: SyncWindowShape, _: Mapping[str, Any]) -> SyncWindow:
    """Return the value; its schedule's zone is empty where the repository's default is meant."""
    spec, scope = document.spec, document.metadata.namespace or ""
    return SyncWindow(
        name=document.metadata.name,
        schedule=_schedule(spec),
        match=matches(spec.match, scope),
        holds=frozenset(spec.holds),
        description=spec.description,
        stop_starting_before=spec.stop_starting_before,
        on_close=spec.on_close,
        close_grace=spec.close_grace,
        override=spec.override,
        scope=scope,
    )


def _schedule(spec: SyncWindowSpec) -> Schedule:
    exceptions = spec.exceptions or ExceptShape()
    return Schedule(
        effect=spec.effect,
        zone=spec.time_zone or "",
        recurring=tuple(_recurring(entry) for entry in spec.recurring),
        once=tuple(Once(each.start, each.end, each.description) for each in spec.once),
        valid_from=spec.valid_from,
        valid_until=spec.valid_until,
        except_dates=exceptions.dates,
        except_calendars=exceptions.calendars,
    )


def _recurring(entry: RecurringShape) -> Recurring:
    if entry.cron is not None:
        return Cron(entry.cron, entry.duration or timedelta(0))
    start, end = entry.start or 0, entry.end or 0
    if entry.rrule is not None:
        return Rule(entry.rrule, start, end)
    return Span(start, end, entry.days or EVERY_DAY)
