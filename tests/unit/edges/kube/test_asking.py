"""What people ask of a live Package: conditional patches, under a name of their own."""

from __future__ import annotations

import json

import pytest
from scripted_api import ScriptedAPI, answer, refusal

from agent.core.values import PackageName
from agent.edges.kube.asking import MANAGER, TRIES, Right, annotate, is_allowed, who
from agent.edges.kube.failures import RefusedError

WEB = PackageName("shop", "web")
PATH = "/apis/tidegate.io/v1alpha1/namespaces/shop/packages/web"


def live(**annotations: str) -> dict[str, object]:
    """Give a live Package."""
    return {"metadata": {"name": "web", "resourceVersion": "7", "annotations": annotations}}


def test_annotations_are_set_and_removed_in_one_conditional_patch():
    """Only what differs is sent, and only onto the version that was read."""
    api = ScriptedAPI.replying(answer(200, live(a="1", b="2")), answer(200, live(a="3")))

    annotate(api, WEB, {"a": "3", "b": None, "c": None})

    request = api.asked[1]
    assert api.lines == [f"GET {PATH}", f"PATCH {PATH}"]
    assert request.query == (("fieldManager", MANAGER),)
    assert json.loads(request.body) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/metadata/annotations/a", "value": "3"},
        {"op": "remove", "path": "/metadata/annotations/b"},
    ]


def test_nothing_is_sent_where_nothing_differs():
    """Asking twice is one write."""
    api = ScriptedAPI.replying(answer(200, live(a="1")))

    annotate(api, WEB, {"a": "1", "b": None})

    assert api.lines == [f"GET {PATH}"]


def test_a_lost_race_is_tried_again_with_the_newer_package():
    """And given up after some tries, with the server's word."""
    conflict = refusal(409, "Conflict", "changed")
    api = ScriptedAPI.replying(*[answer(200, live()), conflict] * TRIES)

    with pytest.raises(RefusedError, match="409 Conflict"):
        annotate(api, WEB, {"a": "1"})

    assert len(api.lines) == 2 * TRIES


def test_a_package_that_is_not_there_is_told():
    """404, for the exit code."""
    api = ScriptedAPI.replying(refusal(404, "NotFound", "no"))

    with pytest.raises(RefusedError) as raised:
        annotate(api, WEB, {"a": "1"})

    assert raised.value.status == 404


def test_rights_are_asked_for_as_somebody():
    """A subresource and a group are told apart."""
    api = ScriptedAPI.replying(answer(201, {"status": {"allowed": True}}))

    assert is_allowed(api, Right("patch", "packages.tidegate.io/status", "shop"), "ada")

    assert api.asked[0].impersonate == "ada"
    assert json.loads(api.asked[0].body)["spec"]["resourceAttributes"] == {
        "verb": "patch",
        "resource": "packages",
        "group": "tidegate.io",
        "subresource": "status",
        "namespace": "shop",
    }


def test_the_server_says_who_we_are():
    """Empty where it is too old to."""
    told = {"status": {"userInfo": {"username": "ada"}}}
    assert who(ScriptedAPI.replying(answer(201, told))) == "ada"
    assert who(ScriptedAPI.replying(refusal(404, "NotFound", "no"))) == ""
