"""Where log lines go: standard error, as text for people or as JSON for machines, redacted.

Never decides what is worth logging. Fields beyond the message come by `extra=`: package, revision,
trace and whatever else a line is about.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

LOUD: Final = ("apscheduler", "git", "kubernetes", "urllib3")
"""Libraries that tell each of their steps; of these only warnings count."""

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "asctime",
    "message",
    "taskName",  # since Python 3.12
}
_UNPRINTABLE: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (9, 10)
}
"""Control characters, with which a file name or a server's message could rewrite a terminal."""


def configure(
    *,
    as_json: bool,
    level: str = "INFO",
    redact: Callable[[str], str] = str,
    stream: TextIO | None = None,
) -> None:
    """Send the log of the whole process to one place; a second call replaces the first.

    Args:
        as_json: One JSON object per line, else one line of text.
        level: `DEBUG`, `INFO`, `WARNING` or `ERROR`.
        redact: The exit for text; every string of every line goes through it.
        stream: Instead of standard error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(redact) if as_json else Text(redact))
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)


class Lines(logging.Formatter):
    """One JSON object per line: time, level, logger, message, then what else the line is about."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(_text(record.getMessage())),
            **{name: self._shown(value) for name, value in _fields(record)},
        }
        if record.exc_info:
            line["traceback"] = self._redact(_text(self.formatException(record.exc_info)))
        return orjson.dumps(line, default=str).decode()

    def _shown(self, value: Any) -> Any:
        return value if isinstance(value, bool | int | float) else self._redact(_text(value))


class Text(logging.Formatter):
    """One line of text, `time LEVEL logger: message (package=…)`; a traceback follows it."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = ", ".join(f"{name}={_text(value)}" for name, value in _fields(record))
        about = f" ({fields})" if fields else ""
        line = f"{_time(record)} {record.levelname} {record.name}: {record.getMessage()}{about}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return self._redact(line).translate(_UNPRINTABLE)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Yield what was given by `extra`, by name."""
    for name in sorted(record.__dict__.keys() - _STANDARD):
        yield name, record.__dict__[name]


def _text(value: Any) -> str:
    """Return the value as a string, without the surrogates that JSON can't hold."""
    return str(value).encode("utf-8", "backslashreplace").decode()
