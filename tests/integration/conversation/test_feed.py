"""Everything that is new reaches each reader, in order, and once it is acknowledged not again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from graph.conversation import Feed, FeedItem, Kind
from graph.conversation.replies import Code, Link
from shared.database import Database
from shared.ledger import projects, runs
from shared.ledger.claims import Ending
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role
from shared.live import Live
from tests.integration.conversation.chat import Chat, Person, plan_question

pytestmark = pytest.mark.timeout(60)


class Reader:
    """A front that shows a session."""

    def __init__(self, feed: Feed, person: Person, name: str = "reader") -> None:
        self.feed = feed
        self.name = name
        self.session_id = person.session_id

    @asynccontextmanager
    async def following(self) -> AsyncIterator[AsyncIterator[FeedItem]]:
        items = self.feed.follow(self.name, self.session_id)
        try:
            yield items
        finally:
            await items.aclose()  # type: ignore[attr-defined]

    async def show(self, count: int, *, acknowledged: int | None = None) -> list[FeedItem]:
        """Follow until so many items came; acknowledge the first of them."""
        shown: list[FeedItem] = []
        async with asyncio.timeout(20), self.following() as items:
            while len(shown) < count:
                item = await anext(items)
                shown.append(item)
                if acknowledged is None or len(shown) <= acknowledged:
                    await self.feed.acknowledge(item)
        return shown

    async def nothing_more(self) -> bool:
        """Whether a fresh look finds nothing: what it would find is there at once."""
        async with self.following() as items:
            try:
                async with asyncio.timeout(0.5):
                    await anext(items)
            except TimeoutError:
                return True
        return False


async def build(chat: Chat, person: Person) -> Run:
    await person.say("/new web-service hello")
    return await chat.newest_run(person)


async def work(chat: Chat, run: Run, steps: int) -> None:
    claim = await chat.claim(run)
    for step in range(steps):
        await chat.emit(claim, "note.written", {"text": f"note {step}"})
        chat.live.wake(run.session_id)


@pytest.mark.parametrize("hosted", [True, False])
async def test_an_end_without_a_result_leads_to_where_the_project_can_be_looked_at(
    chat: Chat, owner: Person, database: Database, live: Live, hosted: bool
) -> None:
    feed = Feed(database, live, dashboard="https://grafana.example.com/d/abc")
    await feed.attach("reader", owner.session_id)
    run, project = await build(chat, owner), await chat.project("hello", owner)
    url = "https://github.com/ann/hello" if hosted else "/repositories/hello"
    async with database.transaction() as tx:
        await tx.execute("UPDATE runs SET project_id = %s", [project.id])
        await projects.set_repository(tx, project.id, {"name": "hello", "url": f"{url}.git"})
    await chat.finish(run, Ending(Status.FAILED, "tests_failed", "The tests failed."))

    board = f"https://grafana.example.com/d/abc?var-project=hello&var-run={run.number}"
    links = [*([("Repository", url)] if hosted else []), ("Dashboard", board)]
    assert _links((await feed.unread("reader", owner.session_id))[-1]) == links
    assert _links((await feed.recent(owner.session_id, 5))[-1]) == links


def _links(item: FeedItem) -> list[tuple[str | None, str]]:
    assert item.reply is not None
    return [(one.label, one.url) for one in item.reply.blocks if isinstance(one, Link)]


async def test_turns_and_events_come_in_the_order_in_which_they_happened(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    reader = Reader(feed, owner)
    await feed.attach(reader.name, reader.session_id)
    run = await build(chat, owner)
    await chat.ask(run, plan_question())
    await owner.say("approve")

    shown = await reader.show(7)

    assert [item.author for item in shown[:3]] == ["telewright", "person", "telewright"]
    assert [item.text or (item.reply and item.reply.plain.splitlines()[0]) for item in shown[1:]] == [
        "/new web-service hello",
        f"Run {run.number} is queued: Build hello.",
        f"Run {run.number}, Build hello: a worker has taken it up.",
        "Build hello?",
        "approve",
        "Approved by Owner",
    ]


async def test_who_follows_a_run_is_told_of_it_under_the_name_that_its_plan_was_given(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    reader = Reader(feed, owner)
    await feed.attach(reader.name, reader.session_id)
    run = await build(chat, owner)
    async with asyncio.timeout(20), reader.following() as items:
        await chat.claim(run)
        while (item := await anext(items)).run_id is None:
            await feed.acknowledge(item)
        async with chat.database.transaction() as tx:
            await runs.retitle(tx, run.id, "Build leaves")
        await owner.say(f"/cancel {run.number}")
        while (item := await anext(items)).run_id is None:
            await feed.acknowledge(item)

    assert item.reply is not None
    assert item.reply.plain == f"Run {run.number}, Build leaves: it is being cancelled …"


async def test_what_was_acknowledged_is_not_shown_again_and_what_was_not_is(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    reader = Reader(feed, owner)
    await feed.attach(reader.name, reader.session_id)
    run = await build(chat, owner)
    await work(chat, run, 5)

    first = await reader.show(6, acknowledged=4)
    second = await reader.show(5)

    assert [item.key for item in second[:2]] == [item.key for item in first[4:]]
    assert len({item.key for item in first + second}) == 9
    assert await reader.nothing_more()


async def test_nothing_is_missed_between_two_follows_at_any_point(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    reader = Reader(feed, owner)
    await feed.attach(reader.name, reader.session_id)
    run = await build(chat, owner)
    expected = 1 + 2 + 1 + 30 + 2  # greeting, two turns, taken up, notes, taken over, end
    seen: list[str] = []

    async def tell() -> None:
        await work(chat, run, 30)
        # Claimed anew to be ended, which is told as well.
        await chat.finish(run, Ending(Status.SUCCEEDED))
        chat.live.wake(run.session_id)

    async def read() -> None:
        while len(seen) < expected:
            seen.extend(item.key for item in await reader.show(min(4, expected - len(seen))))

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(tell())
        group.create_task(read())

    assert len(seen) == len(set(seen)) == expected


async def test_a_new_reader_of_an_old_session_gets_what_is_new(chat: Chat, owner: Person, feed: Feed) -> None:
    old = await build(chat, owner)
    await chat.finish(old)
    under_way = await build(chat, owner)
    claim = await chat.claim(under_way)
    reader = Reader(feed, owner)
    assert await reader.nothing_more()

    await chat.emit(claim, "note.written", {"text": "news"})
    await owner.say("/whoami")

    assert [item.reply.plain if item.reply else item.text for item in await reader.show(3)][:2] == [
        "news",
        "/whoami",
    ]


async def test_a_new_session_is_read_from_its_greeting_on(owner: Person, feed: Feed) -> None:
    [greeting] = await Reader(feed, owner).show(1)

    assert greeting.reply is not None
    assert "MODEL=provider:model" in greeting.reply.plain


async def test_only_an_owner_is_told_how_to_configure_a_model(chat: Chat, feed: Feed) -> None:
    operator = await chat.person(Role.OPERATOR, chat="theirs")
    [greeting] = await Reader(feed, operator).show(1)

    assert greeting.reply is not None
    assert "No model is configured" in greeting.reply.plain
    assert "MODEL=" not in f"{greeting.reply.plain}{(await operator.say('sing')).plain}"


async def test_readers_do_not_disturb_each_other(chat: Chat, owner: Person, feed: Feed) -> None:
    await owner.say("/whoami")
    one, other = Reader(feed, owner, "one"), Reader(feed, owner, "other")
    await feed.attach("one", owner.session_id)
    await feed.attach("other", owner.session_id)
    await owner.say("/help")

    assert len(await one.show(2)) == 2
    assert await one.nothing_more()
    assert [item.key for item in await other.show(2)]


async def test_a_follower_is_shown_news_while_it_waits(
    chat: Chat, owner: Person, feed: Feed, live: Live
) -> None:
    reader = Reader(feed, owner)
    await reader.show(1)
    async with asyncio.timeout(10), reader.following() as items:
        waiting = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        await owner.say("/whoami")
        assert (await waiting).text == "/whoami"


async def test_a_run_that_ended_and_was_read_costs_nothing_any_more(
    chat: Chat, owner: Person, feed: Feed, database: Database
) -> None:
    reader = Reader(feed, owner)
    for _ in range(3):
        run = await build(chat, owner)
        await chat.finish(run)
    await feed.attach(reader.name, reader.session_id)
    run = await build(chat, owner)
    await chat.finish(run)
    shown = await reader.show(4)

    assert shown[-1].reply is not None
    assert shown[-1].reply.kind is Kind.RESULT
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT position FROM cursors WHERE stream = %s", [f"settled:{owner.session_id}"]
        )
        assert await cursor.fetchall() == [(run.number,)]
        cursor = await connection.execute("SELECT count(*) FROM cursors WHERE stream LIKE 'run:%'")
        assert await cursor.fetchone() == (0,)


async def test_an_older_run_that_is_still_at_work_is_not_settled_by_a_younger_ones_end(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    reader = Reader(feed, owner)
    await feed.attach(reader.name, reader.session_id)
    older = await build(chat, owner)
    younger = await build(chat, owner)
    await chat.finish(younger)
    await reader.show(1 + 4 + 2)

    await chat.finish(older)

    shown = await reader.show(2)
    assert [item.run_id for item in shown] == [older.id, older.id]
    assert await reader.nothing_more()


async def test_much_that_came_while_nobody_looked_comes_whole(chat: Chat, owner: Person, feed: Feed) -> None:
    reader = Reader(feed, owner)
    await reader.show(1)
    run = await build(chat, owner)
    claim = await chat.claim(run)
    async with chat.database.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO events (run_id, seq, type, data, trace_id)
            SELECT %(id)s, 2 + n, 'output.written', jsonb_build_object('lines', jsonb_build_array(n::text)), 't'
              FROM generate_series(1, 1300) AS n
            """,
            {"id": run.id},
        )
        await tx.execute("UPDATE runs SET last_event = 1302 WHERE id = %s", [run.id])
    await chat.emit(claim, "note.written", {"text": "last"})

    shown = await reader.show(2 + 1 + 1300 + 1)

    lines = [b.text for item in shown if item.reply for b in item.reply.blocks if isinstance(b, Code)]
    assert lines == [str(n) for n in range(1, 1301)]
    assert shown[-1].reply is not None
    assert shown[-1].reply.plain == "last"


async def test_recent_returns_the_last_of_a_conversation_and_moves_nothing(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    run = await build(chat, owner)
    await chat.finish(run, Ending(Status.FAILED, "tests_failed", "Two tests failed.", "Correct them."))
    await owner.say("/whoami")

    recent = await feed.recent(owner.session_id, 4)

    assert [item.author for item in recent] == ["telewright", "telewright", "person", "telewright"]
    assert recent[1].reply is not None
    assert "Two tests failed." in recent[1].reply.plain
    assert await feed.recent(owner.session_id, 0) == []
    assert await chat.count("cursors") == 0


async def test_what_is_unread_is_returned_until_it_is_acknowledged(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    await feed.attach("bot", owner.session_id)
    run = await build(chat, owner)
    await work(chat, run, 3)

    first = await feed.unread("bot", owner.session_id, limit=4)
    for item in first[:2]:
        await feed.acknowledge(item)
    rest = await feed.unread("bot", owner.session_id)

    assert [item.author for item in first] == ["telewright", "person", "telewright", "telewright"]
    assert [item.key for item in rest[:2]] == [item.key for item in first[2:]]
    assert len(rest) == 5
    assert [item.key for item in await feed.unread("bot", owner.session_id)] == [item.key for item in rest]


async def test_an_acknowledgement_stands_or_falls_with_the_transaction_that_showed_the_item(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    await feed.attach("bot", owner.session_id)
    [greeting] = await feed.unread("bot", owner.session_id)

    async with chat.database.transaction() as tx:
        await feed.acknowledge(greeting, tx=tx)
        raise psycopg.Rollback
    assert await feed.unread("bot", owner.session_id) == [greeting]

    async with chat.database.transaction() as tx:
        await feed.acknowledge(greeting, tx=tx)
    assert await feed.unread("bot", owner.session_id) == []


async def test_a_reader_learns_which_sessions_of_its_front_have_something_new(chat: Chat, feed: Feed) -> None:
    one, other = await chat.person(chat="one"), await chat.person(chat="other")
    for person in (one, other):
        await feed.attach("bot", person.session_id)
        await read_all(feed, person)
    assert await feed.behind("bot", "test") == []

    await one.say("/whoami")
    assert await feed.behind("bot", "test") == [one.session_id]
    assert await feed.behind("bot", "another front") == []
    assert await feed.behind("nobody", "test") == []
    await read_all(feed, one)
    assert await feed.behind("bot", "test") == []

    run = await build(chat, other)
    await read_all(feed, other)
    claim = await chat.claim(run)
    assert await feed.behind("bot", "test") == [other.session_id]
    await read_all(feed, other)
    await chat.emit(claim, "note.written", {"text": "news"})
    assert await feed.behind("bot", "test") == [other.session_id]


async def test_facts_that_say_nothing_do_not_leave_a_session_behind(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    await feed.attach("bot", owner.session_id)
    run = await build(chat, owner)
    await chat.ask(run, plan_question())
    await read_all(feed, owner)

    # `run.waiting` comes behind the question, and is not told.
    assert await feed.unread("bot", owner.session_id) == []
    assert await feed.behind("bot", "test") == []


async def test_many_facts_that_say_nothing_do_not_hide_what_comes_behind_them(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    await feed.attach("bot", owner.session_id)
    run = await build(chat, owner)
    claim = await chat.claim(run)
    await read_all(feed, owner)
    for _ in range(7):
        await chat.emit(claim, "step.started", {"step": "report"})
    await chat.emit(claim, "note.written", {"text": "news"})

    [news] = await feed.unread("bot", owner.session_id, limit=2)

    assert news.reply is not None
    assert news.reply.plain == "news"


async def test_a_turn_says_which_message_it_is_or_answers(chat: Chat, owner: Person, feed: Feed) -> None:
    await feed.attach("bot", owner.session_id)
    run = await build(chat, owner)
    await chat.claim(run)

    greeting, said, answered, told = await feed.unread("bot", owner.session_id)

    assert said.inbox_id is not None
    assert answered.inbox_id == said.inbox_id
    assert (greeting.inbox_id, told.inbox_id) == (None, None)


async def test_whoever_watches_all_sessions_learns_which_were_woken(
    chat: Chat, live: Live, redis_url: str
) -> None:
    one, other = await chat.person(chat="one"), await chat.person(chat="other")
    async with Live(redis_url) as elsewhere:
        with elsewhere.watching_all() as watch:
            woken: set[object] = set()
            async with asyncio.timeout(20):
                while woken != {one.session_id, other.session_id}:
                    live.wake(one.session_id)
                    live.wake(other.session_id)
                    woken |= await watch.wait()
        elsewhere.wake(one.session_id)
    with live.watching_all() as watch:
        async with asyncio.timeout(20):
            while await watch.wait():
                """What was still on its way from before."""
            await other.say("/whoami")
            assert await watch.wait() == {other.session_id}


async def read_all(feed: Feed, person: Person) -> None:
    while items := await feed.unread("bot", person.session_id):
        for item in items:
            await feed.acknowledge(item)
