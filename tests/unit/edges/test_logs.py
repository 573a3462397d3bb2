"""Log lines: one per event, for machines or people, and never with a secret in them."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from agent.core.redact import Redactor
from agent.edges import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """Give pytest its handlers back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def _logged(*arguments: object, as_json: bool = True, level: str = "INFO", **more: Any) -> str:
    stream = io.StringIO()
    redact = Redactor([HIDDEN]).text
    logs.configure(as_json=as_json, level=level, redact=redact, stream=stream)
    logging.getLogger("agent.test").info(*arguments, **more)
    return stream.getvalue()


def test_a_line_is_one_json_object() -> None:
    """Time, level, logger and message are always there, and what was given beside them."""
    line = json.loads(_logged("applied %d", 3, extra={"package": "shop/payments", "objects": 3}))
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "agent.test",
        "message": "applied 3",
        "objects": 3,
        "package": "shop/payments",
    }


def test_a_traceback_stays_on_the_line() -> None:
    """A collector that splits at line ends gets the whole event."""
    text = _logged("failed", exc_info=ValueError("broken"))
    assert text.count("\n") == 1
    assert json.loads(text)["traceback"].endswith("ValueError: broken")


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_leaves(as_json: bool) -> None:  # noqa: FBT001
    """Messages, fields and tracebacks go through the redactor."""
    error = ValueError(f"refused {HIDDEN}")
    text = _logged("token %s", HIDDEN, as_json=as_json, exc_info=error, extra={"note": HIDDEN})
    assert HIDDEN not in text
    assert text.count("***") == 3


def test_text_is_for_people() -> None:
    """One line, with what it is about at its end."""
    text = _logged("applied", as_json=False, extra={"package": "shop/payments"})
    assert text.partition(" ")[2] == "INFO agent.test: applied (package=shop/payments)\n"


def test_text_can_not_rewrite_the_terminal() -> None:
    """An escape sequence in a file's name is shown, not obeyed."""
    assert "\\x1b[2J" in _logged("read %s", "\x1b[2J", as_json=False)


def test_half_a_surrogate_pair_is_logged() -> None:
    """What no encoding holds never costs the line."""
    assert json.loads(_logged("read %s", "\ud83d"))["message"] == "read \\ud83d"


def test_level_and_loud_libraries() -> None:
    """Below the level nothing is written, and libraries do not tell each of their steps."""
    assert _logged("quiet", level="WARNING") == ""
    assert not logging.getLogger("apscheduler.scheduler").isEnabledFor(logging.INFO)
