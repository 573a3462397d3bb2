"""The words of `Package.status` and `tidegate.status/v1`, whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import yaml
from facts_builder import (
    COMMIT,
    NOW,
    OLDER,
    holding,
    inventory_of,
    later,
    remembered,
    result_of,
    synced,
    updated,
    wanted,
)

from agent.core.report.judge import judge
from agent.core.report.status import document, entry, entry_of, is_ready, printed, status
from agent.core.report.transitions import advance
from agent.core.values import Finished, Hold, Inventory, Origin, Reason

WEB = wanted("Deployment", "web")
MIGRATE = wanted("Job", "migrate")
ORIGIN = Origin("policies/nights.yaml", 3, OLDER, "Omar <omar@example.com>")
CLOSED = Hold("windows", Reason.WINDOW_CLOSED, "nights is closed", ORIGIN, later(hours=9))
FACTS = synced(WEB)
REPORT = judge(
    result_of(FACTS, updated(WEB), verdict=holding(CLOSED, updated(WEB))), FACTS.inventory
)
TOLD = advance(FACTS.inventory.told, REPORT, NOW)
CRD = Path(__file__).parents[4] / "deploy" / "crds" / "packages.tidegate.io.yaml"

ENTRY = {
    "namespace": "shop",
    "name": "payments",
    "state": "Waiting",
    "reason": "WindowClosed",
    "message": "nights is closed; 1 object waits",
    "revision": {"observed": COMMIT, "attempted": COMMIT, "applied": COMMIT},
    "planDigest": "sha256:plan",
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "WindowClosed",
            "message": "nights is closed; 1 object waits",
            "lastTransitionTime": "2026-11-20T12:00:00Z",
        },
        {
            "type": "Healthy",
            "status": "True",
            "reason": "Synced",
            "message": "every object is Current",
            "lastTransitionTime": "2026-11-20T12:00:00Z",
        },
        {
            "type": "WindowClosed",
            "status": "True",
            "reason": "WindowClosed",
            "message": "nights is closed",
            "lastTransitionTime": "2026-11-20T12:00:00Z",
        },
    ],
    "holds": [
        {
            "gate": "windows",
            "reason": "WindowClosed",
            "message": "nights is closed",
            "origin": {
                "path": "policies/nights.yaml",
                "line": 3,
                "commit": OLDER,
                "author": "Omar <omar@example.com>",
            },
            "by": "",
            "until": "2026-11-20T21:00:00Z",
            "next": "2026-11-20T21:00:00Z",
        }
    ],
    "drift": 0,
    "objects": 1,
    "waiting": 1,
    "next": None,
}


def test_an_entry_has_every_key_of_the_contract():
    """Scripts need not ask whether a key is there."""
    assert entry(REPORT, TOLD, str) == ENTRY


def test_a_live_package_gives_the_same_entry_as_the_branch():
    """`status -o json` is status.json, read from the cluster or from Git."""
    inventory = replace(FACTS.inventory, told=TOLD)
    assert entry_of(status(REPORT, inventory, 3), "shop", "payments") == ENTRY


def test_what_others_wrote_wrongly_does_not_break_the_summary():
    """Every key has the type it should have, whatever was there."""
    told = {"state": 7, "holds": "none", "conditions": [None, {"type": "Ready"}], "drift": "x"}
    found = entry_of(told, "a", "b")
    assert (found["state"], found["holds"], found["drift"]) == ("Pending", [], 0)
    assert found["conditions"] == [
        {"type": "Ready", "status": "", "reason": "", "message": "", "lastTransitionTime": None}
    ]


def test_package_status_leaves_out_what_is_empty():
    """An apply takes away what is not there any more; counts stay, also at zero."""
    inventory = replace(inventory_of(WEB), told=TOLD)
    told = status(REPORT, inventory, 3)
    assert told["revision"]["short"] == "a1b2c3d"
    assert (told["hold"], told["observedGeneration"], told["drift"]) == ("WindowClosed", 3, 0)
    assert {one["observedGeneration"] for one in told["conditions"]} == {3}
    assert told["transitions"] == [
        {
            "seq": 1,
            "time": "2026-11-20T12:00:00.000+00:00",
            "to": "Waiting",
            "reason": "WindowClosed",
            "revision": COMMIT,
            "cause": "windows policies/nights.yaml:3",
            "actor": "Omar <omar@example.com>",
        }
    ]
    assert not {"next", "lastHandledSync", "jobs", "namespace"} & told.keys()


def test_package_status_has_the_ledger_of_jobs():
    """What ran, how it ended, and what policy skipped."""
    done = remembered(MIGRATE, finished=Finished("sha256:a", "Complete", NOW), skipped="sha256:b")
    inventory = Inventory(FACTS.package, entries={MIGRATE.key: done}, handled_sync="now", told=TOLD)
    told = status(REPORT, inventory, 1)
    assert (told["lastHandledSync"], told["jobs"]) == (
        "now",
        [
            {
                "namespace": "shop",
                "name": "migrate",
                "digest": "sha256:a",
                "result": "Complete",
                "finishedAt": "2026-11-20T12:00:00Z",
                "skipped": "sha256:b",
            }
        ],
    )


def _undeclared(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Paths of a value that its schema has no property for: a server would drop them."""
    if isinstance(value, list):
        return [each for item in value for each in _undeclared(item, schema["items"], path)]
    if not isinstance(value, dict):
        return []
    found = [f"{path}.{name}" for name in value if name not in schema["properties"]]
    return found + [
        each
        for name, below in value.items()
        if name in schema["properties"]
        for each in _undeclared(below, schema["properties"][name], f"{path}.{name}")
    ]


def test_the_definition_in_the_cluster_knows_every_field():
    """A field the CRD does not have is silently dropped by the server."""
    version = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    done = remembered(MIGRATE, finished=Finished("sha256:a", "Complete", NOW), skipped="sha256:b")
    live = Hold("suspension", Reason.SUSPENDED, "stop", Origin(object="Package shop/payments"))
    inventory = Inventory(FACTS.package, entries={MIGRATE.key: done}, handled_sync="now", told=TOLD)
    report = replace(REPORT, holds=(CLOSED, live), next=later(hours=9))
    assert _undeclared(status(report, inventory, 1), schema) == []


def test_a_document_is_sorted_and_says_nothing_of_now():
    """The same state gives the same bytes."""
    other = {**ENTRY, "name": "cache"}
    told = document([ENTRY, other], "prod-1", "default", COMMIT)
    assert printed(told) == printed(document([other, ENTRY], "prod-1", "default", COMMIT))
    assert [one["name"] for one in orjson.loads(printed(told))["packages"]] == ["cache", "payments"]
    assert (told["schema"], told["cluster"], told["instance"]) == (
        "tidegate.status/v1",
        "prod-1",
        "default",
    )


def test_text_is_scrubbed_and_trimmed_on_its_way_out():
    """No message leaves as it came."""
    report = replace(REPORT, message="token=hunter2\n" * 200)
    message = entry(report, TOLD, lambda text: text.replace("hunter2", "***"))["message"]
    assert (len(message), message[:20]) == (1024, "token=*** token=*** ")


def test_readiness_is_read_from_the_condition():
    """By type and status, not by position."""
    ready = {
        "conditions": [{"type": "Healthy", "status": "False"}, {"type": "Ready", "status": "True"}]
    }
    assert (is_ready(ready), is_ready(ENTRY)) == (True, False)
