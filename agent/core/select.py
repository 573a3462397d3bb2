"""Globs and label selectors: which names and labels a declaration is about."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from agent.core.policies import LabelSelector, Match, Operator, Requirement, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.core.values import PackageName


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.split("*")))


def name_matches(globs: Iterable[str], name: str) -> bool:
    """Whether one of the globs (`*` stands for any characters) covers the name whole."""
    return any(_pattern(glob).fullmatch(name) for glob in globs)


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    present = requirement.key in labels
    match requirement.operator:
        case Operator.IN:
            return present and labels[requirement.key] in requirement.values
        case Operator.NOT_IN:
            return not present or labels[requirement.key] not in requirement.values
        case Operator.EXISTS:
            return present
        case Operator.DOES_NOT_EXIST:
            return not present


def labels_match(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Kubernetes' label selector semantics: all labels and all requirements hold.

    `NotIn` and `DoesNotExist` hold for an absent key (apimachinery `labels.Requirement`).
    """
    return all(labels.get(key) == value for key, value in selector.labels) and all(
        _holds(requirement, labels) for requirement in selector.requirements
    )


def _subject_matches(subject: Subject | None, name: str, labels: Mapping[str, str]) -> bool:
    if subject is None:
        return True
    if subject.names and not name_matches(subject.names, name):
        return False
    return subject.selector is None or labels_match(subject.selector, labels)


def by_labels(rules: Iterable[Match]) -> bool:
    """Whether any rule looks at the labels of packages."""
    return any(rule.packages is not None and rule.packages.selector is not None for rule in rules)


def matches(
    match: Iterable[Match],
    package: PackageName,
    labels: Mapping[str, str],
    namespace_labels: Mapping[str, str],
    cluster: str,
) -> bool:
    """Whether any item of `match` covers the package; inside one item every key must."""
    return any(
        _subject_matches(item.namespaces, package.namespace, namespace_labels)
        and _subject_matches(item.packages, package.name, labels)
        and (not item.clusters or name_matches(item.clusters, cluster))
        for item in match
    )
