"""Where schemas are read, and what an address that is out of date leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from scripted_api import ScriptedAPI, answer

from agent.edges.kube.openapi import Schemas

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "/openapi/v3/apis/a/v1?hash=OLD", "/openapi/v3/apis/a/v1?hash=NEW"
INDEX = {"paths": {"apis/a/v1": {"serverRelativeURL": OLD}}}
DOCUMENT = {
    "components": {
        "schemas": {
            "a.v1.Thing": {
                "type": "object",
                "x-kubernetes-group-version-kind": [
                    {"group": "a", "version": "v1", "kind": "Thing"}
                ],
            }
        }
    }
}


def test_the_redirect_from_an_old_hash_is_followed(tmp_path: Path):
    """CRDs that come one by one change the document between the index and its reading."""
    api = ScriptedAPI.replying(answer(200, INDEX), answer(301, location=NEW), answer(200, DOCUMENT))
    schemas = Schemas(api, tmp_path)

    assert schemas.node("a/v1", "Thing") is not None
    assert schemas.node("a/v1", "Thing") is not None  # nothing more is asked
    assert [request.query for request in api.asked] == [
        (),
        (("hash", "OLD"),),
        (("hash", "NEW"),),
    ]
    assert [orjson.loads(path.read_bytes()) for path in tmp_path.iterdir()] == [DOCUMENT]


def test_a_redirect_never_leads_to_another_server(tmp_path: Path):
    """Credentials go to the API server alone, whatever `Location` says."""
    elsewhere = f"https://elsewhere.example.com{NEW}"
    api = ScriptedAPI.replying(
        answer(200, INDEX), answer(301, location=elsewhere), answer(200, DOCUMENT)
    )

    assert Schemas(api, tmp_path).node("a/v1", "Thing") is not None
    assert api.lines[-1] == "GET /openapi/v3/apis/a/v1"


def test_a_redirect_in_circles_ends(tmp_path: Path):
    """A kind without a schema is a kind of unknown topology, not a reason to stop."""
    api = ScriptedAPI(lambda one: answer(301, location=OLD) if one.query else answer(200, INDEX))
    assert Schemas(api, tmp_path).node("a/v1", "Thing") is None
