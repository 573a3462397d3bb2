"""An object waits for a namespace that somebody else is to make, instead of failing at it."""

from __future__ import annotations

import pytest
from facts_builder import PAYMENTS, facts_of, wanted

from agent.core.decide import decide
from agent.core.values import Dependency, NamespaceFacts, PackageName

SPACES = PackageName("platform", "spaces")
LATER = f"namespace shop does not exist yet: {SPACES} declares it (see dependsOn)"


@pytest.mark.parametrize(
    ("declared_by", "depends_on", "says"),
    [
        ((), (), "namespace shop neither exists nor is declared"),
        ((PAYMENTS,), (), ""),
        ((SPACES,), (SPACES,), ""),
        ((SPACES,), (), LATER),
    ],
)
def test_a_missing_namespace(
    declared_by: tuple[PackageName, ...], depends_on: tuple[PackageName, ...], says: str
):
    """What we make ourselves comes first in order; what others make comes when it comes."""
    facts = facts_of(
        wanted("ConfigMap", "web"),
        namespaces={"shop": NamespaceFacts("shop", exists=False, declared_by=declared_by)},
        dependencies=tuple(Dependency(name, ready=True) for name in depends_on),
    )
    (step,) = decide(facts).plan.steps
    assert (step.refusal.says if step.refusal else "") == says
