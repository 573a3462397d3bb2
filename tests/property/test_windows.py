"""Laws of the time engine, and a slow, obvious second opinion on its intervals."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.core.windows.decision import decide, preview
from agent.core.windows.intervals import intersect, merge, subtract, touches
from agent.core.windows.schedule import (
    EVERY_DAY,
    Cron,
    Effect,
    Interval,
    Once,
    Rule,
    Schedule,
    Span,
)
from agent.core.windows.timeline import active, intervals, next_edge

if TYPE_CHECKING:
    from random import Random

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@lru_cache
def changes(zone: str, year: int) -> tuple[date, ...]:
    """Days of a year on which the clocks of a zone change."""
    place = ZoneInfo(zone)
    days = [date(year, 1, 1) + n * DAY for n in range(366)]
    offsets = [datetime.combine(day, time(), place).utcoffset() for day in days]
    return tuple(
        day for day, (one, two) in zip(days, pairwise(offsets), strict=False) if one != two
    )


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, date]:
    """A zone and a day in 2007 to 2037, most often near a change of its clocks."""
    zone = draw(st.sampled_from(ZONES))
    year = draw(st.integers(2007, 2037))
    near = [day + n * DAY for day in changes(zone, year) for n in (-1, 0, 1)]
    any_day = st.dates(date(year, 1, 2), date(year, 12, 30))
    return zone, draw(st.sampled_from(near) if near else any_day)


# Times near midnight and the small hours are where clocks change.
clocks = st.one_of(st.integers(0, 240), st.integers(1380, 1439), st.integers(0, 1439))
spans = st.builds(
    Span,
    clocks,
    st.one_of(clocks, st.just(1440)),
    st.sets(st.sampled_from(EVERY_DAY), min_size=1).map(lambda days: tuple(sorted(days))),
)
durations = st.sampled_from([timedelta(minutes=20), timedelta(hours=1), timedelta(hours=26)])
fixed_crons = st.builds(
    Cron,
    st.sampled_from(["30 2 * * *", "0 0 * * *", "15 1,2,23 * * MON-FRI", "0 3 1 * SAT"]),
    durations,
)
wild_crons = st.builds(
    Cron,
    st.sampled_from(["*/20 2 * * *", "0 * * * *", "30 */2 L * *", "* * * * SUN"]),
    durations,
)
crons = st.one_of(fixed_crons, wild_crons)
rules = st.builds(
    Rule,
    st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,MO", "FREQ=MONTHLY;BYDAY=-1SU"]),
    clocks,
    st.one_of(clocks, st.just(1440)),
)
effects = st.sampled_from(list(Effect))


@st.composite
def schedules(draw: st.DrawFn, zone: str, day: date) -> Schedule:
    """Any schedule that has something to do near a day."""
    begin = datetime.combine(day, time()) + draw(clocks) * MINUTE
    once = Once(begin, begin + draw(st.integers(1, 3000)) * MINUTE)
    return Schedule(
        draw(effects),
        zone,
        tuple(draw(st.lists(st.one_of(spans, crons, rules), max_size=3))),
        draw(st.sampled_from([(), (once,)])),
        valid_from=draw(st.sampled_from([None, day])),
        valid_until=draw(st.sampled_from([None, day])),
        except_dates=draw(st.sampled_from([(), (day,)])),
    )


@st.composite
def several(draw: st.DrawFn) -> tuple[list[tuple[str, Schedule]], datetime]:
    """Up to four schedules of one zone and an instant near a change of its clocks."""
    zone, day = draw(moments())
    found = draw(st.lists(schedules(zone, day), max_size=4))
    at = datetime.combine(day, time(), UTC) + draw(st.integers(-1440, 2880)) * MINUTE
    return [(f"s{n}", schedule) for n, schedule in enumerate(found)], at


# --- a second opinion --------------------------------------------------------------------------


def obvious(effect: Effect, span: Span, zone: str, bounds: Interval) -> list[bool]:
    """Whether each minute is in the span, found by watching a clock go by minute by minute."""
    first = bounds.open - 3 * DAY
    count = (bounds.close + 4 * DAY - first) // MINUTE
    shown = [
        (first + n * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        for n in range(count)
    ]
    minutes = [False] * count
    for day in {wall.date() for wall in shown[1440:-2880]} | gone(shown):
        if day.weekday() not in span.days:
            continue
        start = datetime.combine(day, time()) + span.start * MINUTE
        lasts = (span.end - span.start) % 1440 or 1440
        end = start + lasts * MINUTE
        begins = next(n for n, wall in enumerate(shown) if wall >= start)
        ends = next(n for n, wall in enumerate(shown) if wall >= end)
        if effect is Effect.DENY and end in shown:
            ends = count - 1 - shown[::-1].index(end)
        minutes[begins:ends] = [True] * max(ends - begins, 0)
    return minutes[3 * 1440 : 3 * 1440 + (bounds.close - bounds.open) // MINUTE]


def gone(shown: list[datetime]) -> set[date]:
    """Days that a place left out altogether."""
    return {
        one.date() + n * DAY
        for one, two in pairwise(shown)
        for n in range(1, (two.date() - one.date()).days)
    }


@settings(deadline=None, max_examples=25)
@given(moments(), spans, effects)
@example(("Pacific/Apia", date(2011, 12, 30)), Span(1320, 360), Effect.ALLOW)
@example(("Europe/Berlin", date(2026, 10, 25)), Span(60, 150), Effect.DENY)
@example(("America/Havana", date(2026, 11, 1)), Span(1380, 1440), Effect.DENY)
def test_intervals_are_what_a_clock_on_the_wall_says(
    moment: tuple[str, date], span: Span, effect: Effect
):
    """The engine and the minute-by-minute oracle agree on every minute of three days."""
    zone, day = moment
    start = datetime.combine(day, time(), UTC) - DAY
    bounds = Interval(start, start + 3 * DAY)
    found = intervals(Schedule(effect, zone, (span,)), bounds.open, bounds.close)
    minutes = [
        any(piece.open <= bounds.open + n * MINUTE < piece.close for piece in found)
        for n in range(3 * 1440)
    ]
    assert minutes == obvious(effect, span, zone, bounds)


@settings(deadline=None, max_examples=25)
@given(moments(), fixed_crons)
@example(("Pacific/Apia", date(2011, 12, 31)), Cron("30 2 * * *", 5 * MINUTE))
def test_fixed_cron_starts_are_those_of_cronsim(moment: tuple[str, date], cron: Cron):
    """Fixed times are where CronSim, iterated forward, is right: nothing is added or left out."""
    zone, day = moment
    start = datetime.combine(day, time(), UTC) - DAY
    end = start + 3 * DAY
    begin = (start - cron.duration - 2 * DAY).astimezone(ZoneInfo(zone))
    expected = []
    for tick in CronSim(cron.expression, begin):
        opened = tick.astimezone(UTC)
        if opened >= end:
            break
        expected.append(Interval(max(opened, start), min(opened + cron.duration, end)))
    assert intervals(Schedule(Effect.ALLOW, zone, (cron,)), start, end) == merge(expected)


@settings(deadline=None, max_examples=30)
@given(moments(), wild_crons)
@example(("America/St_Johns", date(2010, 11, 7)), Cron("*/20 * * * *", 5 * MINUTE))
@example(("Australia/Lord_Howe", date(2026, 4, 5)), Cron("0 */2 * * *", 5 * MINUTE))
def test_other_cron_starts_follow_the_time_that_passes(moment: tuple[str, date], cron: Cron):
    """With `*` in the minute or hour, every minute shown that matches is a start."""
    zone, day = moment
    start = datetime.combine(day, time(), UTC) - DAY
    end = start + 3 * DAY
    match = CronSim(cron.expression, datetime(2000, 1, 1, tzinfo=UTC))
    first = start - cron.duration
    expected = []
    for n in range((end - first) // MINUTE):
        shown = (first + n * MINUTE).astimezone(ZoneInfo(zone))
        if (
            shown.minute in match.minutes
            and shown.hour in match.hours
            and match.match_day(shown.date())
        ):
            opened = first + n * MINUTE
            expected.append(Interval(max(opened, start), min(opened + cron.duration, end)))
    assert intervals(Schedule(Effect.ALLOW, zone, (cron,)), start, end) == merge(expected)


# --- laws --------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(several(), st.data())
def test_adding_a_deny_never_opens(
    case: tuple[list[tuple[str, Schedule]], datetime], data: st.DataObject
):
    """Whatever a Deny says, nothing that was closed becomes open."""
    named, at = case
    zone = named[0][1].zone if named else "UTC"
    deny = data.draw(schedules(zone, at.date()).filter(lambda s: s.effect is Effect.DENY))
    assert decide([*named, ("deny", deny)], at).open <= decide(named, at).open


@settings(deadline=None, max_examples=25)
@given(moments(), effects, st.integers(0, 1438), st.data())
def test_splitting_a_span_changes_nothing(
    moment: tuple[str, date], effect: Effect, start: int, data: st.DataObject
):
    """Two spans that touch are one, on every day of a year with its clock changes."""
    zone, day = moment
    end = data.draw(st.integers(start + 2, 1440)) if start < 1438 else 1440
    middle = data.draw(st.integers(start + 1, end - 1))
    begin = datetime.combine(day, time(), UTC)
    whole = Schedule(effect, zone, (Span(start, end),))
    split = Schedule(effect, zone, (Span(start, middle), Span(middle, end)))
    year = (begin, begin + 365 * DAY)
    assert intervals(split, *year) == intervals(whole, *year)


@settings(deadline=None, max_examples=25)
@given(several())
def test_nothing_changes_before_the_next_edge(case: tuple[list[tuple[str, Schedule]], datetime]):
    """An edge is later than now, nothing happens before it, and at it something does."""
    named, at = case
    for _, schedule in named:
        now = active(schedule, at) is not None
        edge = next_edge(schedule, at)
        if edge is None:
            continue
        assert edge > at
        assert (active(schedule, at + (edge - at) / 2) is not None) == now
        assert (active(schedule, edge - timedelta(microseconds=1)) is not None) == now
        assert (active(schedule, edge) is not None) != now


@settings(deadline=None, max_examples=25)
@given(several())
def test_the_decision_is_the_three_sentences(case: tuple[list[tuple[str, Schedule]], datetime]):
    """Any active Deny closes; no Allow is open; else one active Allow opens."""
    named, at = case
    answer = decide(named, at)
    now = [schedule.effect for _, schedule in named if active(schedule, at)]
    allows = any(schedule.effect is Effect.ALLOW for _, schedule in named)
    assert answer.open == (Effect.DENY not in now and (not allows or Effect.ALLOW in now))
    assert answer.because or answer.open


@settings(deadline=None, max_examples=25)
@given(several())
def test_the_answer_holds_until_it_says_so(case: tuple[list[tuple[str, Schedule]], datetime]):
    """A next opening is never past, and at `until` the answer is the other one."""
    named, at = case
    answer = decide(named, at)
    assert all(when is None or when > at for when in (answer.next_open, answer.next_close))
    if answer.until:
        assert decide(named, answer.until - timedelta(microseconds=1)).open == answer.open
        assert decide(named, answer.until).open != answer.open


@settings(deadline=None, max_examples=25)
@given(several())
def test_the_preview_agrees_with_the_decision(case: tuple[list[tuple[str, Schedule]], datetime]):
    """An instant is open exactly where an opening covers it that nothing hides."""
    named, at = case
    shown = preview(named, at - DAY, end=at + DAY)
    for hour in range(-23, 24, 3):
        then = at + timedelta(hours=hour)
        covered = any(o.open <= then < o.close and not o.hidden_by for o in shown)
        assert decide(named, then).open == covered


@settings(deadline=None, max_examples=25)
@given(several(), st.randoms(use_true_random=False))
def test_the_order_of_schedules_is_irrelevant(
    case: tuple[list[tuple[str, Schedule]], datetime], random: Random
):
    """Shuffled schedules give the same answer and the same reasons."""
    named, at = case
    one = decide(named, at)
    shuffled = random.sample(named, len(named))
    two = decide(shuffled, at)
    assert (one.open, one.until, set(one.because)) == (two.open, two.until, set(two.because))


pieces = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(
        lambda ends: Interval(*(datetime(2026, 1, 1, tzinfo=UTC) + n * DAY for n in sorted(ends)))
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=100)
@given(pieces, pieces)
def test_interval_sets_behave_as_sets(one: list[Interval], two: list[Interval]):
    """Union, difference and intersection agree with sets of days."""

    def days(intervals: list[Interval] | tuple[Interval, ...]) -> set[int]:
        return {day for p in intervals for day in range(p.open.toordinal(), p.close.toordinal())}

    merged, other = merge(one), merge(two)
    assert days(merged) == days(one)
    assert days(subtract(merged, other)) == days(one) - days(two)
    assert days(intersect(merged, other)) == days(one) & days(two)
    for piece in two:
        if piece.open < piece.close:
            assert touches(merged, piece) == bool(days(one) & days([piece]))
    for result in (merged, subtract(merged, other), intersect(merged, other)):
        assert merge(result) == result
