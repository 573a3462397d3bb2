"""Writes by chance, the same to the sandbox and to a real server: every answer is the same.

Applies by two managers, forced and not, merge patches and status writes, on kinds whose lists and
maps merge in every way there is.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox import cases
from sandbox.cases import APPLY, MERGE, Ask
from sandbox.record import _define, filled
from sandbox.recording import Names, simplified

from agent.core import encode
from agent.edges.kube.seam import Request, Response
from agent.sandbox.api import Sandbox

if TYPE_CHECKING:
    from control_plane.client import Client
    from control_plane.server import ControlPlane
    from hypothesis.strategies import SearchStrategy

pytestmark = pytest.mark.real

Object = dict[str, Any]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LETTERS = st.sampled_from("abc")
TEXTS = st.dictionaries(LETTERS, st.sampled_from(["", "1", "2"]), max_size=3)
OR_NULL = st.none()


def optional(**fields: SearchStrategy[Any]) -> SearchStrategy[Object]:
    """Make objects with some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


LABELS = st.dictionaries(LETTERS, st.sampled_from(["", "1", "2"]), min_size=1, max_size=3)
"""Never empty: an empty map in a custom resource is stored once more with the next write (1.36)."""
FINALIZERS = st.lists(st.sampled_from(["x.io/a", "x.io/b"]), min_size=1, unique=True)
METADATA = optional(
    labels=LABELS,
    annotations=LABELS,
    finalizers=FINALIZERS,
)
PORTS = st.lists(
    st.fixed_dictionaries(
        {"port": st.integers(1, 3)},
        optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": st.sampled_from(["p", "q"])},
    ),
    max_size=3,
    unique_by=lambda port: (port["port"], port.get("protocol", "TCP")),
)
GIFT = optional(
    spec=optional(
        size=st.integers(0, 10),
        color=st.sampled_from(["red", "blue", "green"]),
        list=st.lists(LETTERS, max_size=3, unique=True),
        ports=PORTS,
        numbers=st.dictionaries(LETTERS, st.integers(0, 1), max_size=2),
        free=st.recursive(
            st.one_of(st.integers(0, 2), st.booleans(), st.text("xy", max_size=2)),
            lambda below: st.one_of(
                st.lists(below, max_size=2), st.dictionaries(LETTERS, below, max_size=2)
            ),
            max_leaves=4,
        ).filter(lambda value: isinstance(value, dict)),
    )
)
CONFIG = optional(data=st.one_of(TEXTS, OR_NULL), immutable=st.sampled_from([False, None]))
SERVICE = optional(
    spec=optional(
        selector=TEXTS,
        ports=st.lists(
            st.fixed_dictionaries(
                {"port": st.integers(1, 3), "name": LETTERS},
                optional={"targetPort": st.sampled_from([80, "web"])},
            ),
            min_size=1,
            max_size=3,
            unique_by=(lambda port: port["port"], lambda port: port["name"]),
        ),
        sessionAffinity=st.sampled_from(["None", "ClientIP"]),
        publishNotReadyAddresses=st.booleans(),
    )
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": LETTERS, "image": st.sampled_from(["i:1", "i"])},
        optional={
            "args": st.lists(LETTERS, max_size=2),
            "env": st.lists(
                st.fixed_dictionaries({"name": LETTERS}, optional={"value": LETTERS}),
                max_size=2,
                unique_by=lambda each: each["name"],
            ),
            "resources": optional(
                limits=st.dictionaries(
                    st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "2000m"]), max_size=2
                )
            ),
            "tty": st.booleans(),
        },
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda each: each["name"],
)
DEPLOYMENT = optional(
    spec=optional(
        replicas=st.integers(0, 2),
        paused=st.booleans(),
        strategy=st.sampled_from([{"type": "Recreate"}, {"type": "RollingUpdate"}, {}]),
        template=st.builds(
            lambda containers, more: {"spec": {"containers": containers, **more}},
            CONTAINERS,
            optional(
                nodeSelector=TEXTS,
                hostNetwork=st.booleans(),
                tolerations=st.just([{"key": "a", "operator": "Exists"}]),
                terminationGracePeriodSeconds=st.sampled_from([0, 30]),
            ),
        ),
    )
)
KINDS = (
    (cases.PRESENT, GIFT),
    (cases.CONFIG, CONFIG),
    (cases.SERVICE, SERVICE),
    (cases.DEPLOYMENT, DEPLOYMENT),
)


@st.composite
def writes(draw: st.DrawFn) -> list[Ask]:
    """Draw a history of one object."""
    found, bodies = draw(st.sampled_from(KINDS))
    path = cases.path(found, "web")
    asks = []
    for _ in range(draw(st.integers(2, 5))):
        said = draw(bodies)
        metadata = draw(st.one_of(st.just({}), METADATA))
        if draw(st.integers(0, 3)):
            body = {"apiVersion": found["apiVersion"], "kind": found["kind"], **said}
            body["metadata"] = {"name": "web", **metadata}
            query = f"fieldManager={draw(st.sampled_from(['one', 'two']))}"
            query += draw(st.sampled_from(["", "&force=true"]))
            asks.append(Ask("PATCH", path, body, APPLY, query))
        else:
            asks.append(Ask("PATCH", path, {"metadata": metadata, **said}, MERGE))
    if draw(st.booleans()):
        asks.insert(0, cases.create(_valid(found)))
    return asks


def _valid(found: Object) -> Object:
    return cases.changed(found, spec={"size": 1}) if found is cases.PRESENT else found


def ours(asks: list[Ask]) -> list[Any]:
    """Ask the sandbox."""
    sandbox = Sandbox(lambda: NOW)
    names = Names(cases.SPACE)
    for ask in (
        Ask("POST", "/api/v1/namespaces", {"metadata": {"name": cases.SPACE}}),
        cases.forced(cases.GIFTS),
    ):
        _sandboxed(sandbox, ask)
    sandbox.step()
    return [_told(*_sandboxed(sandbox, ask), names) for ask in asks]


def _sandboxed(sandbox: Sandbox, ask: Ask) -> tuple[int, Any]:
    body = encode.body(filled(ask.body, cases.SPACE))
    query = tuple(tuple(each.split("=")) for each in ask.query.split("&") if each)
    path = ask.path.replace("{space}", cases.SPACE)
    answer = sandbox.handle(Request(ask.method, path, query, body, ask.content_type), "recorder/1")  # type: ignore[arg-type]
    assert isinstance(answer, Response)
    return answer.status, json.loads(answer.body)


def theirs(client: Client, asks: list[Ask]) -> list[Any]:
    """Ask the real server."""
    space = f"differ-{secrets.token_hex(5)}"
    names = Names(space)
    body = {"metadata": {"name": space}}
    assert client.request("POST", "/api/v1/namespaces", body).code == 201
    found = []
    for ask in asks:
        path = f"{ask.path.replace('{space}', space)}?{ask.query}"
        answer = client.request(ask.method, path, filled(ask.body, space), ask.content_type)
        found.append(_told(answer.code, answer.body, names))
    return found


def _told(code: int, body: Object, names: Names) -> tuple[int, Any]:
    told = simplified(names.named(body))
    if code == 500:  # which of several faults comes first is the order of a Go map
        return code, None
    return code, told


@pytest.fixture(scope="module")
def client(control_plane: ControlPlane) -> Client:
    """Give a client that may do everything, where gifts are served."""
    found = control_plane.client(user_agent="recorder/1")
    _define(found)
    return found


@given(writes())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_same_writes_give_the_same_answers(client: Client, asks: list[Ask]) -> None:
    """To the letter of defaults, owners and causes."""
    assert ours(asks) == theirs(client, asks)
