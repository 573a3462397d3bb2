"""The cluster seen once: nothing is asked twice, and foreign objects are seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from facts_builder import PAYMENTS, declared, key_of, lively, wanted

from agent.core.values import Accepted, Answer, Ask, GroupKind, Question, Rejected
from agent.runtime.snapshot import ListedCluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.core.schema import Node
    from agent.core.values import Key, KindInfo, Live

WEB, JOB = wanted("Deployment", "web"), wanted("Job", "migrate")
DEPLOYMENT = GroupKind("apps", "Deployment")
NO = Rejected(403, "Forbidden", 'users "deployer" is forbidden: User "ada" cannot impersonate …')


@dataclass
class Reads:
    """A reader over some objects; those with our label are listed."""

    live: dict[Key, Live]
    asked: Counter[str] = field(default_factory=Counter)

    def get(self, key: Key, version: str = "", impersonate: str = "") -> Live | None:
        """Read one."""
        self.asked[f"get {key}{version}{impersonate}"] += 1
        return self.live.get(key)

    def list(self, kind: GroupKind, namespace: str = "", selector: str = "") -> Iterator[Live]:
        """Read those of a kind that are ours."""
        self.asked[f"list {kind.kind}{namespace} {selector}"] += 1
        for key, live in self.live.items():
            if key.kind == kind.kind and live.marks:
                yield live

    def ask(self, questions: Iterable[Question], impersonate: str = "") -> tuple[Answer, ...]:
        """Refuse whoever acts as somebody else."""
        says = NO if impersonate else Accepted()
        return tuple(Answer(each.key, each.ask, each.digest, says) for each in questions)


class Nothing:
    """No kinds and no schemas."""

    def kinds(self) -> Mapping[GroupKind, KindInfo]:
        """Give none."""
        return {}

    def node(self, api_version: str, kind: str) -> Node | None:
        """Give none."""


def cluster(*live: Live) -> tuple[ListedCluster, Reads]:
    """Give a cluster of these objects, and what it asks."""
    reads = Reads({each.key: each for each in live})
    return ListedCluster("default", "prod-1", reads, Nothing(), Nothing()), reads


def test_our_objects_are_listed_once():
    """However often passes look."""
    looked, reads = cluster(lively(WEB))

    assert looked.synced([DEPLOYMENT])
    assert looked.synced([DEPLOYMENT])
    assert looked.objects(PAYMENTS) == {WEB.key: lively(WEB)}
    assert looked.get(WEB.key) == lively(WEB)
    assert reads.asked == {"list Deployment tidegate.io/instance=default": 1}


def test_an_object_without_our_label_is_read_once():
    """It stands under a key we want, so an adoption is to be shown; so is that nothing is there."""
    foreign = lively(JOB, marks={})
    looked, reads = cluster(foreign)
    looked.fetch([JOB.key, WEB.key])

    assert (looked.get(JOB.key), looked.get(WEB.key)) == (foreign, None)
    assert looked.objects(PAYMENTS) == {}
    assert reads.asked == {f"get {JOB.key}": 1, f"get {WEB.key}": 1}


def test_a_namespace_that_is_not_there_does_not_exist():
    """As passes are told by watches."""
    looked, _ = cluster()

    assert not looked.namespace("shop").exists


def test_who_may_not_act_as_the_package_asks_as_themselves():
    """What the object would become is the same."""
    question = Question(key_of("Job", "migrate"), Ask.APPLY, JOB.digest)
    package = replace(declared(), service_account="deployer")
    looked, _ = cluster()

    (answer,) = looked.ask(package, [question])

    assert answer.says == Accepted()
