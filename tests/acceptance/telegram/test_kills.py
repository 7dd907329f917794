"""Bot and worker are killed at random moments: everything is said once, done once, and told to the end.

The variable KILLS makes more kills than a check before a merge has time for, and
KILLS_SEED repeats those of another run.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.acceptance.main_job.killer import Killer
from tests.acceptance.telegram.waiting import STEP_S, all_sent, asked, press, said
from tests.fakes.telegram import Person, Telegram
from tests.installation import Installation

KILLS = int(os.environ.get("KILLS", "15"))
SEED = int(os.environ.get("KILLS_SEED", random.randrange(10_000)))


@pytest.fixture
def pair(installation: Installation) -> Iterator[Installation]:
    """An installation with a second bot that stands by, and a second worker."""
    with installation.running(workers=2, bots=2):
        yield installation


@pytest.mark.timeout(240 + 20 * KILLS)
async def test_whatever_is_killed_everything_is_said_once_and_told_to_the_end(
    pair: Installation, telegram: Telegram, ann: Person, ben: Person
) -> None:
    killer = Killer(pair, kills=KILLS, seed=SEED, victims={"bot": 4, "worker": 1})
    async with killer.at_large():
        lives = await asyncio.gather(_live(telegram, ann, killer), _live(telegram, ben, killer))
    print(dict(killer.killed), telegram.transcript(ann))

    await all_sent(pair)
    for person, projects in zip((ann, ben), lives, strict=True):
        _check_everything_was_said_once(telegram, person, projects)
    await _check_each_message_is_a_row(pair, telegram, [ann, ben])
    await _check_deployments(pair, [name for projects in lives for name in projects])


async def _live(telegram: Telegram, person: Person, killer: Killer) -> list[str]:
    """Have one project after another made for as long as somebody kills."""
    made: list[str] = []
    while not killer.has_had_enough or not made:
        name = f"{person.first_name.lower()}-{len(made) + 1}"
        made.append(name)
        person.say(f"/new static-site {name}")
        await _approve(telegram, person, f"Build {name} from static-site?")
        await _approve(telegram, person, f"Deploy release 1 of {name}?")
        await said(telegram, person, f"of {name} is live")
    return made


async def _approve(telegram: Telegram, person: Person, question: str) -> None:
    message = await asked(telegram, person, question)
    press(person, message, "Approve")
    await telegram.until(lambda: not message.buttons, timeout=STEP_S, what=f"{question} without buttons")


def _check_everything_was_said_once(telegram: Telegram, person: Person, projects: list[str]) -> None:
    said = [message.text for message in telegram.messages(person, by_bot=True)]
    for name in projects:
        once = Counter(
            {
                "asked for the plan": _count(said, f"Build {name} from static-site?"),
                "asked for the release": _count(said, f"Deploy release 1 of {name}?"),
                "told the end": _count(said, f"of {name} is live"),
                "one progress": _count(said, f"Build {name} · run"),
            }
        )
        assert set(once.values()) == {1}, (name, once, said)


async def _check_each_message_is_a_row(
    installation: Installation, telegram: Telegram, people: list[Person]
) -> None:
    """Look whether what stands in the chats is what the outbox says, neither more nor less."""
    async with installation.ledgers() as tx:
        for person in people:
            cursor = await tx.execute(
                """
                SELECT message_id FROM outbox
                 WHERE chat_id = %s AND status = 'sent' AND content ->> 'type' <> 'toast' ORDER BY message_id
                """,
                [person.id],
            )
            rows = [row[0] for row in await cursor.fetchall()]
            assert rows == [message.id for message in telegram.messages(person, by_bot=True)]


async def _check_deployments(installation: Installation, names: list[str]) -> None:
    async with installation.ledgers() as tx:
        cursor = await tx.execute(
            """
            SELECT projects.name, count(*) FROM deployments JOIN projects ON projects.id = project_id
             WHERE status = 'succeeded' GROUP BY 1
            """
        )
        assert dict(await cursor.fetchall()) == dict.fromkeys(names, 1)


def _count(texts: list[str], words: str) -> int:
    return sum(words in text for text in texts)
