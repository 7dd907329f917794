"""`/ask` names places and shows them; `/index` says how far the index is, and retries."""

from __future__ import annotations

import pytest

from graph.conversation import Conversation, Services
from graph.conversation.replies import Code, CommandChoice, Table
from infrastructure.blueprints import catalogue
from shared.ids import ProjectId
from shared.ledger import chunks, documents
from shared.ledger.chunks import Chunk, Kind
from shared.ledger.documents import MOST_ATTEMPTS, Wanted
from shared.ledger.projects import Project
from shared.ledger.users import Role
from tests.integration.conversation.chat import Chat, Person, Server
from tests.meanings import Meanings

pytestmark = pytest.mark.timeout(60)

GREET = "def greet(name):\n    return f'Hello {name}'"


def chunk(content: str, *, symbol: str = "", first: int = 1) -> Chunk:
    return Chunk(symbol, Kind.CODE, first, first + content.count("\n"), content)


@pytest.fixture
def meanings(chat: Chat, server: Server) -> Meanings:
    """A model with which the chat's conversation asks."""
    model = Meanings()
    services = Services(catalogue=catalogue, reader=server, embedder=model)
    chat.conversation = Conversation(chat.database, chat.live, services)
    return model


async def embedded(chat: Chat, model: Meanings) -> None:
    """Give all that is indexed vectors."""
    async with chat.database.transaction() as tx:
        cursor = await tx.execute("SELECT id FROM documents")
        pieces = await chunks.without_vectors(tx, [row[0] for row in await cursor.fetchall()], model.model)
        vectors = await model.embed([piece.content for piece in pieces])
        await chunks.add_vectors(
            tx, model.model, {piece.id: vector for piece, vector in zip(pieces, vectors, strict=True)}
        )


async def plan(chat: Chat, project: Project, *paths: str, skipped: str | None = None) -> None:
    wanted = [Wanted(path, path * 3, 10, "python", skipped) for path in paths]
    async with chat.database.transaction() as tx:
        await documents.plan(tx, project.id, "c0ffee" * 6, wanted)


async def indexed(chat: Chat, project: Project, **made: Chunk) -> None:
    """Put one chunk a file into the index; what is planned and has none stays in the queue."""
    await plan(chat, project, *(f"{name}.py" for name in made))
    async with chat.database.transaction() as tx:
        taken = await documents.take(tx, 100)
        for document in taken:
            await chunks.replace(
                tx, ProjectId(project.id), {document.id: (document.path, [made[document.path[:-3]]])}
            )
        await documents.note_read(tx, {document.id: None for document in taken})
        await documents.note_indexed(tx, [document.id for document in taken], embedded_by=None)


async def killed_each_time(chat: Chat) -> None:
    async with chat.database.transaction() as tx:
        await tx.execute("UPDATE documents SET attempts = %s, due_at = now()", [MOST_ATTEMPTS])
        await documents.bury(tx)


async def test_ask_names_the_place_and_shows_it(chat: Chat, owner: Person) -> None:
    project = await chat.project("hello", owner)
    await indexed(chat, project, app=chunk(GREET, symbol="Greeter.greet", first=40), other=chunk("x = 1"))

    reply = await owner.say("/ask where does it greet")

    [code] = [block for block in reply.blocks if isinstance(block, Code)]
    assert code.title == "hello: app.py, lines 40-41 (Greeter.greet)"
    assert code.text == GREET
    assert "The best 1 place in the code of hello:" in reply.plain


async def test_ask_shows_the_lines_that_have_the_words(chat: Chat, owner: Person) -> None:
    project = await chat.project("hello", owner)
    lines = [f"step_{number}()" for number in range(50)]
    lines[30] = "greet(visitor)" + "!" * 300
    await indexed(chat, project, app=chunk("\n".join(lines)))

    [code] = [block for block in (await owner.say("/ask greet")).blocks if isinstance(block, Code)]

    assert code.title == "hello: app.py, lines 20-31"
    assert code.text.endswith("!…")


async def test_ask_looks_in_the_project_that_is_named_or_in_all(chat: Chat, owner: Person) -> None:
    for name in ("hello", "other"):
        await indexed(chat, await chat.project(name, owner), app=chunk(GREET))

    both = [block.title for block in (await owner.say("/ask greet")).blocks if isinstance(block, Code)]
    one = [block.title for block in (await owner.say("/ask other greet")).blocks if isinstance(block, Code)]

    assert sorted(title.partition(":")[0] for title in both) == ["hello", "other"]
    assert [title.partition(":")[0] for title in one] == ["other"]


async def test_ask_says_honestly_when_there_is_nothing(chat: Chat, owner: Person) -> None:
    assert "There is no project yet" in (await owner.say("/ask greet")).plain
    project = await chat.project("hello", owner)
    assert "Nothing of the code of hello is indexed: /index" in (await owner.say("/ask greet")).plain
    await plan(chat, project, "app.py", "b.py")
    assert "2 files are on the way" in (await owner.say("/ask greet")).plain
    await indexed(chat, project, app=chunk(GREET), b=chunk("x = 1"))
    assert "None of these words is in the code of hello." in (await owner.say("/ask pelican")).plain
    assert (await owner.say("/ask")).error == "no_question"


async def test_ask_says_what_it_could_not_look_in(chat: Chat, owner: Person) -> None:
    project = await chat.project("hello", owner)
    await indexed(chat, project, app=chunk(GREET))
    await plan(chat, project, "app.py", "new.py")

    assert "(1 file is not indexed yet)" in (await owner.say("/ask greet")).plain
    await killed_each_time(chat)
    assert "(1 file is left out, see /index)" in (await owner.say("/ask greet")).plain


async def test_code_that_steers_a_screen_does_not_come_through(chat: Chat, owner: Person) -> None:
    project = await chat.project("hello", owner)
    await indexed(chat, project, app=chunk("greet = '\x1b[2J\u202e'", symbol="a\nb"))

    plain = (await owner.say("/ask greet")).plain

    assert "greet = ''" in plain
    assert "\x1b" not in plain
    assert "\u202e" not in plain


async def test_index_says_how_far_it_is_and_why_files_are_left_out(chat: Chat, owner: Person) -> None:
    assert "nothing to index" in (await owner.say("/index")).plain
    project = await chat.project("hello", owner)
    assert "hello  none yet" in (await owner.say("/index")).plain
    assert "Nobody has looked" in (await owner.say("/index hello")).plain
    await plan(chat, project, "logo.png", "a.zip", skipped="it is binary")

    [table] = [block for block in (await owner.say("/index")).blocks if isinstance(block, Table)]
    assert table.rows == [["hello", "c0ffeec0ff", "0", "0", "2", "0"]]
    assert "it is binary  2" in (await owner.say("/index hello")).plain


async def test_what_was_given_up_is_seen_and_retried_once(chat: Chat, owner: Person) -> None:
    project = await chat.project("hello", owner)
    await plan(chat, project, "app.py")
    await killed_each_time(chat)

    seen = await owner.say("/index hello")
    assert "app.py  given up  8  Whoever read it did not come to an end." in seen.plain
    [choice] = [choice for choice in seen.choices if isinstance(choice, CommandChoice)]
    assert "1 file is tried again" in (await owner.say(choice.command)).plain
    assert "Nothing of hello has gone wrong." in (await owner.say(choice.command)).plain
    assert await chat.count("documents WHERE state = 'queued' AND attempts = 0") == 1
    assert await chat.count("audit WHERE action = 'index.retried'") == 1


async def test_a_viewer_may_ask_and_look_but_not_retry(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)
    viewer = await chat.person(Role.VIEWER)

    assert (await viewer.say("/ask greet")).error is None
    assert (await viewer.say("/index hello")).error is None
    assert (await viewer.say("/index hello retry")).error == "viewers_only_look"
    assert (await owner.say("/index hello frobnicate")).error == "not_about_the_index"


async def test_with_a_model_ask_finds_what_means_the_same(chat: Chat, meanings: Meanings) -> None:
    owner = await chat.person()
    project = await chat.project("hello", owner)
    await indexed(chat, project, app=chunk(GREET, symbol="greet"), till=chunk("def pay(): ..."))
    assert "None of these words" in (await owner.say("/ask invoice")).plain
    await embedded(chat, meanings)

    found = [block for block in (await owner.say("/ask invoice")).blocks if isinstance(block, Code)]

    assert found[0].title.startswith("hello: till.py")


async def test_while_the_model_is_away_ask_finds_by_words_and_says_so(chat: Chat, meanings: Meanings) -> None:
    owner = await chat.person()
    project = await chat.project("hello", owner)
    await indexed(chat, project, app=chunk(GREET))
    meanings.broken = True

    reply = await owner.say("/ask greet")

    assert "by its words alone, since the embeddings model did not answer" in reply.plain
    [code] = [block for block in reply.blocks if isinstance(block, Code)]
    assert code.text == GREET
