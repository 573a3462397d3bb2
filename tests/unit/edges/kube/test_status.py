"""Refusals of reads and dry runs as values."""

from __future__ import annotations

import orjson

from agent.core.values import Rejected
from agent.edges.kube.seam import Response
from agent.edges.kube.status import from_status, refused, rejection

REPLACED = {
    "kind": "Status",
    "reason": "Invalid",
    "code": 422,
    "details": {
        "kind": "ConfigMap",
        "name": "a",
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "field": "metadata.uid",
                "message": 'Invalid value: "u": field is immutable',
            }
        ],
    },
}


def test_another_object_of_the_same_name_is_a_conflict():
    """The server says that the uid is immutable; that is no field to replace an object for."""
    message = 'another object has this name now (ConfigMap "a": metadata.uid: field is immutable)'

    assert rejection(Response(422, orjson.dumps(REPLACED))) == Rejected(409, "Conflict", message)


def test_a_message_is_redacted():
    """Whoever asks decides what may be told."""
    status = {"reason": "Forbidden", "message": "no s3cret"}

    says = rejection(
        Response(403, orjson.dumps(status)), lambda text: text.replace("s3cret", "***")
    )

    assert says == Rejected(403, "Forbidden", "no ***")


def test_an_error_event_has_its_own_code():
    """It comes in a stream that was answered with 200."""
    assert from_status({"code": 410, "reason": "Expired", "message": "too old"}) == Rejected(
        410, "Expired", "too old"
    )


def test_the_exception_of_a_read_says_what_was_read():
    """And keeps the server's code for whoever retries."""
    error = refused("list of pods", Response(503, b"upstream away"), 3.0)

    assert str(error) == "list of pods: 503 HTTP503: the server gave no reason"
    assert (error.status, error.retry_after) == (503, 3.0)
