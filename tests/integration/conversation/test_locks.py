"""The owner sees who holds which lock, and how the periodic jobs went."""

from __future__ import annotations

import os

from shared.ledger import timetable
from shared.ledger.timetable import Outcome
from shared.ledger.users import Role
from shared.locks import redis_lock
from tests.integration.conversation.chat import Chat, Person


async def test_held_locks_and_the_last_runs_of_periodic_jobs_are_shown(chat: Chat, owner: Person) -> None:
    assert (await owner.say("/locks")).plain == "Nothing is held."

    async with redis_lock(chat.live, chat.database, "github_sync", ttl_s=30) as held:
        async with held.transaction(chat.database) as tx:
            await timetable.begin(tx, "github_sync", cron="* * * * *", token=held.token)
        shown = (await owner.say("/locks")).plain
        assert f":{os.getpid()}" in shown
        assert "runs" in shown
    async with chat.database.transaction() as tx:
        await timetable.end(
            tx, "github_sync", token=held.token, outcome=Outcome.FAILED, error="GitHub does not answer."
        )

    shown = (await owner.say("/locks")).plain
    assert shown.startswith("Nothing is held.")
    assert "failed: GitHub does not answer.; again after" in shown


async def test_only_an_owner_sees_locks(chat: Chat) -> None:
    operator = await chat.person(Role.OPERATOR)
    assert (await operator.say("/locks")).error == "not_allowed"
