"""Writes docs/reference/sandbox.md from the suite's own cases, recordings and tests.

    python tests/sandbox/page.py

A promise stands on the page only because a test makes it.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sandbox import (
    cases,
    test_api_suite,
    test_controllers,
    test_server,
    test_server_rules,
    test_simplified,
)
from sandbox.recording import tail
from sandbox.refused import REFUSED
from sandbox.stories import Cluster

from agent.edges.kube.discovery import Discovery
from agent.sandbox.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/reference/sandbox.md"
RECORDINGS: Final = cases.TESTDATA / "recordings"
_ELSEWHERE: Final = {"test_what_it_can_not_do_it_refuses"}
"""In the table of refusals."""


def page() -> str:
    """Give the whole page."""
    return "\n".join([*_begin(), *_done(), *_refused(), *_simplified()]) + "\n"


def _begin() -> Iterator[str]:
    yield "<!-- Made by `python tests/sandbox/page.py`; do not edit. -->"
    yield "# The sandbox"
    yield ""
    yield "One Kubernetes API in memory, for the demo, the fast tests and the simulations. It"
    yield "refuses what it can't do faithfully. Every line here is a test, and its answers are"
    yield f"compared with {_answers()} recorded ones of a real server. Its `/version` ends with"
    yield "`+sandbox`, so that it never passes for a cluster."


def _done() -> Iterator[str]:
    yield from _title("## What it does as a cluster does")
    yield "Every kind is created, applied, patched, read, listed, watched and deleted; defaults,"
    yield "managedFields, conflicts and the causes of refusals are the recorded ones. What a kind"
    yield "refuses to change is refused in the server's words:"
    yield ""
    yield from _table("kind", "API", "cannot be changed")
    locked = _immutable()
    for each in sorted((*cases.MINIMAL, cases.GIFTS), key=lambda found: str(found["kind"])):
        kind = each["kind"]
        yield f"| {kind} | `{each['apiVersion']}` | {locked.get(kind, '')} |"
    yield ""
    yield "Fields have the names that the server's own messages use. Kinds of definitions are"
    yield "served, validated by their schemas, defaulted and pruned. Served besides, and refused in"
    yield f"part (below): {_besides()}."
    yield from _title("### Asked in process, over HTTPS and of a real server")
    yield from _promises(test_api_suite)
    yield from _title("### Rules of the server")
    yield from _promises(test_server_rules)
    yield from _title("### Controllers, stepped by a clock")
    yield from _promises(test_controllers)
    yield from _title("### Its HTTPS server")
    yield from _promises(test_server)


def _refused() -> Iterator[str]:
    yield from _title("## What it refuses")
    yield from _table("what", "code", "in these words")
    for each in REFUSED:
        code, message = each.asked(Cluster())
        yield f"| {each.what} | {code} | {_cell(message)} |"


def _simplified() -> Iterator[str]:
    yield from _title("## What it simplifies")
    yield from _table("here", "on a cluster")
    for name, instead in test_simplified.INSTEAD.items():
        yield f"| {_cell(_said(getattr(test_simplified, name)))} | {_cell(instead)} |"


# --- parts ---------------------------------------------------------------------------------------


def _title(text: str) -> tuple[str, ...]:
    return "", text, ""


def _table(*columns: str) -> tuple[str, str]:
    return f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _promises(module: ModuleType) -> Iterator[str]:
    """Write each test as its name, read as a sentence, and its promise."""
    for name, test in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("test_") and test.__module__ == module.__name__:
            if name in _ELSEWHERE:
                continue
            words = name.removeprefix("test_").replace("_", " ")
            yield f"- {words[0].upper()}{words[1:]}: {_lowered(_said(test))}"


def _said(test: Any) -> str:
    return (inspect.getdoc(test) or "").partition("\n")[0]


def _lowered(text: str) -> str:
    """Begin small behind a colon, unless the word is a name."""
    first = text.partition(" ")[0]
    is_word = first.isalpha() and first == first.capitalize()
    return text[0].lower() + text[1:] if is_word else text


def _besides() -> str:
    """List kinds that are served and have no recordings of their own."""
    recorded = {each["kind"] for each in cases.MINIMAL} | {cases.GIFTS["kind"]}
    kinds = Discovery(InProcess(Cluster().sandbox)).kinds()
    return ", ".join(sorted({kind.kind for kind in kinds} - recorded))


def _recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(RECORDINGS.glob("*.json")):
        for name, answers in json.loads(file.read_text()).items():
            yield from ((f"{file.stem}-{name}", answer) for answer in answers)


def _answers() -> int:
    return sum(1 for _ in _recorded())


def _immutable() -> dict[str, str]:
    """Give the fields that recorded refusals of changes name, by kind."""
    found: dict[str, dict[str, None]] = {}
    for story, answer in _recorded():
        if answer["code"] == 422 and story.startswith(("immutable-", "custom-definition")):
            details = answer["body"]["details"]
            for cause in details["causes"]:
                found.setdefault(details["kind"], {})[_field(cause)] = None
    return {kind: ", ".join(fields) for kind, fields in found.items()}


def _field(cause: dict[str, str]) -> str:
    """Name a field; of a whole spec, the server says what may be changed."""
    _, but, may = tail(cause["message"]).partition(" except ")
    if not but:
        _, but, may = cause["message"].partition(" other than ")
    may = may.partition("\n")[0].removesuffix(" are forbidden")
    return f"`{cause['field']}` but {may}" if but else f"`{cause['field']}`"


if __name__ == "__main__":
    PAGE.write_text(page())
