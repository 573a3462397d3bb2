"""`match` and its selectors, as written and as values.

Never evaluates them against anything.
"""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.core.kinds.shape import ClusterGlob, Glob, Shape, refused
from agent.core.policies import LabelSelector, Match, Operator, Requirement, Subject
from agent.core.values import Grade


class Expression(Shape):
    """One of a selector's `matchExpressions`."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        needs = self.operator in {Operator.IN, Operator.NOT_IN}
        if needs and not self.values:
            raise refused(f"{self.operator} needs values: write at least one")
        if not needs and self.values:
            raise refused(f"{self.operator} takes no values: remove them")
        return self


class Selector(Shape):
    """A Kubernetes label selector; an empty one would match everything and is refused."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: tuple[Expression, ...] = ()

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if not self.match_labels and not self.match_expressions:
            raise refused("an empty selector would match everything: write matchLabels")
        return self


class Choice(Shape):
    """Things chosen by names, labels or both."""

    names: Annotated[tuple[Glob, ...], Field(min_length=1)] | None = None
    """Names; `*` stands for any characters."""
    selector: Selector | None = None

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if self.names is None and self.selector is None:
            raise refused('chooses nothing: write names, such as ["*"], or a selector')
        return self


class MatchItem(Shape):
    """One item of `match`; all its keys must hold."""

    namespaces: Choice | None = None
    packages: Choice | None = None
    clusters: Annotated[tuple[ClusterGlob, ...], Field(min_length=1)] | None = None
    """Names of clusters, as agents are given by `--cluster`."""

    @model_validator(mode="after")
    def _restricts(self) -> Self:
        if self.namespaces is None and self.packages is None and self.clusters is None:
            raise refused(
                'an empty item would match everything: write packages: {names: ["*"]} to mean that'
            )
        return self


def _not_empty(items: tuple[MatchItem, ...]) -> tuple[MatchItem, ...]:
    if not items:
        raise refused('is empty: write at least one item, such as - packages: {names: ["*"]}')
    return items


Matches = Annotated[
    tuple[MatchItem, ...], AfterValidator(_not_empty), Field(json_schema_extra={"minItems": 1})
]
"""Items are alternatives; an empty list is an error."""


def _grades(grades: tuple[Grade, ...]) -> tuple[Grade, ...]:
    if not grades:
        raise refused("is empty: write [All] or some of the grades")
    return grades


Grades = Annotated[
    tuple[Grade, ...], AfterValidator(_grades), Field(json_schema_extra={"minItems": 1})
]


def matches(items: Iterable[MatchItem] | None, namespace: str) -> tuple[Match, ...]:
    """Return the values; left out in a namespace's own policy, it is that namespace."""
    if items is None:
        return (Match(namespaces=Subject(names=(namespace,))),)
    return tuple(
        Match(_subject(item.namespaces), _subject(item.packages), item.clusters or ())
        for item in items
    )


def _subject(choice: Choice | None) -> Subject | None:
    if choice is None:
        return None
    return Subject(choice.names or (), _selector(choice.selector))


def _selector(selector: Selector | None) -> LabelSelector | None:
    if selector is None:
        return None
    requirements = (Requirement(e.key, e.operator, e.values) for e in selector.match_expressions)
    return LabelSelector(tuple(selector.match_labels.items()), tuple(requirements))
