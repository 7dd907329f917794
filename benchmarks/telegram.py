"""The bot under load, beside a bare aiogram echo; and many ends told within Telegram's limits.

python -m benchmarks.telegram [seconds]
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from statistics import median, quantiles

import uvloop

from benchmarks.installation import Parts, environment, servers
from shared.database import Database
from shared.ids import UserId
from shared.ledger import events, sessions, users
from shared.ledger.users import Role
from shared.storable import storable_json
from tests.fakes.telegram import FakeTelegram, Person

PEOPLE = 50
PER_S = 100
SECONDS = 60
CHATS, RUNS = 100, 500
FIRST_ID = 1000

ECHO = """
import asyncio, os
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
dispatcher = Dispatcher()
@dispatcher.message()
async def echo(message): await message.answer("Describe a service: " + message.text)
session = AiohttpSession(api=TelegramAPIServer.from_base(os.environ["TELEGRAM_API_URL"]))
asyncio.run(dispatcher.start_polling(Bot(os.environ["TELEGRAM_BOT_TOKEN"], session=session)))
"""


async def main(seconds: int = SECONDS) -> None:
    """Print how long answers take, and how long it takes to tell of many ends."""
    async with servers() as parts:
        telewright = await _under_load([sys.executable, "-m", "cli", "bot"], parts, seconds)
    async with servers() as parts:
        bare = await _under_load([sys.executable, "-c", ECHO], parts, seconds)
    _print("Telewright, everything stored", telewright)
    _print("a bare aiogram echo", bare)
    async with servers() as parts:
        await _many_ends(parts)


async def _under_load(command: list[str], parts: Parts, seconds: int) -> list[float]:
    """Return how long each answer took, in seconds."""
    async with FakeTelegram(validate=False) as telegram:
        people = [telegram.user(FIRST_ID + number, f"Person {number}") for number in range(PEOPLE)]
        with _bot(command, telegram, parts):
            for person in people:
                person.say("/start")
            await telegram.until(lambda: len(_answers(telegram)) >= PEOPLE, timeout=60)
            await asyncio.sleep(2)  # what people do not wait for: menus, and the first connections
            telegram.world.calls.clear()
            # The fake server and the people share this process; Telegram does not stop for its garbage.
            gc.disable()
            asked = await _ask(people, seconds)
            await telegram.until(
                lambda: sum(map(len, _answers(telegram).values())) >= sum(map(len, asked.values())),
                timeout=60,
            )
            answered = _answers(telegram)
            gc.enable()
    return [
        answer - question
        for person, questions in asked.items()
        for question, answer in zip(questions, answered[person], strict=True)
    ]


async def _ask(people: list[Person], seconds: int) -> dict[int, list[float]]:
    """Ask for help so often a second, one person after the other."""
    asked: dict[int, list[float]] = {person.id: [] for person in people}
    begun = time.monotonic()
    for number, person in zip(range(PER_S * seconds), cycle(people), strict=False):
        await asyncio.sleep(max(0.0, begun + number / PER_S - time.monotonic()))
        asked[person.id].append(time.monotonic())
        person.say("/help")
    return asked


def _answers(telegram: FakeTelegram) -> dict[int, list[float]]:
    """Return when each person's answers came."""
    came: dict[int, list[float]] = {}
    for call in telegram.world.calls:
        if call["method"].lower() == "sendmessage" and "Describe a service" in call["params"]["text"]:
            came.setdefault(int(call["params"]["chat_id"]), []).append(call["at"])
    return came


async def _many_ends(parts: Parts) -> None:
    """Let many runs end at once, and print how long it takes to tell all of them."""
    async with Database(parts.database_url) as database:
        for number in range(CHATS):
            await _ended_runs(database, FIRST_ID + number, RUNS // CHATS)
    async with FakeTelegram(validate=False, limits=True) as telegram:
        for number in range(CHATS):
            telegram.user(FIRST_ID + number).say("/start")
            telegram.world.updates.pending.clear()
        with _bot([sys.executable, "-m", "cli", "bot"], telegram, parts):
            await telegram.until(lambda: telegram.calls("sendMessage"), timeout=60)
            begun = telegram.calls("sendMessage")[0]["at"]
            await telegram.until(lambda: len(telegram.calls("sendMessage")) >= RUNS, timeout=300)
            took = telegram.calls("sendMessage")[-1]["at"] - begun
            print(
                f"{RUNS} ends told to {CHATS} chats in {took:.1f} s, {RUNS / took:.1f} a second; "
                f"{len(telegram.violations)} times over a limit"
            )


async def _ended_runs(database: Database, person: int, count: int) -> None:
    """Write a session with runs that have ended and that nobody was told of."""
    async with database.transaction() as tx:
        user = await users.ensure(tx, UserId(f"telegram:{person}"), name="Person", role=Role.OPERATOR)
        session = await sessions.ensure(tx, front="telegram", external_key=f"{person}:0", owner_id=user.id)
        for stream in (f"session:{session.id}", f"settled:{session.id}"):
            await tx.execute("INSERT INTO cursors VALUES ('telegram', %s, 0)", [stream])
        version = await tx.execute(
            """
            INSERT INTO workflow_versions (workflow, version, kind, definition)
            VALUES ('benchmark', '1', 'python', '{}')
            ON CONFLICT (workflow, version) DO UPDATE SET version = excluded.version RETURNING id
            """
        )
        row = await version.fetchone()
        assert row is not None
        for number in range(count):
            await tx.execute(
                """
                WITH run AS (
                    INSERT INTO runs (thread_id, workflow_version_id, session_id, requested_by, title, input, status,
                                      time_limit_s, last_event, trace_id, ended_at)
                    VALUES (gen_random_uuid()::text, %s, %s, %s, 'Build', '{}', 'succeeded', 60, 1, 'benchmark', now())
                    RETURNING id
                )
                INSERT INTO events (run_id, seq, type, data, trace_id)
                SELECT id, 1, %s, %s, 'benchmark' FROM run
                """,
                [
                    row[0],
                    session.id,
                    user.id,
                    events.RUN_SUCCEEDED,
                    storable_json({"result": {"summary": f"{number}"}}),
                ],
            )


@contextmanager
def _bot(command: list[str], telegram: FakeTelegram, parts: Parts) -> Iterator[None]:
    people = ",".join(str(FIRST_ID + number) for number in range(CHATS))
    settings = {
        **environment(parts),
        "TELEWRIGHT_HOME": str(parts.home),
        "TELEGRAM_API_URL": telegram.url,
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "ALLOWED_USER_IDS": people,
        "LOG_LEVEL": "ERROR",
        "PYTHONPATH": os.getcwd(),  # noqa: PTH109
    }
    process = subprocess.Popen(command, env=settings)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _print(name: str, took: list[float]) -> None:
    cuts = quantiles(took, n=100)
    print(
        f"{name:32} {len(took)} answers   median {median(took) * 1000:6.1f} ms   "
        f"p95 {cuts[94] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms   max {max(took) * 1000:6.1f} ms"
    )


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
