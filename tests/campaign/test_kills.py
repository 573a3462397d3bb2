"""Killed at every crossing of a border, and at a spread of pairs: nothing changes but time."""

from __future__ import annotations

import pytest

from campaign.kills import Reference, distinct, reference, seconds, singles, told

CHUNKS = 12
"""Of all kills, so that several workers share them."""
PAIRED = 8
"""Every so manieth kill of a chunk is followed by a second one."""


@pytest.fixture(scope="module", name="plain")
def _plain(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Tell the story without a fault."""
    return reference(tmp_path_factory.mktemp("agent"))


def test_the_story_meets_what_a_crash_is_hard_on(plain: Reference) -> None:
    """Without a fault it replaces a Job and a Service, moves one object, and prunes the others."""
    assert plain.happened == {
        "ConfigMap settings is made": 1,
        "ConfigMap old is made": 1,
        "ConfigMap old is deleted": 1,
        "ConfigMap other is made": 1,
        "ConfigMap other is deleted": 1,
        "Deployment web is made": 1,
        "Deployment web is deleted": 1,
        "Job migrate is made": 2,
        "Job migrate is deleted": 2,
        "Service web is made": 2,
        "Service web is deleted": 2,
    }


def test_kills_that_leave_the_same_world_are_tried_once(plain: Reference) -> None:
    """What is not tried came at the same instant as a kill that is, with no write between."""
    tried = {next(iter(plan.items())) for plan in distinct(plain)}
    whole = {next(iter(plan.items())) for plan in singles(plain.crossings)}
    assert len(plain.crossings) * 2 == len(whole) > len(tried) > len(plain.crossings) / 2
    assert tried < whole


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_killed_anywhere_it_ends_as_if_nothing_had_happened(
    chunk: int, plain: Reference, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No promise is broken, everything is made and deleted as often as without a kill.

    Some die a second time, soon after the restart or long after it.
    """
    folder = tmp_path_factory.mktemp("agent")
    plans = list(distinct(plain))[chunk::CHUNKS]
    assert plans
    for number, plan in enumerate(plans):
        story = told(folder, plan)
        assert (story.world.deaths, list(plain.broken(story))) == (1, []), plan
        if number % PAIRED == chunk % PAIRED:
            pairs = list(seconds(plan, story))
            pair = pairs[(7 * number + chunk) % len(pairs)] if pairs else {}
            again = told(folder, pair)
            assert list(plain.broken(again)) == [], pair
            assert again.world.deaths == len(pair)
