"""Writes tests/testdata/recordings: the requests of `cases.py` with a real server's answers.

    python tests/sandbox/record.py

starts a control plane; no controllers run, so that every answer is the API server's own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from control_plane.server import ControlPlane
from sandbox import cases
from sandbox.recording import Names

if TYPE_CHECKING:
    from control_plane.client import Client

TARGET: Final = cases.TESTDATA / "recordings"


def main() -> None:
    """Ask everything and write one file per family of stories."""
    families: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch, ControlPlane(Path(scratch)) as plane:
        client = plane.client(user_agent="recorder/1")
        for number, story in enumerate(cases.stories()):
            family, _, name = story.name.partition("-")
            families.setdefault(family, {})[name] = _told(client, story, f"recorded-{number}-x")
    TARGET.mkdir(exist_ok=True)
    for family, found in families.items():
        (TARGET / f"{family}.json").write_text(_text(found))


def _text(found: dict[str, list[Any]]) -> str:
    """Write an answer per line, so that a difference shows in a review."""
    stories = [
        f"{json.dumps(name)}: [\n"
        + ",\n".join(json.dumps(each, sort_keys=True, ensure_ascii=False) for each in answers)
        + "\n]"
        for name, answers in sorted(found.items())
    ]
    return "{\n" + ",\n".join(stories) + "\n}\n"


def _told(client: Client, story: cases.Story, space: str) -> list[dict[str, Any]]:
    body = {"metadata": {"name": space}}
    assert client.request("POST", "/api/v1/namespaces", body).code == 201
    names = Names(space)
    if story.name.startswith("custom"):
        _define(client)
    answers = [_answer(client, ask, space, names) for ask in story.asks]
    for ask in story.asks:  # cluster-scoped objects are in nobody's way afterwards
        if ask.method in ("POST", "PATCH") and "namespaces" not in ask.path:
            _remove(client, ask)
    return answers


def _answer(client: Client, ask: cases.Ask, space: str, names: Names) -> dict[str, Any]:
    path = ask.path.replace("{space}", space)
    whole = f"{path}?{ask.query}" if ask.query else path
    answer = client.request(ask.method, whole, filled(ask.body, space), ask.content_type)
    return {"code": answer.code, "body": names.named(answer.body)}


def filled(body: Any, space: str) -> Any:
    """Put the name of the namespace into a body."""
    if isinstance(body, str):
        return body.encode()
    if body is None:
        return None
    return json.loads(json.dumps(body).replace("{space}", space))


def _define(client: Client) -> None:
    path = cases.path(cases.GIFTS, cases.GIFTS["metadata"]["name"])
    answer = client.apply(path, cases.GIFTS, "definer", "force=true")
    assert answer.code in (200, 201), answer
    client.wait_for(path, lambda found: "Established" in json.dumps(found))
    collection = "/apis/example.com/v1/gifts"
    for _ in range(200):
        if client.get(collection).code == 200:
            return
        client.wait_for(path, lambda found: found is not None)
    raise AssertionError("gifts are not served")


def _remove(client: Client, ask: cases.Ask) -> None:
    name = ask.body["metadata"].get("name", "") if isinstance(ask.body, dict) else ""
    path = ask.path if ask.method == "PATCH" else f"{ask.path}/{name}"
    if "customresourcedefinitions/gifts" in path:
        return
    client.merge(path, {"metadata": {"finalizers": None}})
    client.request("DELETE", path)


if __name__ == "__main__":
    main()
