"""Owners say who is let in, and in which role."""

from __future__ import annotations

import asyncio

import pytest

from graph.conversation import Conversation, Services
from graph.conversation.commands import allowed
from graph.conversation.conversation import Stranger
from graph.conversation.replies import Table
from infrastructure.blueprints import catalogue
from shared.database import Database
from shared.ids import UserId
from shared.ledger import audit, groups, users
from shared.ledger.users import Member, Role, User
from shared.live import Live
from tests.integration.conversation.chat import Chat, Person, Server, plan_question

pytestmark = pytest.mark.timeout(60)

PETRA = UserId("telegram:42")


async def found(chat: Chat, user_id: UserId) -> User | None:
    async with chat.database.connection() as connection:
        return await users.get(connection, user_id)


async def everybody(chat: Chat) -> dict[str, Member]:
    async with chat.database.connection() as connection:
        return {member.id: member for member in await users.everybody(connection)}


async def decisions(chat: Chat, subject: str) -> list[tuple[str, str]]:
    async with chat.database.connection() as connection:
        return [(one.action, one.user_id) for one in await audit.of_subject(connection, subject)]


@pytest.mark.parametrize(
    "who", ["-9999999999999999999", "9999999999999999999", "telegram:9999999999999999999", "4503599627370496"]
)
@pytest.mark.parametrize("command", ["add", "remove"])
async def test_a_number_that_telegram_gives_nobody_is_nobodys(owner: Person, command: str, who: str) -> None:
    assert (await owner.say(f"/users {command} {who}")).error == "not_a_person"


async def test_an_owner_lets_people_in_changes_their_role_and_lets_them_go(chat: Chat, owner: Person) -> None:
    assert "Petra Müller is let in as viewer" in (await owner.say("/users add 42 viewer Petra Müller")).plain
    assert await found(chat, PETRA) == User(PETRA, "Petra Müller", Role.VIEWER)

    assert "Petra Müller is operator from now on" in (await owner.say("/users role 42 operator")).plain
    assert (await everybody(chat))[PETRA].role is Role.OPERATOR

    assert "is a stranger from now on" in (await owner.say("/users remove telegram:42")).plain
    assert await found(chat, PETRA) is None
    assert (await owner.say("/users remove 42")).error == "no_such_user"

    await owner.say("/users add 42")
    assert await found(chat, PETRA) == User(PETRA, "Petra Müller", Role.OPERATOR)
    assert await decisions(chat, "user:telegram:42") == [
        ("user.added", owner.user.id),
        ("user.removed", owner.user.id),
        ("user.role_changed", owner.user.id),
        ("user.added", owner.user.id),
    ]


async def test_the_list_says_who_is_let_in_and_why(chat: Chat, owner: Person) -> None:
    async with chat.database.transaction() as tx:
        await users.allow(tx, owner=PETRA)
    await owner.say("/users add 43 viewer Bob")
    await owner.say("/users add -1001234")

    reply = await owner.say("/users")

    people, let_in = [block for block in reply.blocks if isinstance(block, Table)]
    assert reply.plain.startswith("3 people are let in.")
    assert [(row[0], row[1], row[2], row[4]) for row in people.rows] == [
        ("Owner", owner.user.id, "owner", ""),
        ("telegram:42", "telegram:42", "owner", "in ALLOWED_USER_IDS"),
        ("Bob", "telegram:43", "viewer", ""),
    ]
    assert [row[1] for row in let_in.rows] == ["-1001234"]


async def test_to_add_somebody_again_changes_nothing_and_says_what_would(chat: Chat, owner: Person) -> None:
    await owner.say("/users add 42 viewer Petra")

    again = await owner.say("/users add 42 owner")

    assert (
        again.plain
        == "Petra (telegram:42) is let in already, as viewer. To change that: /users role telegram:42 owner"
    )
    assert len(await decisions(chat, "user:telegram:42")) == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("/users add", "users_not_understood"),
        ("/users add @petra", "not_a_person"),
        ("/users add telegram:petra", "not_a_person"),
        ("/users add 0", "not_a_person"),
        ("/users add 4²", "not_a_person"),
        ("/users role 42", "users_not_understood"),
        ("/users role 42 boss", "no_such_role"),
        ("/users role 42 owner", "no_such_user"),
        ("/users remove 42", "no_such_user"),
        ("/users remove -1001234", "no_such_user"),
        ("/users add -1001234 operator", "no_such_role"),
        ("/users role -1001234 operator", "no_such_role"),
        ("/users promote 42", "users_not_understood"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    chat: Chat, owner: Person, said: str, error: str
) -> None:
    before = await everybody(chat)

    assert (await owner.say(said)).error == error

    assert await everybody(chat) == before
    assert await chat.count("audit") == 0


@pytest.mark.parametrize(
    ("role", "error"), [(Role.OPERATOR, "not_allowed"), (Role.VIEWER, "viewers_only_look")]
)
async def test_only_owners_may(chat: Chat, owner: Person, role: Role, error: str) -> None:
    other = await chat.person(role)

    assert (await other.say("/users add 42")).error == error
    assert "users" not in [command.name for command in allowed(other.user)]
    assert "users" in [command.name for command in allowed(owner.user)]
    assert await found(chat, PETRA) is None


async def test_somebody_who_was_let_go_is_a_stranger_at_once_and_meeting_them_changes_nothing(
    chat: Chat, owner: Person, conversation: Conversation
) -> None:
    other = await chat.person(Role.OPERATOR, name="other")
    await other.say("/new web-service hello")
    [asked] = await chat.ask(await chat.newest_run(other), plan_question())

    await owner.say(f"/users remove {other.user.id}")

    with pytest.raises(Stranger):
        await other.say("approve")
    with pytest.raises(Stranger):
        await conversation.open(front="test", external_key="elsewhere", user=other.user)
    async with chat.database.transaction() as tx:
        await users.ensure(tx, other.user.id, name="Other", role=Role.OPERATOR)
    assert await found(chat, other.user.id) is None
    assert (await chat.approval(asked)).status == "pending"
    assert (await owner.say("approve")).error is None


async def test_the_last_owner_stays_one(chat: Chat, owner: Person) -> None:
    me = owner.user.id

    assert (await owner.say(f"/users role {me} viewer")).error == "last_owner"
    assert (await owner.say(f"/users remove {me}")).error == "last_owner"
    await owner.say("/users add 42 owner")
    assert (await owner.say(f"/users role {me} viewer")).error is None
    assert (await owner.say("/users")).error == "viewers_only_look"


async def test_two_owners_who_demote_each_other_at_once_leave_one(chat: Chat, owner: Person) -> None:
    other = await chat.person(Role.OWNER, name="other")

    async with asyncio.TaskGroup() as together:
        together.create_task(owner.say(f"/users role {other.user.id} viewer"))
        together.create_task(other.say(f"/users role {owner.user.id} viewer"))

    assert [one.role for one in (await everybody(chat)).values()].count(Role.OWNER) == 1


@pytest.fixture
def strict(database: Database, live: Live, server: Server) -> Conversation:
    fixed = frozenset({PETRA, UserId("telegram:-1001234")})
    return Conversation(database, live, Services(catalogue=catalogue, reader=server, fixed_users=fixed))


@pytest.mark.parametrize("who", ["42", "-1001234"])
async def test_whoever_stands_in_the_settings_is_not_removed_by_command(
    chat: Chat, owner: Person, strict: Conversation, who: str
) -> None:
    await owner.say(f"/users add {who}")

    refused = await Person(strict, owner.session_id, owner.user).say(f"/users remove {who}")

    assert refused.error == "stands_in_settings"
    assert "Take the id out of ALLOWED_USER_IDS" in refused.plain


async def test_the_settings_let_in_whom_they_name_and_let_go_whom_they_name_no_more(
    chat: Chat, owner: Person
) -> None:
    bob, eve = UserId("telegram:43"), UserId("telegram:44")
    async with chat.database.transaction() as tx:
        await users.allow(tx, owner=PETRA, operators=[bob])
        met = await users.ensure(tx, PETRA, name="Petra", role=Role.VIEWER)
    assert met == User(PETRA, "Petra", Role.OWNER)
    assert (await owner.say("/users remove 43")).error == "stands_in_settings"
    await owner.say("/users role 43 viewer")
    await owner.say("/users add 44 viewer Eve")

    async with chat.database.transaction() as tx:
        await users.allow(tx, owner=PETRA, operators=[bob])
    assert (await everybody(chat))[bob].role is Role.VIEWER

    async with chat.database.transaction() as tx:
        await users.allow(tx, owner=bob)
    now = await everybody(chat)
    assert now.keys() == {owner.user.id, bob, eve}
    assert now[bob].role is Role.OWNER


async def test_a_group_is_let_in_and_let_go_by_command(chat: Chat, owner: Person) -> None:
    assert "The group -1001234 is let in." in (await owner.say("/users add -1001234")).plain
    async with chat.database.connection() as connection:
        assert [(one.chat_id, one.allowed_by) for one in await groups.all_of_them(connection)] == [
            (-1001234, owner.user.id)
        ]

    assert "no more" in (await owner.say("/users remove telegram:-1001234")).plain
    async with chat.database.connection() as connection:
        assert await groups.all_of_them(connection) == []
    assert [action for action, _ in await decisions(chat, "group:-1001234")] == [
        "group.removed",
        "group.added",
    ]


async def test_everybody_may_ask_who_they_are(chat: Chat) -> None:
    viewer = await chat.person(Role.VIEWER)

    reply = await viewer.say("/whoami")

    assert "You may look, and change nothing." in reply.plain
    assert f"id: {viewer.user.id}" in reply.plain
