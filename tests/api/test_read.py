"""Reads and dry runs: what an Answer says, and that nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sandbox.conftest import only_real

from agent.core.values import (
    Accepted,
    Answer,
    Ask,
    FieldCause,
    Found,
    Key,
    NotThere,
    Question,
    Rejected,
)
from agent.edges.kube.discovery import Discovery
from agent.edges.kube.failures import RefusedError
from agent.edges.kube.read import Reader

if TYPE_CHECKING:
    from sandbox.conftest import Api

    from agent.core.values import Manifest, Says
    from agent.edges.kube.seam import Transport

DIGEST = "sha256:d"


@pytest.fixture
def reader(transport: Transport) -> Reader:
    """Give a reader as admin."""
    return Reader(transport, Discovery(transport))


def job(namespace: str, image: str = "a") -> Manifest:
    """Make a Job."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": image}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate", "namespace": namespace},
        "spec": {"template": {"spec": pod}},
    }


def config(namespace: str, **fields: Any) -> Manifest:
    """Make a ConfigMap."""
    metadata = {"name": "settings", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **fields}


def key_of(body: Manifest) -> Key:
    """Name the object of a body."""
    group = body["apiVersion"].rpartition("/")[0]
    return Key(group, body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def asked(reader: Reader, ask: Ask, body: Manifest, uid: str = "", user: str = "") -> Says:
    """Ask one question and give what was said."""
    question = Question(key_of(body), ask, DIGEST, body, uid)
    (answer,) = reader.ask([question], impersonate=user)
    assert answer == Answer(question.key, ask, DIGEST, answer.says, uid)
    return answer.says


def create(api: Api, body: Manifest) -> str:
    """Create an object and give its uid."""
    group = body["apiVersion"]
    resource = f"{body['kind'].lower()}s" if group == "v1" else f"{group}/{body['kind'].lower()}s"
    uid: str = api.create(resource, dict(body))["metadata"]["uid"]
    return uid


def test_a_body_that_fits_is_accepted_and_nothing_is_made(api: Api, reader: Reader):
    """A dry run."""
    body = config(api.namespace, data={"a": "😀\x85"})

    assert asked(reader, Ask.APPLY, body) == Accepted()
    assert reader.get(key_of(body)) is None


def test_an_immutable_field_is_rejected_with_its_cause(api: Api, reader: Reader):
    """The server's own cause, without the pod template it prints."""
    uid = create(api, job(api.namespace))

    said = asked(reader, Ask.APPLY, job(api.namespace, image="b"), uid)

    reason = "field is immutable"
    assert said == Rejected(
        422,
        "Invalid",
        f'Job "migrate": spec.template: {reason}',
        (FieldCause("FieldValueInvalid", "spec.template", reason),),
    )


def test_an_unknown_field_is_rejected(api: Api, reader: Reader):
    """Strict validation; with apply it comes as an error of the typed patch."""
    said = asked(reader, Ask.APPLY, config(api.namespace, dats={"a": "b"}))

    assert isinstance(said, Rejected)
    assert "dats" in said.message


def test_a_value_of_the_wrong_type_is_rejected(api: Api, reader: Reader):
    """The server answers 500; the same body meets it again."""
    said = asked(reader, Ask.APPLY, config(api.namespace, data="text"))

    assert isinstance(said, Rejected)


def test_an_object_that_was_replaced_is_a_conflict(api: Api, reader: Reader):
    """The question was about the one with that uid."""
    create(api, config(api.namespace))

    said = asked(
        reader, Ask.APPLY, config(api.namespace), uid="6a5f7a1e-0000-4000-8000-000000000000"
    )

    assert isinstance(said, Rejected)
    assert (said.code, said.reason) == (409, "Conflict")


def test_a_missing_namespace_is_told(reader: Reader):
    """404, of the namespace."""
    said = asked(reader, Ask.APPLY, config("no-such-namespace"))

    assert said == Rejected(404, "NotFound", 'namespaces "no-such-namespace" not found')


@only_real
def test_what_is_not_allowed_is_told(api: Api, reader: Reader):
    """As the account that would write."""
    user = f"system:serviceaccount:{api.namespace}:deployer"

    said = asked(reader, Ask.APPLY, config(api.namespace), user=user)

    assert isinstance(said, Rejected)
    assert (said.code, said.reason) == (403, "Forbidden")
    assert f'User "{user}" cannot patch resource "configmaps"' in said.message


def test_a_replacement_is_tried_beside_the_object(api: Api, reader: Reader):
    """A Job of the same name exists; another content would be valid on its own."""
    create(api, job(api.namespace))

    assert asked(reader, Ask.CREATE, job(api.namespace, image="b")) == Accepted()


def test_a_replacement_that_is_not_valid_is_rejected(api: Api, reader: Reader):
    """Nothing may be deleted for it."""
    broken = {**job(api.namespace), "spec": {"template": {"spec": {"containers": []}}}}

    said = asked(reader, Ask.CREATE, broken)

    assert isinstance(said, Rejected)
    assert said.code == 422


def test_a_service_is_tried_without_its_address(api: Api, reader: Reader):
    """Addresses and node ports of the present one are taken."""
    metadata = {"name": "web", "namespace": api.namespace}
    spec = {"type": "NodePort", "ports": [{"port": 80}]}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    create(api, body)
    live = api.get("services", "web")

    assert asked(reader, Ask.CREATE, live) == Accepted()


def test_a_read_finds_what_is_there(api: Api, reader: Reader):
    """The whole object as a record, or that there is none."""
    body = config(api.namespace)
    assert asked(reader, Ask.READ, body) == NotThere()

    uid = create(api, body)

    live = reader.get(key_of(body))
    assert live is not None
    assert (asked(reader, Ask.READ, body), live.uid) == (Found(live), uid)


def test_a_kind_that_is_not_served_is_told(api: Api, reader: Reader):
    """Its objects are not there, and a body of it can't be taken."""
    body = {**config(api.namespace), "apiVersion": "nowhere.example.com/v1", "kind": "Shop"}

    assert asked(reader, Ask.READ, body) == NotThere()
    assert asked(reader, Ask.APPLY, body) == Rejected(
        404, "NotFound", "the cluster serves no kind nowhere.example.com/Shop"
    )


@only_real
def test_a_read_that_is_not_allowed_ends_the_pass(api: Api, reader: Reader):
    """Outside of questions nobody could use the answer."""
    user = f"system:serviceaccount:{api.namespace}:deployer"

    with pytest.raises(RefusedError, match="403 Forbidden"):
        reader.get(key_of(config(api.namespace)), impersonate=user)
