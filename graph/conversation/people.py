"""`/users`: who is let in, and in which role; for owners."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from graph.conversation.calls import Call
from graph.conversation.exchange import Exchange
from graph.conversation.replies import Reply, Table
from graph.conversation.texts.words import clock, counted, listed
from shared.errors import BadInput, NotAllowed
from shared.ids import UserId
from shared.ledger import audit, groups, users
from shared.ledger.users import Member, NoSuchUser, Role

_TELEGRAM = "telegram"
_ID = re.compile(r"(?P<front>[a-z]{1,20}):(?P<key>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})")
_NUMBER = re.compile(r"-?[1-9][0-9]{0,18}", re.ASCII)
_IDS_END = 2**52
"""Telegram's ids have at most 52 significant bits (https://core.telegram.org/bots/api#chat)."""
_LONGEST_NAME = 80

_MAY = {
    Role.OWNER: "may do everything, and decide what only an owner may",
    Role.OPERATOR: "may start work, and decide what operators may",
    Role.VIEWER: "may look, and change nothing",
}


class NotAPerson(BadInput):
    """This is nobody's id."""

    code = "not_a_person"
    advice = "Write a Telegram user's number, as 42 or telegram:42, or a group's, which is negative."


class NoSuchRole(BadInput):
    """There is no such role."""

    code = "no_such_role"
    advice = f"The roles are {listed([str(role) for role in Role])}."


class NotUnderstood(BadInput):
    """This is not how people are let in."""

    code = "users_not_understood"
    advice = (
        "Write /users, /users add <id> [role] [name], /users role <id> <role>, or /users remove <id>. "
        "Nothing was changed."
    )


class StandsInSettings(NotAllowed):
    """Whoever stands in ALLOWED_USER_IDS cannot be removed by command."""

    code = "stands_in_settings"


@dataclass(frozen=True, slots=True)
class _Group:
    """A Telegram group, by its number."""

    chat_id: int

    def __str__(self) -> str:
        return f"{_TELEGRAM}:{self.chat_id}"


async def people(exchange: Exchange, call: Call) -> Reply:
    """Answer `/users` and what is written behind it."""
    match call.words:
        case []:
            return await _everybody(exchange)
        case ["add", who, *more]:
            return await _add(exchange, _parsed(who), more)
        case ["role", who, role]:
            return await _set_role(exchange, _parsed(who), _role(role))
        case ["remove", who]:
            return await _remove(exchange, _parsed(who))
        case _:
            raise NotUnderstood


async def _everybody(exchange: Exchange) -> Reply:
    members = await users.everybody(exchange.tx)
    let_in = await groups.all_of_them(exchange.tx)
    rows = [
        [member.name, member.id, str(member.role), clock(member.created_at), _why(exchange, member)]
        for member in members
    ]
    are = "is" if len(members) == 1 else "are"
    blocks = [Table(columns=["name", "id", "role", "since", ""], rows=rows)]
    if let_in:
        rows = [
            [one.title, str(one.chat_id), clock(one.allowed_at), f"by {one.allowed_by}"] for one in let_in
        ]
        blocks.append(Table(columns=["group", "id", "since", ""], rows=rows))
    return Reply.saying(
        f"{counted(len(members), 'person')} {are} let in.".replace("persons", "people"), *blocks
    )


async def _add(exchange: Exchange, who: UserId | _Group, more: Sequence[str]) -> Reply:
    if isinstance(who, _Group):
        return await _add_group(exchange, who, more)
    given = _role(more[0]) if more and more[0].lower() in set(Role) else None
    role = given or Role.OPERATOR
    name = " ".join(more[1:] if given else more)[:_LONGEST_NAME]
    if known := await users.get(exchange.tx, who):
        same = given is None or given is known.role
        advice = "" if same else f" To change that: /users role {who} {given}"
        return Reply.saying(f"{known.name} ({who}) is let in already, as {known.role}.{advice}")
    await users.let_in(exchange.tx, who, name=name or who, role=role)
    await _record(exchange, "user.added", who, role=role)
    return Reply.saying(
        f"{name or who} is let in as {role}, and {_MAY[role]}. "
        f"To change that: /users role {who} <role>, or /users remove {who}."
    )


async def _add_group(exchange: Exchange, group: _Group, more: Sequence[str]) -> Reply:
    if more:
        raise NoSuchRole("A group has no role: each person in it has their own.")
    if await groups.let_in(exchange.tx, group.chat_id, by=exchange.user.id):
        await _record(exchange, "group.added", group)
    return Reply.saying(
        f"The group {group.chat_id} is let in. There I hear people who are let in themselves, and nobody else."
    )


async def _set_role(exchange: Exchange, who: UserId | _Group, role: Role) -> Reply:
    if isinstance(who, _Group):
        raise NoSuchRole("A group has no role: each person in it has their own.")
    before = await users.set_role(exchange.tx, who, role)
    if before.role is role:
        return Reply.saying(f"{before.name} is {role} already.")
    await _record(exchange, "user.role_changed", who, before=before.role, role=role)
    return Reply.saying(f"{before.name} is {role} from now on, and {_MAY[role]}. Before: {before.role}.")


async def _remove(exchange: Exchange, who: UserId | _Group) -> Reply:
    if UserId(str(who)) in exchange.services.fixed_users:
        raise _stands_in_settings(str(who))
    if isinstance(who, _Group):
        if not await groups.let_go(exchange.tx, who.chat_id):
            raise NoSuchUser(f"The group {who.chat_id} is not let in.")
        await _record(exchange, "group.removed", who)
        return Reply.saying(f"I listen no more in the group {who.chat_id}.")
    member = await users.let_go(exchange.tx, who)
    if member.from_settings:
        raise _stands_in_settings(member.name)
    await _record(exchange, "user.removed", who, role=member.role)
    return Reply.saying(
        f"{member.name} is a stranger from now on. What they have started goes on, and what they have decided "
        f"holds. To let them in again: /users add {who}"
    )


def _stands_in_settings(who: str) -> StandsInSettings:
    return StandsInSettings(
        f"{who} stands in ALLOWED_USER_IDS, and cannot be removed by command.",
        advice="Take the id out of ALLOWED_USER_IDS, and start again: then they are a stranger.",
    )


async def _record(exchange: Exchange, action: str, who: UserId | _Group, **details: Role) -> None:
    await audit.record(
        exchange.tx,
        user_id=exchange.user.id,
        front=exchange.message.front,
        action=action,
        subject=f"group:{who.chat_id}" if isinstance(who, _Group) else f"user:{who}",
        details={key: str(role) for key, role in details.items()},
        trace_id=exchange.trace_id,
    )


def _why(exchange: Exchange, member: Member) -> str:
    fixed = member.from_settings or member.id in exchange.services.fixed_users
    return "in ALLOWED_USER_IDS" if fixed else ""


def _role(word: str) -> Role:
    try:
        return Role(word.lower())
    except ValueError:
        raise NoSuchRole(f"There is no role {word[:40]}.") from None


def _parsed(word: str) -> UserId | _Group:
    """Return whom an id means; a bare number is one of Telegram's, where groups are negative.

    Raises:
        NotAPerson: It is none.
    """
    key = word.removeprefix(f"{_TELEGRAM}:")
    if _NUMBER.fullmatch(key) and abs(int(key)) < _IDS_END:
        return _Group(int(key)) if key.startswith("-") else UserId(f"{_TELEGRAM}:{key}")
    if not word.startswith(f"{_TELEGRAM}:") and not _NUMBER.fullmatch(key) and _ID.fullmatch(word):
        return UserId(word)
    raise NotAPerson(f"“{word[:40]}” is nobody's id.")
