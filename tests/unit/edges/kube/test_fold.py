"""Field sets become ours without losing a member."""

from __future__ import annotations

from typing import Any

import pytest

from agent.edges.kube.fold import fold, union


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({}, {"f:a": {}}, {"f:a": {}}),
        ({"f:a": {}}, {"f:a": {}}, {"f:a": {}}),
        ({"f:a": {}}, {"f:a": {"f:b": {}}}, {"f:a": {".": {}, "f:b": {}}}),
        (
            {"f:a": {".": {}, "f:b": {}}},
            {"f:a": {".": {}, "f:c": {}}},
            {"f:a": {".": {}, "f:b": {}, "f:c": {}}},
        ),
    ],
)
def test_a_union_has_the_members_of_both(
    one: dict[str, Any], other: dict[str, Any], both: dict[str, Any]
) -> None:
    """A node that is a member itself stays one beside its children."""
    assert union(one, other) == both
    assert union(other, one) == both


def _entry(manager: str, operation: str, field: str, **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": {field: {}}, **more}


def test_fields_join_our_own_entry() -> None:
    """There is one Apply entry per manager."""
    entries = [_entry("tidegate", "Apply", "f:a"), _entry("kubectl", "Update", "f:b")]
    ours = {"manager": "tidegate", "operation": "Apply", "fieldsV1": {"f:a": {}, "f:b": {}}}
    assert fold(entries, ("kubectl",)) == [ours]


def test_the_status_a_manager_wrote_stays_its_own() -> None:
    """Subresources are other field sets."""
    entries = [_entry("kubectl", "Update", "f:status", subresource="status")]
    assert fold(entries, ("kubectl",)) is None


def test_nobody_else_is_folded() -> None:
    """Controllers keep what they own."""
    assert fold([_entry("hpa", "Update", "f:a")], ("kubectl",)) is None
