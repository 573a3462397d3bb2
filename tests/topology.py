"""A small schema with every kind of list and map, for tests; shaped like a Deployment's."""

from __future__ import annotations

from agent.core.schema import (
    OBJECT_META,
    PLAIN,
    QUANTITY,
    UNTYPED,
    ListRule,
    MapRule,
    Node,
    Relation,
)

STRINGS = Node(map=MapRule(other=PLAIN))
PORT = Node(
    map=MapRule(
        fields={"port": PLAIN, "protocol": PLAIN, "name": PLAIN}, defaults={"protocol": "TCP"}
    )
)
CONTAINER = Node(
    map=MapRule(
        fields={
            "name": PLAIN,
            "image": PLAIN,
            "args": Node(list=ListRule(Relation.ATOMIC, PLAIN)),
            "ports": Node(list=ListRule(Relation.KEYED, PORT, ("port", "protocol"))),
            "limits": Node(map=MapRule(other=QUANTITY)),
            "debug": PLAIN,
        }
    )
)
SPEC = Node(
    map=MapRule(
        fields={
            "replicas": PLAIN,
            "containers": Node(list=ListRule(Relation.KEYED, CONTAINER, ("name",))),
            "hosts": Node(list=ListRule(Relation.SET, PLAIN)),
            "rules": Node(list=ListRule(Relation.ATOMIC, PORT)),
            "selector": Node(map=MapRule(atomic=True, other=PLAIN)),
            "options": STRINGS,
            "raw": UNTYPED,
        }
    )
)
THING = Node(
    map=MapRule(fields={"apiVersion": PLAIN, "kind": PLAIN, "metadata": OBJECT_META, "spec": SPEC})
)
