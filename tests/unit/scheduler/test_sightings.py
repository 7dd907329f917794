"""What is measured counts as wrong from one value on, and as well again below a lower one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.machine import Vitals
from scheduler.sightings import DISK, EXPIRY_DAYS, LOAD, MEMORY, Limit, of_machine
from shared.ledger.health import Aspect


@dataclass
class Machine:
    """A machine that is as a test says."""

    seen: Vitals
    answers: bool = True

    async def has_server(self) -> bool:
        return True

    async def manager_answers(self) -> bool:
        return self.answers

    async def vitals(self) -> Vitals:
        return self.seen


@given(st.sampled_from([DISK, MEMORY, LOAD, EXPIRY_DAYS]), st.lists(st.floats(-100, 100)))
def test_a_value_between_the_limits_changes_nothing(limit: Limit, values: list[float]) -> None:
    passed = False
    for value in values:
        before, passed = passed, limit.is_passed(value, was_passed=passed)
        if limit.clear <= value < limit.alarm:
            assert passed is before
        else:
            assert passed is (value >= limit.alarm)


@pytest.mark.parametrize(
    ("used", "unwell", "finding"),
    [
        (0.89, (), ""),
        (0.901, (), "90% used, 3.2 GB left"),
        (0.87, (Aspect.DISK,), "87% used, 3.2 GB left"),
        (0.84, (Aspect.DISK,), ""),
    ],
)
async def test_a_disk_is_full_at_nine_tenths_and_has_room_again_a_good_deal_later(
    used: float, unwell: tuple[Aspect, ...], finding: str
) -> None:
    sights = await of_machine(Machine(Vitals(used, 3_200_000_000, memory=0.5, load=0.5)), unwell)
    assert {sight.aspect: sight.finding for sight in sights if sight.finding} == (
        {Aspect.DISK: finding} if finding else {}
    )


async def test_everything_that_is_wrong_is_seen_at_once() -> None:
    sights = await of_machine(Machine(Vitals(0.99, 1, memory=0.97, load=9.0), answers=False), ())
    assert {sight.aspect: sight.finding for sight in sights} == {
        Aspect.MANAGER: "supervisord is silent",
        Aspect.DISK: "99% used, 1 byte left",
        Aspect.MEMORY: "97% used",
        Aspect.LOAD: "9.0 processes want each of them",
    }
