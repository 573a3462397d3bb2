"""What the fields of declarations look like: texts, durations, instants, times of day, names.

Never knows a kind; every check says the value and what to write instead.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PlainValidator,
    Strict,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from agent import __version__
from agent.core.durations import parse_duration
from agent.core.windows.schedule import MINUTES_PER_DAY, Weekday, parse_clock
from agent.core.windows.zones import UnknownZone, zone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.core.kinds.positions import Path

LONGEST_SHOWN: Final = 60
_LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_LABEL: Final = re.compile(_LABEL)
_GLOB: Final = re.compile(r"[a-z0-9*.-]+")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9*._:/@-]+")
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)"
)
_WALL: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


class Shape(BaseModel):
    """A mapping of a declaration: camelCase names, nothing unknown, nothing changed later."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )


@dataclass(frozen=True, slots=True)
class Site:
    """Where a declaration stands, for what depends on it."""

    path: str
    """Of the file, relative to the repository."""
    guarded: bool = False
    """It is in the policy path."""
    read: Callable[[str], bytes | None] = lambda _: None
    """Another file of the same revision, by its path from the root."""


def site_of(info: ValidationInfo) -> Site:
    """Return where the document being validated stands."""
    if not isinstance(info.context, Site):
        raise TypeError("declarations are validated with their Site as context")
    return info.context


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one path of a document."""

    path: Path
    message: str
    of_name: bool = False
    """It is the field's name that is wrong, not its value."""


def refused(says: str) -> PydanticCustomError:
    """Make the error that carries a finished sentence through pydantic."""
    return PydanticCustomError("tidegate", "{says}", {"says": says})


def shown(value: Any) -> str:
    """Write a value for a message: short, and saying its type where that is the trouble."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            text = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…"
            return f"`{text}`"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or empty; letter case does not matter."""
    by_folded = {each.casefold(): each for each in known}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else ""


def hint(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean x?`, or empty."""
    meant = nearest(word, known)
    return f"; did you mean `{meant}`?" if meant else ""


def _text(value: Any, what: str, example: str) -> str:
    if not isinstance(value, str):
        raise refused(f"{shown(value)} is not {what}: write {example}")
    return value


# --- time --------------------------------------------------------------------------------------


def _duration(value: Any) -> timedelta:
    try:
        return parse_duration(_text(value, "a duration", 'a number with its unit, such as "10m"'))
    except ValueError as error:
        raise refused(str(error)) from error


def _clock(value: Any) -> int:
    try:
        return parse_clock(_text(value, "a time of day", '"22:00", quoted'))
    except ValueError as error:
        raise refused(str(error)) from error


def _clock_start(value: Any) -> int:
    minutes = _clock(value)
    if minutes == MINUTES_PER_DAY:
        raise refused('`24:00` is the end of a day: write "00:00" as the start')
    return minutes


def _weekday(value: Any) -> Weekday:
    if isinstance(value, str) and value in Weekday.__members__:
        return Weekday[value]
    raise refused(f"{shown(value)} is not a day: write one of {', '.join(Weekday.__members__)}")


def _instant(value: Any) -> datetime:
    text = _text(value, "an instant", "2026-11-21T06:00:00+01:00")
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError as error:
            raise refused(f"`{text}` is not an instant: {error}") from error
    if _WALL.fullmatch(text):
        raise refused(f"`{text}` has no offset: write {text}+01:00, or {text}Z for UTC")
    raise refused(
        f"{shown(text)} is not an instant: write date, time and offset (RFC 3339), such as "
        "2026-11-21T06:00:00+01:00"
    )


def _wall(value: Any) -> datetime:
    text = _text(value, "a local time", "2026-12-05T08:00")
    if _INSTANT.fullmatch(text):
        raise refused(f"`{text}` has an offset: write it without, it is local time of timeZone")
    if not _WALL.fullmatch(text):
        raise refused(f"{shown(text)} is not a local time: write 2026-12-05T08:00")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise refused(f"`{text}` is not a local time: {error}") from error


def _date(value: Any) -> date:
    text = _text(value, "a date", "2026-11-01")
    if not _DAY.fullmatch(text):
        raise refused(f"{shown(text)} is not a date: write 2026-11-01")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise refused(f"`{text}` is not a date: {error}") from error


def _zone(value: Any) -> str:
    name = _text(value, "a time zone", "an IANA name such as Europe/Berlin")
    found = zone(name)
    if isinstance(found, UnknownZone):
        raise refused(str(found))
    return name


def _words(example: str, pattern: str = "") -> WithJsonSchema:
    schema: dict[str, Any] = {"type": "string", "examples": [example]}
    return WithJsonSchema({**schema, "pattern": pattern} if pattern else schema)


Duration: TypeAlias = Annotated[
    timedelta,
    PlainValidator(_duration),
    _words("10m", r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"),
]
Start: TypeAlias = Annotated[
    int, PlainValidator(_clock_start), _words("22:00", r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
]
End: TypeAlias = Annotated[
    int, PlainValidator(_clock), _words("05:00", r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
]
Day: TypeAlias = Annotated[
    Weekday, PlainValidator(_weekday), WithJsonSchema({"enum": list(Weekday.__members__)})
]
Instant: TypeAlias = Annotated[
    datetime, PlainValidator(_instant), _words("2026-11-21T06:00:00+01:00", _INSTANT.pattern)
]
Wall: TypeAlias = Annotated[
    datetime, PlainValidator(_wall), _words("2026-12-05T08:00", _WALL.pattern)
]
Date: TypeAlias = Annotated[date, PlainValidator(_date), _words("2026-11-01", _DAY.pattern)]
Zone: TypeAlias = Annotated[str, PlainValidator(_zone), _words("Europe/Berlin")]


# --- names -------------------------------------------------------------------------------------


def is_label(text: str) -> bool:
    """Whether it is a DNS-1123 label, as names of namespaces are."""
    return _DNS_LABEL.fullmatch(text) is not None


def _name(text: str) -> str:
    if not is_label(text):
        raise refused(
            f"{shown(text)} is not a name: write at most 63 small letters, digits and dashes, "
            "a letter or digit first and last (RFC 1123)"
        )
    return text


def _glob(text: str) -> str:
    if not _GLOB.fullmatch(text):
        raise refused(
            f"{shown(text)} is not a name: small letters, digits and dashes, `*` is the only "
            "wildcard"
        )
    return text


def _cluster(text: str) -> str:
    if not _CLUSTER.fullmatch(text):
        raise refused(f"{shown(text)} is not the name of a cluster: `*` is the only wildcard")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise refused("is empty: write a sentence")
    return text


Flag: TypeAlias = Annotated[bool, Strict()]
Count: TypeAlias = Annotated[int, Strict()]
Name: TypeAlias = Annotated[str, AfterValidator(_name)]
Glob: TypeAlias = Annotated[str, AfterValidator(_glob)]
ClusterGlob: TypeAlias = Annotated[str, AfterValidator(_cluster)]
"""Names of clusters may be those of cloud providers, with colons and slashes."""
Sentence: TypeAlias = Annotated[str, AfterValidator(_not_blank)]


# --- paths -------------------------------------------------------------------------------------


def inside(text: str, folder: str) -> str | None:
    """Return a path, written relative to a folder, from the root; None if it leaves the repo."""
    found = posixpath.normpath(posixpath.join(folder, text))
    outside = found == ".." or found.startswith(("../", "/"))
    return None if outside or text.startswith("/") else found


def _path(text: str, info: ValidationInfo) -> str:
    site = site_of(info)
    if "://" in text:
        raise refused(later(f"the address {shown(text)}", "remote sources"))
    if not text or text.startswith("/") or "\\" in text:
        raise refused(
            f"{shown(text)} is not a path relative to this file: write one such as ./manifests"
        )
    found = inside(text, posixpath.dirname(site.path))
    if found is None:
        raise refused(f"{shown(text)} leaves the repository: write a path inside of it")
    return found


RepoPath: TypeAlias = Annotated[str, AfterValidator(_path)]
"""Written relative to the declaring file; read as a path from the repository's root."""


# --- later features ----------------------------------------------------------------------------


def later(what: str, feature: str) -> str:
    """Say that something is understood, but comes with a later version."""
    version = __version__.rpartition(".")[0]
    return (
        f"{what} is not supported by this version of Tidegate ({version}); it comes with {feature}"
    )
