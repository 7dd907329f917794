"""The menu of commands, per scope and role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.menu import Menu
from bot.texts import DESCRIPTION, SHORT_DESCRIPTION
from graph.conversation import COMMANDS
from shared.ledger.users import Role
from tests.engine import until
from tests.fakes.telegram import Person
from tests.fakes.telegram.front import SetFault
from tests.integration.bot.routers.ears import OPERATOR, OWNER, Ears

EVERYBODY = {"type": "all_private_chats"}


def names(commands: list[dict[str, str]] | None) -> set[str]:
    return {command["command"] for command in commands or []}


def of_role(*roles: Role) -> set[str]:
    return {command.name for command in COMMANDS if command.role in roles}


def person(chat_id: int) -> dict[str, object]:
    return {"type": "chat", "chat_id": chat_id}


async def test_everybody_has_the_menu_of_their_role(ears: Ears, owner: Person, operator: Person) -> None:
    owner.say("/whoami")
    operator.say("/whoami")
    await ears.listen()
    await ears.menu.put_up(ears.database)

    commands = ears.telegram.commands
    assert names(commands(EVERYBODY)) == of_role(Role.VIEWER)
    assert names(commands({"type": "all_group_chats"})) == of_role(Role.VIEWER, Role.OPERATOR)
    assert names(commands(person(OWNER))) == {command.name for command in COMMANDS}
    assert names(commands(person(OPERATOR))) == of_role(Role.VIEWER, Role.OPERATOR)


async def test_what_is_set_already_is_not_set_again(ears: Ears) -> None:
    await ears.menu.put_up(ears.database)
    before = len(ears.telegram.calls("setMyCommands")), len(ears.telegram.calls("setMyDescription"))
    await Menu(ears.bot).put_up(ears.database)

    assert before == (2, 1)
    assert (len(ears.telegram.calls("setMyCommands")), len(ears.telegram.calls("setMyDescription"))) == before
    assert (await ears.bot.get_my_description()).description == DESCRIPTION
    assert (await ears.bot.get_my_short_description()).short_description == SHORT_DESCRIPTION


async def test_a_role_that_changes_changes_the_menu(ears: Ears, operator: Person) -> None:
    operator.say("/whoami")
    await ears.listen()
    await ears.one("UPDATE users SET role = 'viewer' WHERE id = %s RETURNING 1", f"telegram:{OPERATOR}")
    operator.say("/whoami")
    await ears.listen()

    commands = ears.telegram.commands
    await ears.telegram.until(lambda: names(commands(person(OPERATOR))) == of_role(Role.VIEWER))


async def test_whoever_is_let_go_loses_their_menu_and_nobody_waits_for_that(
    ears: Ears, owner: Person, operator: Person
) -> None:
    for person_ in (owner, operator):
        person_.say("/whoami")
    await ears.listen()
    await ears.menu.put_up(ears.database)
    slow = ears.telegram.fail("deleteMyCommands", None, slow_s=30)
    await ears.one("UPDATE users SET removed_at = now() RETURNING 1")

    # Of several things that an owner says, each may find it out.
    async with asyncio.timeout(10):
        await asyncio.gather(*(ears.menu.follow(ears.database) for _ in range(2)))

    await until(_is_hit(slow, 2))


def _is_hit(fault: SetFault, times: int) -> Callable[[], Awaitable[bool]]:
    async def is_hit() -> bool:
        return fault.hits == times

    return is_hit


async def test_a_server_without_these_methods_stops_nothing(ears: Ears, owner: Person) -> None:
    for method in (
        "getMyCommands",
        "setMyCommands",
        "getMyDescription",
        "setMyDescription",
        "getMyShortDescription",
    ):
        ears.telegram.fail(method, None, missing=True)
    await ears.menu.put_up(ears.database)
    owner.say("/whoami")
    await ears.listen()

    assert await ears.said(f"{OWNER}:0") == ["/whoami"]
