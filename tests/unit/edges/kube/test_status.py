"""The server's refusals as values."""

from __future__ import annotations

import orjson

from agent.core.values import FieldCause, Rejected
from agent.edges.kube.seam import Response
from agent.edges.kube.status import rejection


def test_a_refusal_keeps_its_causes_and_loses_what_it_printed():
    """A 422 for a Job prints the whole pod template before the reason."""
    template = '{"env": [{"name": "PASSWORD", "value": "hunter2"}], "image": "shop:1", "more": 1}'
    printed = f"Invalid value: {template}: field is immutable"
    status = {
        "kind": "Status",
        "message": f'Job.batch "a" is invalid: spec.template: {printed}',
        "reason": "Invalid",
        "details": {
            "causes": [
                {"reason": "FieldValueInvalid", "field": "spec.template", "message": printed}
            ]
        },
        "code": 422,
    }

    assert rejection(Response(422, orjson.dumps(status))) == Rejected(
        422,
        "Invalid",
        'Job.batch "a" is invalid: spec.template: Invalid value: …: field is immutable',
        (FieldCause("FieldValueInvalid", "spec.template", "Invalid value: …: field is immutable"),),
    )


def test_a_proxys_page_is_a_refusal_too():
    """Not everything between us and the server speaks Kubernetes."""
    assert rejection(Response(503, b"upstream away\n")) == Rejected(
        503, "ServiceUnavailable", "upstream away"
    )


def test_a_long_message_keeps_both_ends():
    """What matters may be first or last."""
    status = {"message": "a" * 1000 + "z" * 1000, "code": 500}

    message = rejection(Response(500, orjson.dumps(status))).message

    assert message == "a" * 300 + " … " + "z" * 300
