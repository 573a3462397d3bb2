"""Facts files: what is written replays to the same decision, and holds no Secret."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from facts_builder import (
    COMMIT,
    PAYMENTS,
    facts_of,
    inventory_of,
    later,
    lively,
    remembered,
    removed,
    synced,
    wanted,
)

from agent.core.decide import decide
from agent.core.encode import pack
from agent.core.live import unpack
from agent.core.ownership import expected
from agent.core.policies import AgentPolicy, Match, Override, Subject, Suspension, SyncWindow
from agent.core.record import RecordError, dump, load
from agent.core.schema import from_openapi
from agent.core.values import (
    Accepted,
    Answer,
    Ask,
    Found,
    GroupKind,
    KindInfo,
    NamespaceFacts,
    NotThere,
    Policies,
    Reason,
    Rejected,
    Root,
    Unknown,
)
from agent.core.windows.schedule import (
    Calendar,
    CalendarEvent,
    Cron,
    Effect,
    Once,
    Rule,
    Schedule,
    Span,
    Weekday,
)

if TYPE_CHECKING:
    from agent.core.values import Decision, Facts

KEY = b"a key that stays here"
PASSWORD = "correct horse battery staple"  # noqa: S105
NAIVE = datetime(2026, 12, 5, 8)  # noqa: DTZ001 - local time of a schedule

SCHEDULE = Schedule(
    Effect.DENY,
    "Europe/Berlin",
    recurring=(
        Span(60, 120, (Weekday.Mon,)),
        Cron("0 22 L * *", timedelta(hours=6)),
        Rule("FREQ=MONTHLY;BYDAY=2SA", 480, 720),
    ),
    once=(Once(NAIVE, NAIVE + timedelta(hours=2), "DC move"),),
    valid_from=date(2026, 11, 1),
    except_dates=(date(2026, 12, 24),),
    except_calendars=(
        Calendar("de.ics", "sha256:1", (CalendarEvent(NAIVE, NAIVE, added=(NAIVE,)),)),
    ),
)
MATCH = (Match(packages=Subject(names=("pay*",))),)
POLICIES = Policies(
    windows=(SyncWindow("nights", SCHEDULE, MATCH),),
    suspensions=(Suspension("move", MATCH, "CHG-1", until=later(hours=1)),),
    overrides=(
        Override("now", ("shop/*",), ("Budget",), "asked", later(hours=2), plan="sha256:x"),
    ),
    agent=AgentPolicy("Europe/Berlin", 5),
)
# A kind that contains itself, as JSONSchemaProps does.
PROPS = {"type": "object", "properties": {"not": {"$ref": "#/components/schemas/Props"}}}
DOCUMENT: dict[str, Any] = {
    "components": {
        "schemas": {
            "Props": PROPS,
            "Deployment": {
                "type": "object",
                "properties": {
                    "spec": {"$ref": "#/components/schemas/Props"},
                    "ports": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                    },
                },
                "x-kubernetes-group-version-kind": [
                    {"group": "apps", "version": "v1", "kind": "Deployment"}
                ],
            },
        }
    }
}


def told(decision: Decision) -> object:
    """What a decision comes to, without the digests that tokens change."""
    steps = [
        (s.key, s.action, [(c.path, c.cause) for c in s.changes], s.refusal, s.notice, s.reason)
        for s in decision.plan.steps
    ]
    verdict = decision.verdict
    effects = [(type(e).__name__, getattr(e, "key", None)) for e in decision.effects]
    admitted = [step.key for step in verdict.admitted]
    return steps, admitted, verdict.held, verdict.next, effects, len(decision.questions)


def web_facts() -> Facts:
    """Give facts in which every kind of field is used."""
    web, job = wanted("Deployment", "web", spec={"replicas": 2}), wanted("Job", "migrate")
    key = job.key
    answers = (
        Answer(web.key, Ask.APPLY, web.digest, Accepted("sha256:e"), "uid-web"),
        Answer(key, Ask.APPLY, job.digest, Rejected(422, "Invalid", "no"), "uid-migrate"),
        Answer(key, Ask.READ, job.digest, Found(lively(job))),
        Answer(key, Ask.CREATE, job.digest, NotThere()),
    )
    return synced(
        web,
        job,
        policies=POLICIES,
        answers=answers,
        root=Root("u", "1", 3, since={"tidegate.io/suspend": later(minutes=-5)}),
        namespaces={"shop": NamespaceFacts("shop", exists=True, labels={"env": "prod"})},
        kinds={GroupKind("apps", "Deployment"): KindInfo("apps", "Deployment", "d", True, ("v1",))},  # noqa: FBT003
        claims={web.key: (PAYMENTS,)},
        scaled=frozenset({web.key}),
        removed_together=(PAYMENTS,),
    )


def test_facts_come_back_as_they_were():
    """Every field, schedules and unions too, survives the file."""
    facts = web_facts()

    assert load(dump(facts, KEY)) == facts


@pytest.mark.parametrize(
    "facts",
    [
        facts_of(wanted("Deployment", "web")),
        removed(wanted("Deployment", "web")),
        facts_of(new=Unknown(Reason.RENDER_FAILED, "no such folder", commit=COMMIT)),
    ],
)
def test_small_facts_come_back_as_they_were(facts: Facts):
    """Nothing applied, left Git, can't be read: each is told apart."""
    assert load(dump(facts, KEY)) == facts


def test_a_schema_that_contains_itself_survives():
    """Nodes are written by number, so a knot stays a knot."""
    node = from_openapi(DOCUMENT)["apps/v1", "Deployment"]
    facts = facts_of(wanted("Deployment", "web"), schemas={("apps/v1", "Deployment"): node})

    again = load(dump(facts, KEY)).schemas["apps/v1", "Deployment"]

    spec = again.at("spec")
    assert spec.at("not").at("not") is spec.at("not")
    assert again.at("ports").list is not None
    assert again.at("ports").list.keys == ("name",)


def secret_facts(*, drifted: bool) -> Facts:
    """Give a Secret that is applied as Git wants it, or was changed live since."""
    secret = wanted("Secret", "login", data={"password": encoded(PASSWORD)})
    live = lively(secret)
    facts = synced(secret, live={secret.key: live})
    entry = remembered(secret, expected=expected(live, secret, facts))
    facts = replace(facts, inventory=inventory_of(secret, entries={secret.key: entry}))
    if drifted:
        changed = {**unpack(live), "data": {"password": encoded("changed by hand")}}
        facts = replace(facts, live={secret.key: replace(live, packed=pack(changed))})
    return facts


def encoded(text: str) -> str:
    """Return base64."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("drifted", [False, True])
def test_a_replay_with_secrets_decides_the_same(drifted: bool):  # noqa: FBT001
    """What was equal in Git and live is equal as tokens, what differed differs."""
    facts = secret_facts(drifted=drifted)

    assert told(decide(load(dump(facts, KEY)))) == told(decide(facts))


def test_no_secret_and_no_digest_of_one_is_in_the_file():
    """A short password could be guessed from a plain digest of the object it is in."""
    facts = secret_facts(drifted=True)
    (secret,) = facts.new.objects  # type: ignore[union-attr]

    written = dump(facts, KEY).decode()

    hidden = (PASSWORD, encoded(PASSWORD), encoded("changed by hand"), secret.digest)
    assert [each for each in hidden if each in written] == []


@pytest.mark.parametrize("drifted", [False, True])
def test_what_repeats_a_secret_is_hidden_too(drifted: bool):  # noqa: FBT001
    """An object with a Secret's value in it tells neither the value nor a digest of it."""
    secret = wanted("Secret", "login", data={"password": encoded(PASSWORD)})
    copy = wanted("ConfigMap", "copy", data={"url": f"db://{PASSWORD}@db", "plain": "word"})
    live = {one.key: lively(one) for one in (secret, copy)}
    facts = synced(secret, copy, live=live)
    entries = {
        one.key: remembered(one, expected=expected(live[one.key], one, facts))
        for one in (secret, copy)
    }
    facts = replace(facts, inventory=inventory_of(secret, copy, entries=entries))
    if drifted:
        changed = {**unpack(live[copy.key]), "data": {"url": PASSWORD, "plain": "other"}}
        live[copy.key] = replace(live[copy.key], packed=pack(changed))
        facts = replace(facts, live=live)

    written = dump(facts, KEY)

    hidden = (PASSWORD, encoded(PASSWORD), copy.digest)
    assert [each for each in hidden if each in written.decode()] == []
    assert told(decide(load(written))) == told(decide(facts))


def test_an_override_of_a_plan_with_secrets_still_names_it():
    """The plan's digest covers the Secret's; an Override bound to it passes in the replay too."""
    facts = facts_of(wanted("Secret", "login", data={"password": encoded(PASSWORD)}))
    plan = decide(facts).plan.digest
    override = Override("now", ("shop/*",), ("Budget",), "asked", later(hours=1), plan=plan)
    facts = replace(facts, policies=Policies(overrides=(override,)))

    again = load(dump(facts, KEY))

    assert again.policies.overrides[0].plan == decide(again).plan.digest != plan


def test_another_file_is_refused():
    """The message says which version this agent reads."""
    with pytest.raises(RecordError, match="this Tidegate reads"):
        load(b'{"schema": "tidegate.facts/v9"}')
    with pytest.raises(RecordError, match="not a record"):
        load(b"[]")
