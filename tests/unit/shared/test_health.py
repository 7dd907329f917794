"""A state is one after several alike observations, and each change of it is told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.health import FAILURES, SUCCESSES, Aspect, Health, State

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
ASPECTS = st.sampled_from([aspect for aspect in Aspect if aspect.is_news])
LOOKS = st.lists(st.booleans() | st.just(value=False), max_size=60)
"""Whether something was seen to be wrong."""


def at(number: int) -> datetime:
    return BEGAN + timedelta(seconds=20 * number)


def watched(looks: Sequence[bool], aspect: Aspect = Aspect.SERVICE) -> list[Health]:
    """What is known after each look; what is to be told is told at once."""
    known, health = [], Health("project:1", aspect)
    for number, wrong in enumerate(looks):
        health = health.after("wrong" if wrong else "", at(number))
        known.append(health)
        health = health.told_now() if health.untold else health
    return known


def told(known: Sequence[Health]) -> list[State]:
    return [one.untold for one in known if one.untold]


@given(LOOKS, ASPECTS)
def test_nothing_is_told_twice_in_a_row_and_the_first_thing_is_that_something_is_wrong(
    looks: list[bool], aspect: Aspect
) -> None:
    states = told(watched(looks, aspect))
    assert all(one is not other for one, other in pairwise(states))
    assert states[:1] in ([], [aspect.worst])
    assert set(states) <= {State.UP, aspect.worst}


@given(LOOKS)
def test_a_blip_is_never_told(looks: list[bool]) -> None:
    """Whatever is told was seen so often in a row just before."""
    known = watched(looks)
    for number, one in enumerate(known):
        if one.untold is State.DOWN:
            assert looks[number - FAILURES + 1 : number + 1] == [True] * FAILURES
        if one.untold is State.UP:
            assert looks[number - SUCCESSES + 1 : number + 1] == [False] * SUCCESSES


@given(LOOKS)
def test_whatever_lasts_is_told(looks: list[bool]) -> None:
    after = watched([*looks, *[True] * FAILURES])
    assert after[-1].state is State.DOWN
    assert told(after)[-1] is State.DOWN
    after = watched([*looks, *[False] * SUCCESSES])
    assert after[-1].state is State.UP
    assert told(after)[-1:] in ([], [State.UP])


@given(LOOKS)
def test_a_state_is_as_old_as_the_first_look_that_led_to_it(looks: list[bool]) -> None:
    known = watched(looks)
    for state, group in groupby(enumerate(known), key=lambda one: one[1].state):
        alike = list(group)
        number, first = alike[0]
        assert {one.since for _, one in alike} == {first.since}
        if state is not None:
            led = FAILURES if state is State.DOWN else SUCCESSES
            assert first.since == at(number - led + 1)


@given(st.integers(0, 30))
def test_a_service_that_wavers_is_told_of_at_most_once(times: int) -> None:
    assert told(watched([True, True, False] * times)) == []
    assert told(watched([True] * FAILURES + [False, True] * times)) == [State.DOWN]


def test_what_could_not_be_told_is_told_later_if_it_is_still_so() -> None:
    health = Health("server:local", Aspect.DISK)
    for number in range(10):
        health = health.after("full", at(number))
    assert health.untold is State.DEGRADED
    assert health.told_now().untold is None
    assert health.after("", at(10)).after("", at(11)).untold is None, "nobody had heard of it"


def test_a_machine_with_much_to_do_is_known_and_not_told_of() -> None:
    known = watched([True] * FAILURES, Aspect.LOAD)
    assert known[-1].state is State.DEGRADED
    assert told(known) == []


def test_it_is_known_before_that_the_next_failure_counts() -> None:
    health = Health("project:1", Aspect.SERVICE)
    foreseen = []
    for number in range(FAILURES + 1):
        foreseen.append(health.is_about_to_fail("wrong"))
        health = health.after("wrong", at(number))
    assert foreseen == [False, False, True, False]
