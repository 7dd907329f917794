"""What of GitHub's trouble is waited out, and what is handed on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from infrastructure.forge.github import GitHubError, GitHubUnavailable, MissingRight, Patience, RateLimited


class Answers:
    """Raises what it is given, one at a time, and then answers."""

    def __init__(self, *errors: GitHubError) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_trouble_that_passes_is_waited_out() -> None:
    answers = Answers(GitHubUnavailable(pause_s=0), GitHubUnavailable(pause_s=0))

    assert await Patience(10).run(lambda: answers()) == "done"
    assert answers.asked == 3


async def test_it_waits_as_long_as_github_asks() -> None:
    begun = time.monotonic()

    await Patience(10).run(Answers(RateLimited(until=datetime.now(UTC) + timedelta(seconds=0.4))))

    assert time.monotonic() - begun >= 0.4


async def test_a_pause_beyond_the_patience_is_handed_on_at_once() -> None:
    until = datetime.now(UTC) + timedelta(seconds=60)
    answers = Answers(RateLimited(until=until))
    begun = time.monotonic()

    with pytest.raises(RateLimited) as caught:
        await Patience(10).run(answers)

    assert caught.value.until == until
    assert answers.asked == 1
    assert time.monotonic() - begun < 5


async def test_trouble_that_stays_is_handed_on_after_a_few_attempts() -> None:
    answers = Answers(*[GitHubUnavailable(pause_s=0) for _ in range(20)])

    with pytest.raises(GitHubUnavailable):
        await Patience(100).run(answers)

    assert answers.asked == 5


async def test_a_refusal_is_not_tried_again() -> None:
    answers = Answers(MissingRight())

    with pytest.raises(MissingRight):
        await Patience(10).run(answers)

    assert answers.asked == 1
