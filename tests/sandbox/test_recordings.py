"""The sandbox answers as the real server did: codes, causes, defaults, managedFields."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from sandbox import cases
from sandbox.record import filled
from sandbox.recording import Names, simplified

from agent.core import encode
from agent.edges.kube.seam import Request, Response
from agent.sandbox.api import Sandbox

STORIES = {story.name: story for story in cases.stories()}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@cache
def recorded(family: str) -> dict[str, Any]:
    """Read a family of recordings."""
    text = (cases.TESTDATA / "recordings" / f"{family}.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def request(ask: cases.Ask) -> Request:
    """Make the request of a case."""
    body = filled(ask.body, cases.SPACE)
    data = b"" if body is None else body if isinstance(body, bytes) else encode.body(body)
    query = tuple(tuple(each.partition("=")[::2]) for each in ask.query.split("&") if each)
    path = ask.path.replace("{space}", cases.SPACE)
    unquoted = tuple((key, value.replace("%3D", "=")) for key, value in query)
    return Request(ask.method, path, unquoted, data, ask.content_type)


def answers(story: cases.Story) -> list[dict[str, Any]]:
    """Play a story in a sandbox of its own."""
    sandbox = Sandbox(lambda: NOW)
    made = [
        cases.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cases.SPACE}})
    ]
    if story.name.startswith("custom"):
        made.append(cases.apply(cases.GIFTS, "fieldManager=definer"))
    for ask in made:
        answer = sandbox.handle(request(ask))
        assert isinstance(answer, Response)
        assert answer.status == 201, answer
    sandbox.step()
    names = Names(cases.SPACE)
    found = []
    for ask in story.asks:
        if "definition" in story.name:
            sandbox.step()  # the server accepts definitions by itself
        answer = sandbox.handle(request(ask), "recorder/1")
        assert isinstance(answer, Response)
        found.append({"code": answer.status, "body": names.named(json.loads(answer.body))})
    return found


@pytest.mark.parametrize("name", STORIES)
def test_the_sandbox_answers_as_the_server_did(name: str) -> None:
    """Every answer of every story, whole."""
    family, _, rest = name.partition("-")
    told = [(one["code"], simplified(one["body"])) for one in answers(STORIES[name])]
    real = [(one["code"], simplified(one["body"])) for one in recorded(family)[rest]]
    for number, (ours, theirs) in enumerate(zip(told, real, strict=True)):
        assert ours == theirs, (number, STORIES[name].asks[number])
