"""Several schedules together: the answer, its reasons, what comes next, the preview."""

from datetime import UTC, date, datetime

from agent.core.windows.decision import Because, Decision, Opening, Why, decide, next_open, preview
from agent.core.windows.schedule import Effect, Schedule, Span, Weekday

NIGHTS = Schedule(Effect.ALLOW, "UTC", (Span(1320, 300),))
NOON = Schedule(Effect.ALLOW, "UTC", (Span(720, 780),))
WEEKENDS = Schedule(Effect.DENY, "UTC", (Span(0, 1440, (Weekday.Sat, Weekday.Sun)),))
NEVER = Schedule(Effect.ALLOW, "UTC", (Span(0, 1440),), valid_until=date(2020, 1, 1))


def utc(text: str) -> datetime:
    """Read an instant of UTC, in November 2026: `20T22:00`, a Friday."""
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC)


def test_nothing_restricts():
    """No schedule at all is open, for ever."""
    assert decide([], utc("20T22:00")) == Decision(
        open=True, because=(), until=None, next_open=None, next_close=None
    )


def test_without_an_allow_it_is_open_until_a_deny():
    """Denies alone leave the rest open; a sleeping Deny is no reason."""
    assert decide([("weekends", WEEKENDS)], utc("20T22:00")) == Decision(
        open=True,
        because=(),
        until=utc("21T00:00"),
        next_open=utc("23T00:00"),
        next_close=utc("21T00:00"),
    )


def test_an_active_deny_closes_although_an_allow_is_active():
    """No priorities: the Deny wins, and it alone is the reason."""
    named = [("nights", NIGHTS), ("weekends", WEEKENDS)]
    assert decide(named, utc("21T01:00")) == Decision(
        open=False,
        because=(Because("weekends", Why.DENIES, utc("23T00:00")),),
        until=utc("23T00:00"),
        next_open=utc("23T00:00"),
        next_close=utc("23T05:00"),
    )


def test_all_reasons_are_given():
    """Denied, and outside of every Allow: each says until when."""
    named = [("nights", NIGHTS), ("weekends", WEEKENDS), ("noon", NOON)]
    assert decide(named, utc("21T10:00")).because == (
        Because("weekends", Why.DENIES, utc("23T00:00")),
        Because("nights", Why.OUTSIDE, utc("21T22:00")),
        Because("noon", Why.OUTSIDE, utc("21T12:00")),
    )


def test_one_active_allow_opens():
    """Another that is not active does no harm."""
    named = [("nights", NIGHTS), ("noon", NOON)]
    assert decide(named, utc("20T22:00")) == Decision(
        open=True,
        because=(Because("nights", Why.ALLOWS, utc("21T05:00")),),
        until=utc("21T05:00"),
        next_open=utc("21T12:00"),
        next_close=utc("21T05:00"),
    )


def test_never_is_none():
    """An Allow that has ended never opens: closed, with nothing to wait for."""
    assert decide([("old", NEVER)], utc("20T22:00")) == Decision(
        open=False,
        because=(Because("old", Why.OUTSIDE, None),),
        until=None,
        next_open=None,
        next_close=None,
    )


def test_the_next_opening_is_effective():
    """Noon on Saturday is denied; the next opening is that of the night to Monday."""
    assert next_open([NOON, WEEKENDS], utc("20T13:00")) == utc("23T12:00")


def test_the_preview_marks_what_is_hidden():
    """Denied parts stay in the list, with the name of what hides them."""
    named = [("nights", NIGHTS), ("weekends", WEEKENDS)]
    assert preview(named, utc("20T12:00"), count=3) == (
        Opening(utc("20T22:00"), utc("21T00:00"), ("nights",)),
        Opening(utc("21T00:00"), utc("21T05:00"), ("nights",), ("weekends",)),
        Opening(utc("21T22:00"), utc("22T05:00"), ("nights",), ("weekends",)),
        Opening(utc("22T22:00"), utc("23T00:00"), ("nights",), ("weekends",)),
        Opening(utc("23T00:00"), utc("23T05:00"), ("nights",)),
        Opening(utc("23T22:00"), utc("24T05:00"), ("nights",)),
    )


def test_the_preview_ends_where_asked():
    """An end cuts the last opening."""
    assert preview([("nights", NIGHTS)], utc("20T12:00"), end=utc("21T01:00")) == (
        Opening(utc("20T22:00"), utc("21T01:00"), ("nights",)),
    )


def test_the_preview_without_an_allow():
    """What no Allow names is open by itself."""
    assert preview([("weekends", WEEKENDS)], utc("20T12:00"), end=utc("22T12:00")) == (
        Opening(utc("20T12:00"), utc("21T00:00"), ()),
        Opening(utc("21T00:00"), utc("22T12:00"), (), ("weekends",)),
    )
