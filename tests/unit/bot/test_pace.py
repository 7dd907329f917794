"""The pace on a clock that the test moves: never more than is allowed, and nobody is forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chats import is_group
from bot.pace import Limit, Limits, Pace, Waiting, Weight

CHATS = [1, 2, 3, -4, -5]
LIMITS = Limits(
    overall=Limit(5, 1.0),
    chat=Limit(1, 1.0),
    group=Limit(4, 10.0),
    progress=Limit(1, 1.5),
    progress_in_group=Limit(1, 6.0),
)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Wanted:
    """What the chats still want to be told, and what they were told."""

    pace: Pace
    clock: Clock
    left: dict[int, list[Weight]]
    since: dict[int, float] = field(default_factory=dict)
    under_way: list[tuple[float, int, Weight]] = field(default_factory=list)
    told: list[tuple[float, int, Weight]] = field(default_factory=list)
    """When a call arrived at Telegram, somewhere between its permission and its end."""

    def step(self, delay: float, arrives: float) -> bool:
        """Grant what may go, or move the clock to what happens next; False when all is done."""
        waiting = [
            Waiting(chat_id, weights[0], self.since.setdefault(chat_id, self.clock.now))
            for chat_id, weights in self.left.items()
            if weights and chat_id not in {chat for _, chat, _ in self.under_way}
        ]
        granted, soonest = self.pace.grant(waiting)
        for chat_id in granted:
            weight = self.left[chat_id].pop(0)
            self.since.pop(chat_id)
            self.told.append((self.clock.now + delay * arrives, chat_id, weight))
            self.under_way.append((self.clock.now + delay, chat_id, weight))
        if not granted:
            next_end = min((end for end, _, _ in self.under_way), default=float("inf"))
            if next_end == float("inf") and not waiting:
                return False
            assert min(next_end, self.clock.now + soonest) < float("inf"), "somebody waits for ever"
            self.clock.now = min(next_end, self.clock.now + soonest)
            for one in [one for one in self.under_way if one[0] <= self.clock.now]:
                self.under_way.remove(one)
                self.pace.end(one[1], one[2])
        return True


wishes = st.dictionaries(st.sampled_from(CHATS), st.lists(st.sampled_from(Weight), max_size=8))
delays = st.tuples(st.floats(0.001, 3.0), st.floats(0.0, 1.0))


@given(wishes, st.lists(delays, min_size=1, max_size=20))
def test_no_window_ever_holds_more_than_is_allowed_and_everybody_is_told(
    wishes: dict[int, list[Weight]], delays: list[tuple[float, float]]
) -> None:
    clock = Clock()
    wanted = Wanted(
        Pace(LIMITS, clock=clock), clock, {chat: list(weights) for chat, weights in wishes.items()}
    )
    steps = 0
    while wanted.step(*delays[steps % len(delays)]):
        steps += 1
        assert steps < 5000
    assert sum(map(len, wishes.values())) == len(wanted.told)
    _assert_within(LIMITS.overall, [at for at, _, _ in wanted.told])
    for chat_id in CHATS:
        told = [(at, weight) for at, chat, weight in wanted.told if chat == chat_id]
        _assert_within(LIMITS.chat, [at for at, _ in told])
        if is_group(chat_id):
            _assert_within(LIMITS.group, [at for at, _ in told])
        progress = LIMITS.progress_in_group if is_group(chat_id) else LIMITS.progress
        _assert_within(progress, [at for at, weight in told if weight is Weight.PROGRESS])


def _assert_within(limit: Limit, times: list[float]) -> None:
    times = sorted(times)
    for first, last in zip(times, times[limit.calls :], strict=False):
        assert last - first >= limit.seconds - 1e-6


def test_messages_go_before_edits_and_edits_before_progress() -> None:
    pace = Pace(Limits(overall=Limit(1, 1.0)), clock=Clock())
    waiting = [Waiting(1, Weight.PROGRESS, 0), Waiting(2, Weight.EDIT, 0), Waiting(3, Weight.MESSAGE, 0)]
    assert pace.grant(waiting)[0] == [3]


def test_what_has_waited_long_goes_before_what_matters_more() -> None:
    clock = Clock(100.0)
    pace = Pace(Limits(overall=Limit(1, 1.0)), clock=clock)
    waiting = [Waiting(1, Weight.PROGRESS, 80.0), Waiting(2, Weight.MESSAGE, 100.0)]
    assert pace.grant(waiting)[0] == [1]


def test_answers_are_counted_though_they_need_no_permission() -> None:
    clock = Clock()
    pace = Pace(Limits(overall=Limit(3, 1.0)), clock=clock)
    for _ in range(5):
        pace.begin(1)
        pace.end(1)
    assert pace.grant([Waiting(2, Weight.MESSAGE, 0)]) == ([], 1.0)
    clock.now = 1.0
    assert pace.grant([Waiting(2, Weight.MESSAGE, 0)])[0] == [2]


def test_a_permission_that_is_given_back_is_free_at_once() -> None:
    pace = Pace(Limits(overall=Limit(1, 1.0)), clock=Clock())
    assert pace.grant([Waiting(1, Weight.PROGRESS, 0)])[0] == [1]
    pace.withdraw(1, Weight.PROGRESS)
    assert pace.grant([Waiting(1, Weight.PROGRESS, 0)])[0] == [1]


@pytest.mark.parametrize(("chat_id", "distance"), [(1, 1.5), (-1, 6.0)])
def test_progress_keeps_its_distance_and_messages_need_not(chat_id: int, distance: float) -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.begin(chat_id, Weight.PROGRESS)
    pace.end(chat_id, Weight.PROGRESS)
    assert pace.grant([Waiting(chat_id, Weight.PROGRESS, 0)]) == ([], distance)
    assert pace.grant([Waiting(chat_id, Weight.MESSAGE, 0)]) == ([], 1.0)
