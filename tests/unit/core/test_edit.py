"""Edits change what was asked for and leave every other byte alone."""

from __future__ import annotations

from datetime import UTC, datetime
from difflib import unified_diff

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.edit import (
    override_document,
    set_annotations,
    suspension_document,
    without_document,
)
from agent.core.errors import DeclarationError
from agent.core.kinds.documents import parse
from agent.core.kinds.positions import compose, plain
from agent.core.kinds.shape import Site
from agent.core.policies import (
    LabelSelector,
    Match,
    OnExpiry,
    Operator,
    Override,
    Requirement,
    Subject,
    Suspension,
)
from agent.core.values import Grade, Origin

FILE = """\
# Payments and its cache.
---
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata:
    name:   cache      # odd spacing stays
    namespace: shop
spec: {source: {path: ./cache}}

---   # the second one
apiVersion: tidegate.io/v1alpha1
kind: Package
metadata:
  name: payments
  namespace: shop
  annotations:
    example.org/note: |
      two
      lines
    tidegate.io/suspend: 'false'   # was true in May
    # last words
  labels: {tier: backend}

spec:
  source: {path: "./manifests"}
"""


def changes(before: str, after: str) -> list[str]:
    """Return the lines that differ, as `-old` and `+new`."""
    lines = unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def edited(text: str, name: str = "shop/payments", **values: str | None) -> list[str]:
    """Return what setting `tidegate.io/…` annotations changes."""
    names = {f"tidegate.io/{key.replace('_', '-')}": value for key, value in values.items()}
    return changes(text, set_annotations(text, "Package", name, names))


def test_a_value_is_replaced_in_place():
    """Only the value changes; the comment behind it stays."""
    assert edited(FILE, suspend="true") == [
        "-    tidegate.io/suspend: 'false'   # was true in May",
        '+    tidegate.io/suspend: "true"   # was true in May',
    ]


def test_a_new_annotation_follows_the_last():
    """It is indented as its neighbours are."""
    assert edited(FILE, suspend_by='Ada "A" <a@example.org>') == [
        '+    tidegate.io/suspend-by: "Ada \\"A\\" <a@example.org>"'
    ]


def test_the_first_annotation_brings_its_mapping():
    """Where there are none, `annotations` is added at the end of metadata."""
    assert edited(FILE, name="shop/cache", suspend="true") == [
        "+    annotations:",
        '+      tidegate.io/suspend: "true"',
    ]


def test_an_annotation_is_removed_whole():
    """Its line goes, the others stay."""
    assert edited(FILE, suspend=None) == ["-    tidegate.io/suspend: 'false'   # was true in May"]


def test_suspending_and_resuming_leaves_no_trace():
    """What was added is taken away again, the mapping with it."""
    names = ("tidegate.io/suspend", "tidegate.io/suspend-reason")
    suspended = set_annotations(FILE, "Package", "shop/cache", dict.fromkeys(names, "x"))
    assert set_annotations(suspended, "Package", "shop/cache", dict.fromkeys(names)) == FILE


def test_a_block_of_text_is_replaced_by_its_new_value():
    """The lines of a block scalar go together."""
    text = set_annotations(FILE, "Package", "shop/payments", {"example.org/note": "one"})
    assert changes(FILE, text) == [
        "-    example.org/note: |",
        "-      two",
        "-      lines",
        '+    example.org/note: "one"',
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("{name: a}", '{name: a, annotations: {tidegate.io/suspend: "true"}}'),
        ("{name: a, annotations: {}}", '{name: a, annotations: {tidegate.io/suspend: "true"}}'),
        (
            "{name: a, annotations: {b: c}, x: y}",
            '{name: a, annotations: {b: c, tidegate.io/suspend: "true"}, x: y}',
        ),
        (
            "{annotations: {tidegate.io/suspend: x}, name: a}",
            '{annotations: {tidegate.io/suspend: "true"}, name: a}',
        ),
        (
            "\n  name: a\n  annotations:",
            '\n  name: a\n  annotations:\n    tidegate.io/suspend: "true"',
        ),
        (
            "\n  name: a\n  annotations: null",
            '\n  name: a\n  annotations:\n    tidegate.io/suspend: "true"',
        ),
        (
            "\n  annotations: {}\n  name: a",
            '\n  name: a\n  annotations:\n    tidegate.io/suspend: "true"',
        ),
        (
            "\n  annotations: {b: c}\n  name: a",
            '\n  annotations: {b: c, tidegate.io/suspend: "true"}\n  name: a',
        ),
    ],
)
def test_every_layout_of_metadata_is_understood(metadata: str, expected: str):
    """Braces or lines, empty or null."""
    text = f"apiVersion: tidegate.io/v1alpha1\nkind: Package\nmetadata: {metadata}\nspec: {{}}\n"
    changed = set_annotations(text, "Package", "a", {"tidegate.io/suspend": "true"})
    assert changed == text.replace(metadata, expected)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("{name: a, annotations: {x: y}}", "{name: a}"),
        ("{annotations: {x: y}, name: a}", "{name: a}"),
        ("{name: a, annotations: {x: y, z: w}}", "{name: a, annotations: {z: w}}"),
        ("{name: a, annotations: {z: w, x: y}}", "{name: a, annotations: {z: w}}"),
        ("\n  annotations:\n    x: y\n  name: a", "\n  name: a"),
    ],
)
def test_removing_leaves_nothing_behind(metadata: str, expected: str):
    """No empty mapping, no stray comma."""
    text = f"apiVersion: tidegate.io/v1alpha1\nkind: Package\nmetadata: {metadata}\nspec: {{}}\n"
    assert set_annotations(text, "Package", "a", {"x": None}) == text.replace(metadata, expected)


def test_a_file_without_a_last_newline_and_with_windows_lines():
    """Line ends are kept as they are."""
    text = "apiVersion: tidegate.io/v1alpha1\r\nkind: Package\r\nmetadata:\r\n  name: a"
    assert set_annotations(text, "Package", "a", {"x": "y"}) == (
        f'{text}\r\n  annotations:\r\n    x: "y"\r\n'
    )


def test_what_cannot_be_edited_safely_is_refused():
    """An anchor that others use is not broken."""
    text = (
        "apiVersion: tidegate.io/v1alpha1\nkind: Package\n"
        "metadata: {name: a, annotations: {x: &v y}, labels: {x: *v}}\n"
    )
    with pytest.raises(DeclarationError, match="edit the file by hand"):
        set_annotations(text, "Package", "a", {"x": "z"})


def test_what_is_not_there_cannot_be_edited():
    """The message says what was looked for."""
    with pytest.raises(DeclarationError, match="Package shop/x is not declared in this file"):
        set_annotations(FILE, "Package", "shop/x", {"x": "y"})


@settings(deadline=None, max_examples=60)
@given(
    value=st.text(
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\ufffe\uffff")
    )
)
def test_any_text_is_a_value(value: str):
    """Whatever is written is what is read back."""
    text = set_annotations(FILE, "Package", "shop/cache", {"tidegate.io/suspend-reason": value})
    document = plain(next(iter(compose(text))))
    assert document["metadata"]["annotations"] == {"tidegate.io/suspend-reason": value}


def test_a_document_is_removed_from_its_file():
    """The others stay byte for byte; an only one leaves nothing."""
    first, _, second = FILE.partition("---   # the second one")
    assert without_document(FILE, "Package", "shop/payments") == first
    assert without_document(FILE, "Package", "shop/cache") == f"---   # the second one{second}"
    assert without_document(first, "Package", "shop/cache") == ""


def test_a_suspension_is_written_for_people():
    """Short, in the order people read, and the same value when it is read back."""
    suspension = Suspension(
        name="db-migration",
        match=(
            Match(Subject(("a",), LabelSelector((("env", "prod"),))), None, ("p*",)),
            Match(
                None,
                Subject(
                    ("pa*",),
                    LabelSelector((), (Requirement("t", Operator.EXISTS),)),
                ),
            ),
        ),
        reason='CHG-1234: move to "Postgres" 18',
        holds=frozenset({Grade.UPGRADES, Grade.PRUNE}),
        until=datetime(2026, 11, 21, 6, tzinfo=UTC),
        on_expiry=OnExpiry.REVIEW,
        origin=Origin("policies/s.yaml", 1),
    )
    text = suspension_document(suspension)
    assert (
        text
        == """\
apiVersion: tidegate.io/v1alpha1
kind: Suspension
metadata:
  name: db-migration
spec:
  reason: "CHG-1234: move to \\"Postgres\\" 18"
  until: 2026-11-21T06:00:00+00:00
  onExpiry: Review
  holds: [Prune, Upgrades]
  match:
    - {namespaces: {names: ["a"], selector: {matchLabels: {env: "prod"}}}, clusters: ["p*"]}
    - {packages: {names: ["pa*"], selector: {matchExpressions: [{key: "t", operator: "Exists"}]}}}
"""
    )
    site = Site("policies/s.yaml", guarded=True)
    assert parse(text.encode(), site).policies[0].policy == suspension


def test_an_override_is_written_for_people():
    """It is the same value when it is read back."""
    override = Override(
        name="inc-1",
        packages=("shop/pay*",),
        passes=("Suspension", "Budget"),
        reason="INC-1",
        until=datetime(2026, 11, 21, 6, tzinfo=UTC),
        revision="0123456789",
        plan="sha256:abc",
        origin=Origin("policies/o.yaml", 1),
    )
    site = Site("policies/o.yaml", guarded=True)
    assert parse(override_document(override).encode(), site).policies[0].policy == override
