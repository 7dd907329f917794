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
from dataclasses import dataclass
from itertools import cycle

import pytest

from tests.acceptance.main_job.killer import Killer
from tests.acceptance.telegram.waiting import STEP_S, all_sent, asked, press, said
from tests.fakes.telegram import Group, Person, Telegram, Topic
from tests.fakes.telegram.front import Chatlike
from tests.forked import Forked
from tests.installation import Installation

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("KILLS_SEED", random.randrange(10_000)))
AT_LEAST = 2
"""Projects of each person, so that few kills, too, meet most kinds of conversation, and every kind some day."""
SLOW_S = 1.5
"""How long a slow document hangs: longer than its chat waits for it."""


@dataclass(frozen=True)
class Made:
    """A project, and where it was talked about."""

    name: str
    place: Chatlike
    files: int = 0
    """How many were sent with the wish for it."""


@dataclass(frozen=True)
class Scene:
    """Where people talk."""

    telegram: Telegram
    group: Group
    forum: Group

    async def wish(self, person: Person, kind: str, name: str) -> Made:
        """Have somebody wish for a project in one of the ways in which they can."""
        wish = f"/new static-site {name}"
        match kind:
            case "private":
                person.say(wish)
                return Made(name, person)
            case "document":
                person.send_document("wishes.md", f"# What {name} shall say".encode(), wish)
                return Made(name, person, files=1)
            case "slow document":
                self.telegram.fail("getFile", slow_s=SLOW_S)
                sent = person.send_document("wishes.md", f"# What {name} shall say".encode(), wish)
                person.edit(sent, f"{wish} a page about tea")
                return Made(name, person, files=1)
            case "group":
                person.say(wish, self.group)
                return Made(name, self.group)
            case "album":
                files = {one: f"# What {name} shall say".encode() for one in ("one.md", "two.md", "three.md")}
                person.send_album(files, wish, self.forum)
                return Made(name, await self._opened(name), files=len(files))
            case _:
                person.say(wish, self.forum)
                return Made(name, await self._opened(name))

    async def _opened(self, name: str) -> Topic:
        """Wait for the topic of its own that a project has in the forum."""
        return await self.telegram.until(lambda: self._topic(name), timeout=STEP_S, what=name)

    def _topic(self, name: str) -> Topic:
        for topic in self.forum.topics:
            if topic.name == name:
                return topic
        raise LookupError(name)


KINDS = ("forum", "private", "document", "slow document", "group", "album")


@pytest.fixture
def pair(installation: Installation) -> Iterator[Installation]:
    """An installation with a second bot that stands by, and a second worker."""
    with installation.running(workers=2, bots=2):
        yield installation


@pytest.mark.timeout(240 + 20 * KILLS)
async def test_whatever_is_killed_everything_is_said_once_and_told_to_the_end(
    pair: Installation, telegram: Telegram, ann: Person, ben: Person
) -> None:
    scene = await _set_scene(telegram, ann, ben)
    kinds = tuple(random.Random(SEED).sample(KINDS, k=len(KINDS)))
    killer = Killer(pair, kills=KILLS, seed=SEED, victims={"bot": 4, "worker": 1})
    async with killer.at_large():
        lives = await asyncio.gather(
            _live(scene, ann, kinds, killer), _live(scene, ben, kinds[3:] + kinds[:3], killer)
        )
    made = [one for life in lives for one in life]
    await all_sent(pair)
    print(
        dict(killer.killed),
        *(telegram.transcript(place) for place in dict.fromkeys(one.place for one in made)),
    )

    for one in made:
        _check_everything_was_said_once(telegram, one)
    assert sorted(topic.name for topic in scene.forum.topics) == sorted(
        one.name for one in made if isinstance(one.place, Topic)
    )
    await _check_the_ledger(pair, made)

    await _check_that_a_killed_bot_follows_no_log_for_ever(pair, scene, [ann, ben], made[0].name)
    await _check_each_message_is_a_row(pair, telegram, [ann, ben, scene.group, scene.forum])


async def _set_scene(telegram: Telegram, ann: Person, ben: Person) -> Scene:
    scene = Scene(telegram, telegram.supergroup("Team", ann, ben), telegram.forum("Forum", ann, ben))
    for place in (scene.group, scene.forum):
        ann.say(f"/users add {place.id}")
        await said(telegram, ann, f"{place.id} is let in")
    return scene


async def _live(scene: Scene, person: Person, kinds: tuple[str, ...], killer: Killer) -> list[Made]:
    """Have one project after another made for as long as somebody kills, here and there."""
    made: list[Made] = []
    for kind in cycle(kinds):
        name = f"{person.first_name.lower()}-{len(made) + 1}"
        made.append(one := await scene.wish(person, kind, name))
        await _approve(scene.telegram, person, one.place, f"Build {name} from static-site?")
        await _approve(scene.telegram, person, one.place, f"Deploy release 1 of {name}?")
        await said(scene.telegram, one.place, f"of {name} is live")
        if killer.has_had_enough and len(made) >= AT_LEAST:
            break
    return made


async def _approve(telegram: Telegram, person: Person, place: Chatlike, question: str) -> None:
    message = await asked(telegram, place, question)
    press(person, message, "Approve")
    await telegram.until(lambda: not message.buttons, timeout=STEP_S, what=f"{question} without buttons")


def _check_everything_was_said_once(telegram: Telegram, made: Made) -> None:
    said = [message.text for message in telegram.messages(made.place, by_bot=True)]
    [progress] = [text for text in said if f"Build {made.name} · run" in text]
    assert "Done in" in progress
    once = Counter(
        {
            "asked for the plan": _count(said, f"Build {made.name} from static-site?"),
            "asked for the release": _count(said, f"Deploy release 1 of {made.name}?"),
            "told the end": _count(said, f"of {made.name} is live"),
        }
    )
    assert set(once.values()) == {1}, (made.name, once, said)


async def _check_that_a_killed_bot_follows_no_log_for_ever(
    installation: Installation, scene: Scene, people: list[Person], project: str
) -> None:
    """Have a log followed in private, where it is a draft, and in a group; kill the bot that does, and look."""
    telegram, [ann, ben] = scene.telegram, people
    ann.say(f"/logs {project} follow")
    ben.say(f"/logs {project} follow", scene.group)
    await telegram.until(lambda: telegram.drafts(ann)[-1]["texts"], timeout=STEP_S, what="a draft")
    await telegram.until(lambda: _grows(telegram, scene.group), timeout=STEP_S, what="a message that grows")

    installation.kill("bot", await _speaker(installation))

    for place in (ann, scene.group):
        await said(telegram, place, "is not followed any more")
    await all_sent(installation)
    assert not any(draft["shown"] for draft in telegram.drafts(ann))
    assert not _grows(telegram, scene.group)
    for place in (ann, scene.group):
        texts = [message.text for message in telegram.messages(place, by_bot=True)]
        assert _count(texts, "as it is written") == _count(texts, "is not followed any more") == 1, texts
    # It can be followed again, and the end is said by whoever is told to stop.
    ann.say(f"/logs {project} follow")
    await telegram.until(lambda: telegram.drafts(ann)[-1]["shown"], timeout=STEP_S, what="a draft")
    ann.stop_draft()
    await said(telegram, ann, "Somebody stopped it.")


def _grows(telegram: Telegram, group: Group) -> bool:
    return any(message.text.endswith("\n…") for message in telegram.messages(group, by_bot=True))


async def _speaker(installation: Installation) -> Forked:
    """Return the bot that speaks."""
    async with installation.ledgers() as tx:
        cursor = await tx.execute("SELECT holder FROM leases WHERE name = 'telegram'")
        [holder] = [row[0] for row in await cursor.fetchall()]
    [speaker] = [one for one in installation.processes["bot"] if holder.endswith(f":{one.pid}")]
    return speaker


async def _check_each_message_is_a_row(
    installation: Installation, telegram: Telegram, places: list[Person | Group]
) -> None:
    """Look whether what stands in the chats is what the outbox says, neither more nor less."""
    await all_sent(installation)
    async with installation.ledgers() as tx:
        for place in places:
            cursor = await tx.execute(
                """
                SELECT message_id FROM outbox
                 WHERE chat_id = %s AND status = 'sent' AND content ->> 'type' <> 'toast' ORDER BY message_id
                """,
                [place.id],
            )
            rows = [row[0] for row in await cursor.fetchall()]
            # Nobody knows whether a notice was shown whose bot was killed meanwhile: it is given up, and only it.
            cursor = await tx.execute(
                """
                SELECT key, error FROM outbox
                 WHERE chat_id = %s AND status = 'dropped' AND content ->> 'type' <> 'toast'
                """,
                [place.id],
            )
            assert await cursor.fetchall() == []
            # That a topic was opened or a message pinned is told by Telegram, without words.
            assert rows == [one.id for one in telegram.messages(place, by_bot=True) if one.text]


async def _check_the_ledger(installation: Installation, made: list[Made]) -> None:
    """Look whether everything was decided, deployed and attached once."""
    async with installation.ledgers() as tx:
        cursor = await tx.execute(
            """
            SELECT projects.name,
                   (SELECT count(*) FROM approvals WHERE run_id = runs.id),
                   (SELECT count(*) FROM deployments WHERE run_id = runs.id AND status = 'succeeded'),
                   (SELECT count(*) FROM attachments WHERE run_id = runs.id)
              FROM projects JOIN runs ON runs.project_id = projects.id
             ORDER BY 1
            """
        )
        assert await cursor.fetchall() == sorted((one.name, 2, 1, one.files) for one in made)


def _count(texts: list[str], words: str) -> int:
    return sum(words in text for text in texts)
