"""A package that stays broken while its files change may be where an object went."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from facts_builder import COMMIT, PAYMENTS, declared, inventory_of, rendered, wanted

from agent.core.declared import Declared, Snapshot
from agent.core.values import PackageName, Reason, Unknown
from agent.passes.observe import _unrendered
from agent.passes.repository import _same

BROKEN = Unknown(Reason.RENDER_FAILED, "line 3", commit="1", content="sha256:a")


@pytest.mark.parametrize(
    ("newer", "same"),
    [
        (replace(BROKEN, commit="2"), True),
        (replace(BROKEN, content="sha256:b"), False),
        (replace(BROKEN, says="line 4"), False),
    ],
)
def test_a_broken_package_is_the_same_only_with_the_same_files(
    newer: Unknown, *, same: bool
) -> None:
    """Its message alone does not tell."""
    assert _same(BROKEN, newer) is same


LEDGER = PackageName("shop", "ledger")
WEB, OLD = wanted("ConfigMap", "web"), wanted("ConfigMap", "old")


def looked(*, then: str, dropped_before: bool = False) -> tuple[PackageName, ...]:
    """Ask whom objects may have moved to, where `then` is what the broken package was made of."""
    known = Declared(COMMIT, {name: declared(name) for name in (PAYMENTS, LEDGER)})
    snapshot = Snapshot(known, {PAYMENTS: rendered(WEB), LEDGER: BROKEN})
    world: Any = SimpleNamespace(source=SimpleNamespace(content=lambda *_: then))
    base = rendered(WEB) if dropped_before else rendered(WEB, OLD)
    return _unrendered(PAYMENTS, snapshot, inventory_of(WEB, OLD), base, world)


def test_what_was_broken_all_along_took_nothing() -> None:
    """Its files are those it had when this package was applied: the neighbours go on."""
    assert looked(then=BROKEN.content) == ()


def test_what_changed_since_may_have_taken_it() -> None:
    """Also if it was broken before."""
    assert looked(then="sha256:z") == (LEDGER,)


def test_of_what_was_dropped_earlier_nobody_knows_when() -> None:
    """The revision applied last did not want it any more: nothing rules out a move."""
    assert looked(then=BROKEN.content, dropped_before=True) == (LEDGER,)


def test_a_declaration_that_is_invalid_may_have_taken_it() -> None:
    """Nobody knows where its files are."""
    known = Declared(COMMIT, {PAYMENTS: declared(PAYMENTS)}, invalid={LEDGER: ()})
    snapshot = Snapshot(known, {PAYMENTS: rendered(WEB)})
    world: Any = SimpleNamespace(source=None)
    found = _unrendered(PAYMENTS, snapshot, inventory_of(WEB, OLD), rendered(WEB, OLD), world)
    assert found == (LEDGER,)
