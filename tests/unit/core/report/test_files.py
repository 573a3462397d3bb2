"""The status branch: what one agent adds to what others wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import orjson
from facts_builder import COMMIT, holding, kept, later, result_of, synced, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.manifests import read
from agent.core.report.files import Telling, files, subject, trailers
from agent.core.report.judge import judge
from agent.core.report.text import escaped, yaml_of
from agent.core.report.transitions import advance, pushed
from agent.core.values import Hold, Inventory, Origin, PackageName, Reason, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.core.report.values import Report

WEB = wanted("Deployment", "web")
FACTS = synced(WEB)
STOPPED = Hold(
    "suspension",
    Reason.SUSPENDED,
    "package is suspended: INC-1 | see @ana",
    Origin("shop/payments.yaml", 7, COMMIT, "Ana <ana@example.com>"),
    later(hours=9),
)
SYNCED = judge(result_of(FACTS, kept(WEB)), FACTS.inventory)
SUSPENDED = judge(result_of(FACTS, kept(WEB), verdict=holding(STOPPED)), FACTS.inventory)
CACHE = PackageName("shop", "cache")


def _told(report: Report, *more: Report) -> tuple[Report, Inventory]:
    told = FACTS.inventory.told
    for number, each in enumerate((report, *more)):
        told = advance(told, each, later(minutes=number))
    last = (more or (report,))[-1]
    return last, replace(FACTS.inventory, package=last.package, told=told)


def _telling(*packages: tuple[Report, Inventory], **fields: object) -> Telling:
    return replace(Telling("prod-1", "default", COMMIT, packages), **fields)


def _merged(telling: Telling, existing: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    before = dict(existing or {})
    wanted_files = {**before, **files(telling, before, str)}
    return {path: content for path, content in wanted_files.items() if content is not None}


def _lines(content: bytes) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in content.splitlines()]


def _summary(tree: Mapping[str, bytes]) -> list[tuple[str, str]]:
    return [(one["name"], one["state"]) for one in orjson.loads(tree["status.json"])["packages"]]


def test_the_first_push_writes_every_file():
    """README, status, badge, one file per package, its history by month."""
    tree = _merged(_telling(_told(SUSPENDED)))
    assert sorted(tree) == [
        "README.md",
        "badge.svg",
        "history/shop/payments/2026-11.jsonl",
        "packages/shop/payments.yaml",
        "status.json",
    ]
    assert _lines(tree["history/shop/payments/2026-11.jsonl"]) == [
        {
            "instance": "default",
            "package": "shop/payments",
            "seq": 1,
            "time": "2026-11-20T12:00:00.000+00:00",
            "from": "",
            "to": "Suspended",
            "reason": "Suspended",
            "revision": COMMIT,
            "cause": "suspension shop/payments.yaml:7",
            "actor": "Ana <ana@example.com>",
        }
    ]


def test_the_same_state_again_changes_no_byte():
    """No clock inside: telling twice is telling once."""
    tree = _merged(_telling(_told(SUSPENDED)))
    assert _merged(_telling(_told(SUSPENDED)), tree) == tree


def test_a_package_file_reads_back_as_its_entry():
    """The summary is made from the files, so they hold all of it."""
    tree = _merged(_telling(_told(SUSPENDED)))
    (document,) = read(tree["packages/shop/payments.yaml"], "x").manifests
    (listed,) = orjson.loads(tree["status.json"])["packages"]
    told = dict(document.value)
    extras = {name: told.pop(name) for name in ("instance", "inventory", "since")}
    assert told == listed
    assert extras == {
        "instance": "default",
        "inventory": {"Deployment": 1},
        "since": "2026-11-20T12:00:00Z",
    }


def test_history_is_a_union_however_the_race_went():
    """What is there stays, what is missing is added, nothing is there twice."""
    first, second = _telling(_told(SYNCED)), _telling(_told(SYNCED, SUSPENDED))
    tree = _merged(second, _merged(first))
    path = "history/shop/payments/2026-11.jsonl"
    assert [line["seq"] for line in _lines(tree[path])] == [1, 2]
    other = replace(second, instance="blue")
    both = _lines(_merged(other, tree)[path])
    assert [(line["instance"], line["seq"]) for line in both] == [
        ("default", 1),
        ("default", 2),
        ("blue", 1),
        ("blue", 2),
    ]


def test_history_survives_a_lost_inventory():
    """Numbers that begin anew are other records: their time differs."""
    tree = _merged(_telling(_told(SYNCED, SUSPENDED)))
    again = replace(FACTS.inventory, told=advance(Inventory(CACHE).told, SYNCED, later(days=1)))
    path = "history/shop/payments/2026-11.jsonl"
    lines = _lines(_merged(_telling((SYNCED, again)), tree)[path])
    assert [line["seq"] for line in lines] == [1, 2, 1]


def test_what_is_in_git_already_is_not_written_again():
    """Only records that are not known to be pushed are looked at."""
    report, inventory = _told(SYNCED)
    done = replace(inventory, told=pushed(inventory.told, 1))
    assert "history/shop/payments/2026-11.jsonl" not in _merged(_telling((report, done)))


def test_other_agents_packages_stay_and_are_counted():
    """Summaries are made again from the merged files."""
    theirs = replace(_telling(_told(replace(SYNCED, package=CACHE))), instance="blue")
    tree = _merged(_telling(_told(SUSPENDED), known=frozenset({FACTS.package})), _merged(theirs))
    assert _summary(tree) == [("cache", "Synced"), ("payments", "Suspended")]
    assert orjson.loads(tree["status.json"])["packages"][0]["instance"] == "blue"


def test_a_package_that_is_gone_loses_its_file_and_keeps_its_history():
    """Only when it is known which packages there are."""
    tree = _merged(_telling(_told(SYNCED), _told(replace(SYNCED, package=CACHE))))
    unknown = _merged(_telling(_told(SYNCED)), tree)
    gone = _merged(_telling(_told(SYNCED), known=frozenset({FACTS.package})), tree)
    assert _summary(unknown) == [("cache", "Synced"), ("payments", "Synced")]
    assert _summary(gone) == [("payments", "Synced")]
    assert "packages/shop/cache.yaml" not in gone
    assert "history/shop/cache/2026-11.jsonl" in gone


def test_the_end_of_a_package_is_told_when_it_is_gone_already():
    """What was not pushed yet of a package that is over still becomes lines of its history."""
    _, departed = _told(replace(SYNCED, package=CACHE), replace(SUSPENDED, package=CACHE))
    telling = _telling(_told(SYNCED), known=frozenset({FACTS.package}), departed=(departed,))
    tree = _merged(telling)
    assert _summary(tree) == [("payments", "Synced")]
    lines = tree["history/shop/cache/2026-11.jsonl"].splitlines()
    assert [orjson.loads(line)["to"] for line in lines] == ["Synced", "Suspended"]
    assert subject(telling) == "prod-1: cache suspended, payments synced"


def test_a_restart_does_not_forget_what_was_told():
    """A package not looked at yet keeps its file; one that has none is Pending."""
    known = frozenset({FACTS.package, CACHE})
    tree = _merged(_telling(_told(SYNCED)))
    assert _summary(_merged(_telling(known=known), tree)) == [
        ("cache", "Pending"),
        ("payments", "Synced"),
    ]


def test_a_file_that_cannot_be_read_is_left_alone():
    """Somebody else's broken file breaks nothing of ours."""
    broken = {"packages/shop/cache.yaml": b"{{", "packages/README": b"x"}
    tree = _merged(_telling(_told(SYNCED), known=frozenset({FACTS.package})), broken)
    assert tree["packages/shop/cache.yaml"] == b"{{"
    assert _summary(tree) == [("payments", "Synced")]


def test_the_page_says_what_needs_whom():
    """Counts, what needs a person, holds with reason and end; markup in reasons is text."""
    failed = replace(
        SYNCED, package=CACHE, state=State.FAILED, reason=Reason.RENDER_FAILED, message="<b>"
    )
    page = _merged(_telling(_told(SUSPENDED), _told(failed)))["README.md"].decode()
    assert page.splitlines()[:12] == [
        "# prod-1",
        "",
        "![status](badge.svg)",
        "",
        "2 packages: 1 suspended, 1 failed. Revision seen: `a1b2c3d4a1b2`.",
        "",
        "## Needs you",
        "",
        "| Package | State | Why | What to do |",
        "| --- | --- | --- | --- |",
        (
            "| [shop/cache](packages/shop/cache.yaml) | ✖ Failed | \\<b\\> "
            "| `tidegate plan shop/cache` shows the error. |"
        ),
        "",
    ]
    assert (
        "| [shop/payments](packages/shop/payments.yaml) | Ana \\<ana\\@example.com\\> "
        "| package is suspended: INC-1 \\| see \\@ana | 2026-11-20T21:00:00Z |"
    ) in page


def test_the_badge_names_the_worst_state():
    """In words, not by colour alone, and it is valid XML."""
    failed = replace(SYNCED, package=CACHE, state=State.FAILED, reason=Reason.RENDER_FAILED)
    tree = _merged(_telling(_told(SYNCED), _told(failed)))
    root = ET.fromstring(tree["badge.svg"])  # noqa: S314 - what we made ourselves
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == "tidegate: 1 of 2 failed"


def test_the_subject_says_what_changed():
    """For people who read the log; without news it counts."""
    failed = replace(SYNCED, package=CACHE, state=State.FAILED)
    assert subject(_telling(_told(failed), _told(SUSPENDED))) == (
        "prod-1: cache failed, payments suspended"
    )
    report, inventory = _told(SYNCED)
    done = replace(inventory, told=pushed(inventory.told, 1))
    assert subject(_telling((report, done))) == "prod-1: 1 synced"


def test_the_trailers_carry_the_whole_commit():
    """Machines compare ids, not the first characters of them."""
    assert trailers(_telling(), "0.1.0") == {
        "Tidegate-Revision": COMMIT,
        "Tidegate-Cluster": "prod-1",
        "Tidegate-Instance": "default",
        "Tidegate-Version": "0.1.0",
    }


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), below, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["name", "reason", "until"]), json_values, min_size=1))
@settings(deadline=None, max_examples=80)
def test_yaml_reads_back_as_it_was(value: dict[str, object]):
    """Texts stay texts: `no`, `1e3`, `2026-11-20`, and whatever people write."""
    (document,) = read(yaml_of(value).encode(), "x").manifests
    assert document.value == value


def test_texts_that_look_like_something_else_stay_texts():
    """The words of YAML 1.1 and 1.2, numbers, dates."""
    value = {
        "a": ["y", "No", "1e3", "0777", "2026-11-20", "~", "=", "", "null", "a: b", "😀", "\x7f"]
    }
    (document,) = read(yaml_of(value).encode(), "x").manifests
    assert document.value == value


def test_markdown_shows_text_as_it_is():
    """No markup, no second line, no table cell more."""
    assert escaped("a|b\n# [x](y) <i> `c`\x07") == "a\\|b \\# \\[x\\]\\(y\\) \\<i\\> \\`c\\`"
