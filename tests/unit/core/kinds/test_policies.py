"""What policies may say, and how their mistakes are told."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from agent.core.kinds.documents import parse
from agent.core.kinds.parsed import PolicyDocument
from agent.core.kinds.shape import Site
from agent.core.policies import (
    AgentPolicy,
    LabelSelector,
    Match,
    OnClose,
    OnExpiry,
    Operator,
    Override,
    OverridePolicy,
    Requirement,
    Subject,
    Suspension,
    SyncWindow,
)
from agent.core.values import Grade, Origin
from agent.core.windows.schedule import (
    EVERY_DAY,
    Cron,
    Effect,
    Once,
    Rule,
    Schedule,
    Span,
    Weekday,
)

CALENDAR = b"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//tests//
BEGIN:VEVENT
UID:1
SUMMARY:New Year
DTSTART;VALUE=DATE:20270101
DTEND;VALUE=DATE:20270102
END:VEVENT
END:VCALENDAR
"""
ONCE = "{from: 2026-12-05T08:00, to: 2026-12-05T18:00}"
MATCH = 'match: [{packages: {names: ["*"]}}]'


def document(
    kind: str, spec: str, path: str = "policies/p.yaml", metadata: str = "{name: p}"
) -> PolicyDocument:
    """Return the only policy of a file."""
    text = f"apiVersion: tidegate.io/v1alpha1\nkind: {kind}\nmetadata: {metadata}\nspec:\n{spec}\n"
    calendars = {"policies/calendars/de.ics": CALENDAR}
    site = Site(path, guarded=path.startswith("policies/"), read=calendars.get)
    return parse(text.encode(), site).policies[0]


def problems(kind: str, spec: str, **place: str) -> list[str]:
    """Return `line:column message` of each problem of a policy."""
    found = document(kind, spec, **place).problems
    return [f"{each.line}:{each.column} {each.message}" for each in found]


def test_a_window_becomes_a_value():
    """Every form of the reference is read; an unquoted 22:00 is a time, as YAML 1.2 says."""
    spec = """\
  effect: Allow
  description: CAB-approved nights
  timeZone: Europe/Berlin
  validFrom: 2026-11-01
  validUntil: 2027-11-01
  recurring:
    - {days: [Mon, Fri], from: 22:00, to: "05:00"}
    - {cron: "0 22 L * *", duration: 6h}
    - {rrule: "FREQ=MONTHLY;BYDAY=2SA", from: "08:00", to: "24:00"}
    - {from: "01:00", to: "02:00"}
  once:
    - {from: 2026-12-05T08:00, to: 2026-12-05T18:00, description: DC move}
  except: {dates: [2026-12-24]}
  holds: [Upgrades, Prune]
  match:
    - namespaces: {names: [shop, "team-*"], selector: {matchLabels: {env: prod}}}
      packages: {selector: {matchExpressions: [{key: tier, operator: NotIn, values: [canary]}]}}
      clusters: ["prod-*"]
  stopStartingBefore: 10m
  onClose: Stop
  closeGrace: 5m
  override: Never
"""
    assert document("SyncWindow", spec).policy == SyncWindow(
        name="p",
        schedule=Schedule(
            effect=Effect.ALLOW,
            zone="Europe/Berlin",
            recurring=(
                Span(1320, 300, (Weekday.Mon, Weekday.Fri)),
                Cron("0 22 L * *", timedelta(hours=6)),
                Rule("FREQ=MONTHLY;BYDAY=2SA", 480, 1440),
                Span(60, 120, EVERY_DAY),
            ),
            once=(Once(datetime(2026, 12, 5, 8), datetime(2026, 12, 5, 18), "DC move"),),  # noqa: DTZ001
            valid_from=date(2026, 11, 1),
            valid_until=date(2027, 11, 1),
            except_dates=(date(2026, 12, 24),),
        ),
        match=(
            Match(
                namespaces=Subject(("shop", "team-*"), LabelSelector((("env", "prod"),))),
                packages=Subject(
                    (),
                    LabelSelector((), (Requirement("tier", Operator.NOT_IN, ("canary",)),)),
                ),
                clusters=("prod-*",),
            ),
        ),
        holds=frozenset({Grade.UPGRADES, Grade.PRUNE}),
        description="CAB-approved nights",
        stop_starting_before=timedelta(minutes=10),
        on_close=OnClose.STOP,
        close_grace=timedelta(minutes=5),
        override=OverridePolicy.NEVER,
        origin=Origin("policies/p.yaml", 1),
    )


def test_calendars_are_files_of_the_repository():
    """A calendar is found beside the policy, and becomes part of the schedule."""
    spec = f"""\
  effect: Deny
  timeZone: UTC
  recurring: [{{from: "00:00", to: "24:00"}}]
  except: {{calendars: [calendars/de.ics]}}
  {MATCH}
"""
    window = document("SyncWindow", spec).policy
    assert isinstance(window, SyncWindow)
    assert [each.path for each in window.schedule.except_calendars] == ["policies/calendars/de.ics"]


def test_all_problems_of_a_window_are_told_at_once():
    """Times, zones, days, forms, matches and files: each with its value and what to write."""
    spec = """\
  effect: deny
  timeZone: Europe/Berln
  recurring:
    - {days: [Monday], from: 2200, to: 24:00}
    - {cron: "0 22 * *", duration: 6h, from: "22:00"}
    - {rrule: "FREQ=MONTHLY;BYDAY=2SA", to: "12:00"}
    - {from: "24:00", to: "01:00"}
  match: []
  except: {calendars: [x.ics]}
"""
    assert problems("SyncWindow", spec) == [
        (
            "5:11 spec.effect: `deny` is not a value of this field: write Allow or Deny; "
            "did you mean `Deny`?"
        ),
        (
            "6:13 spec.timeZone: 'Europe/Berln' is not a time zone: write an IANA name of a place "
            "such as Europe/Berlin, or UTC; did you mean Europe/Berlin?"
        ),
        (
            "8:15 spec.recurring[0].days[0]: `Monday` is not a day: write one of Mon, Tue, Wed, "
            "Thu, "
            "Fri, Sat, Sun"
        ),
        '8:30 spec.recurring[0].from: the number 2200 is not a time of day: write "22:00", quoted',
        (
            "9:14 spec.recurring[1].cron: cron '0 22 * *' needs five fields: minute, hour, day of "
            "month, month, day of week, such as 0 22 * * FRI"
        ),
        "9:46 spec.recurring[1].from does not go with cron: remove it",
        "10:7 spec.recurring[2].from is missing: an entry with rrule needs it",
        '11:14 spec.recurring[3].from: `24:00` is the end of a day: write "00:00" as the start',
        '12:10 spec.match: is empty: write at least one item, such as - packages: {names: ["*"]}',
        (
            "13:24 spec.except.calendars[0]: `x.ics` is no file of this revision: write its path "
            "from this file"
        ),
    ]


def test_a_window_that_never_opens_is_refused():
    """Without a time there is nothing to be open."""
    assert problems("SyncWindow", f"  effect: Allow\n  timeZone: UTC\n  {MATCH}") == [
        "4:1 the window is never active: write spec.recurring or spec.once"
    ]


def test_a_rule_that_counts_needs_a_beginning():
    """Every second week is meaningless without the week it begins with."""
    spec = f"""\
  effect: Allow
  timeZone: UTC
  recurring: [{{rrule: "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", from: "08:00", to: "09:00"}}]
  {MATCH}
"""
    found = problems("SyncWindow", spec)
    assert len(found) == 1
    assert "set validFrom" in found[0]


def test_a_suspension_becomes_a_value():
    """Instants keep the offset they were written with."""
    spec = f"""\
  {MATCH}
  reason: CHG-1234 move to Postgres 18
  from: 2026-11-20T06:00:00Z
  until: 2026-11-21T06:00:00+01:00
  onExpiry: Review
"""
    assert document("Suspension", spec).policy == Suspension(
        name="p",
        match=(Match(packages=Subject(("*",))),),
        reason="CHG-1234 move to Postgres 18",
        start=datetime(2026, 11, 20, 6, tzinfo=UTC),
        until=datetime(2026, 11, 21, 6, tzinfo=timezone(timedelta(hours=1))),
        on_expiry=OnExpiry.REVIEW,
        origin=Origin("policies/p.yaml", 1),
    )


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("  reason: x", "spec.until is missing: write when it ends, or indefinite: true"),
        ("  indefinite: true", "spec.reason is missing"),
        ("  {indefinite: true, reason: ' '}", "spec.reason: is empty: write a sentence"),
        (
            "  {reason: x, until: 2026-11-21T06:00:00}",
            (
                "spec.until: `2026-11-21T06:00:00` has no offset: write 2026-11-21T06:00:00+01:00, "
                "or 2026-11-21T06:00:00Z for UTC"
            ),
        ),
        (
            "  {reason: x, until: tomorrow}",
            (
                "spec.until: `tomorrow` is not an instant: write date, time and offset (RFC 3339), "
                "such as 2026-11-21T06:00:00+01:00"
            ),
        ),
        (
            "  {reason: x, until: 2026-11-21T06:00:00Z, indefinite: true}",
            "spec.indefinite: a suspension with until ends: keep one of them",
        ),
        (
            "  {reason: x, indefinite: true, holds: [Upgrade]}",
            (
                "spec.holds[0]: `Upgrade` is not a value of this field: write All, Apply, Prune, "
                "Drift, "
                "Upgrades or Jobs; did you mean `Upgrades`?"
            ),
        ),
    ],
)
def test_suspensions_that_are_refused(spec: str, says: str):
    """A suspension says why, and when it ends."""
    place = {"path": "teams/a/s.yaml", "metadata": "{name: p, namespace: a}"}
    assert [each.partition(" ")[2] for each in problems("Suspension", spec, **place)] == [says]


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("{}", "an empty item would match everything"),
        ("{packages: {}}", "chooses nothing"),
        ("{packages: {names: []}}", "spec.match[0].packages.names is empty"),
        ("{packages: {names: ['pay?']}}", "`*` is the only wildcard"),
        ("{packages: {selector: {}}}", "an empty selector would match everything"),
        (
            "{packages: {selector: {matchExpressions: [{key: a, operator: In}]}}}",
            "In needs values",
        ),
        (
            "{packages: {selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}}",
            "Exists takes no values",
        ),
        ("{pakages: {names: [a]}}", "unknown field `pakages`"),
    ],
)
def test_matches_that_would_surprise(item: str, says: str):
    """Nothing matches everything, or nothing, by accident."""
    found = problems("Suspension", f"  {{reason: x, indefinite: true, match: [{item}]}}")
    assert len(found) == 1
    assert says in found[0]


def test_an_override_becomes_a_value():
    """Packages, gates, the plan and the end are exact."""
    spec = """\
  packages: ["shop/pay*"]
  passes: [SyncWindow/prod-nights, Suspension, Budget]
  plan: sha256:abc
  until: 2026-11-21T06:00:00Z
  reason: INC-1
"""
    assert document("Override", spec).policy == Override(
        name="p",
        packages=("shop/pay*",),
        passes=("SyncWindow/prod-nights", "Suspension", "Budget"),
        reason="INC-1",
        until=datetime(2026, 11, 21, 6, tzinfo=UTC),
        plan="sha256:abc",
        origin=Origin("policies/p.yaml", 1),
    )


def test_overrides_that_are_refused():
    """What is passed is named exactly, and for a while only."""
    spec = "  {packages: [payments], passes: [Windows/x, History], reason: INC-1}"
    assert problems("Override", spec) == [
        "4:1 spec.revision is missing: passing History needs it",
        "4:1 spec.until is missing",
        "5:15 spec.packages[0]: `payments` is not namespace/name: write one such as shop/pay*",
        (
            "5:35 spec.passes[0]: `Windows/x` is no gate: write SyncWindow/<name>, "
            "Suspension/<name>, "
            "Suspension, History, Budget; did you mean `SyncWindow`?"
        ),
    ]


def test_agent_policy_becomes_a_value():
    """Limits are read; the rest keeps its default."""
    spec = """\
  timeZone: Europe/Berlin
  pruneBudget: {objects: 5}
  overrides: {maxDuration: 2h}
  staleSuspension: 7d
"""
    assert document("AgentPolicy", spec).policy == AgentPolicy(
        time_zone="Europe/Berlin",
        prune_objects=5,
        override_max=timedelta(hours=2),
        stale_suspension=timedelta(days=7),
        origin=Origin("policies/p.yaml", 1),
    )


def test_later_fields_of_agent_policy_are_refused():
    """Tenants and groups are named with the feature they come with."""
    found = problems(
        "AgentPolicy", "  {tenants: [], overrides: {groups: [a]}, pruneBudget: {percent: 101}}"
    )
    assert [each.partition(" ")[2] for each in found] == [
        "spec.tenants is not supported by this version of Tidegate (0.1); it comes with tenants",
        (
            "spec.overrides.groups is not supported by this version of Tidegate (0.1); it comes "
            "with "
            "overrides by group"
        ),
        (
            "spec.pruneBudget.percent: the number 101 is out of range: input should be less than "
            "or "
            "equal to 100"
        ),
    ]


@pytest.mark.parametrize("kind", ["Hibernation", "Approval"])
def test_later_kinds_are_refused(kind: str):
    """Kinds of later versions are policies that can't be used yet."""
    assert (
        "is not supported by this version of Tidegate (0.1); it comes with"
        in problems(kind, "  {}")[0]
    )


@pytest.mark.parametrize(
    ("kind", "spec", "metadata", "says"),
    [
        ("AgentPolicy", "{}", "{name: p}", "AgentPolicy is read from the policy path only"),
        (
            "SyncWindow",
            f"{{effect: Allow, timeZone: UTC, once: [{ONCE}], {MATCH}}}",
            "{name: p, namespace: a}",
            "outside the policy path a SyncWindow may only be Deny",
        ),
        (
            "Suspension",
            f"{{reason: x, indefinite: true, {MATCH}}}",
            "{name: p}",
            "outside the policy path a Suspension is for one namespace",
        ),
    ],
)
def test_outside_the_policy_path_little_may_be_declared(
    kind: str, spec: str, metadata: str, says: str
):
    """A team may hold its own namespace, and nothing else."""
    found = problems(kind, f"  {spec}", path="teams/a/p.yaml", metadata=metadata)
    assert len(found) == 1
    assert says in found[0]


def test_a_teams_own_suspension_is_about_its_namespace():
    """Without `match` it is the whole namespace, and never more than that."""
    found = document(
        "Suspension",
        "  {reason: x, indefinite: true}",
        path="teams/a/p.yaml",
        metadata="{name: p, namespace: a}",
    ).policy
    assert isinstance(found, Suspension)
    assert (found.scope, found.match) == ("a", (Match(namespaces=Subject(("a",))),))
