"""`/users`: who is let in, and in which role; for owners."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from graph.conversation import texts
from graph.conversation.calls import Call
from graph.conversation.exchange import Exchange
from graph.conversation.following import ended
from graph.conversation.replies import Reply, Table
from graph.conversation.texts.words import clock, listed, paragraph
from shared.errors import BadInput, NotAllowed
from shared.ids import UserId
from shared.ledger import audit, expiry, followings, groups, sessions, users
from shared.ledger.followings import Following
from shared.ledger.users import Member, NoSuchUser, Role

_TELEGRAM = "telegram"
_ID = re.compile(r"(?P<front>[a-z]{1,20}):(?P<key>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})")
_NUMBER = re.compile(r"-?[1-9][0-9]{0,18}", re.ASCII)
_IDS_END = 2**52
"""Telegram's ids have at most 52 significant bits (https://core.telegram.org/bots/api#chat)."""
_LONGEST_NAME = 80


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
    blocks = [Table(columns=[*texts.people.MEMBER_COLUMNS], rows=rows)]
    if let_in:
        rows = [
            [one.title, str(one.chat_id), clock(one.allowed_at), texts.people.by(one.allowed_by)]
            for one in let_in
        ]
        blocks.append(Table(columns=[*texts.people.GROUP_COLUMNS], rows=rows))
    return Reply.saying(texts.people.are_let_in(len(members)), *blocks)


async def _add(exchange: Exchange, who: UserId | _Group, more: Sequence[str]) -> Reply:
    if isinstance(who, _Group):
        return await _add_group(exchange, who, more)
    given = _role(more[0]) if more and more[0].lower() in set(Role) else None
    role = given or Role.OPERATOR
    name = " ".join(more[1:] if given else more)[:_LONGEST_NAME]
    if known := await users.get(exchange.tx, who):
        same = given is None or given is known.role
        there = texts.people.let_in_already(known.name, who, known.role)
        advice = "" if same else texts.people.to_change_role(who, role)
        return Reply.saying(paragraph(there, advice))
    await users.let_in(exchange.tx, who, name=name or who, role=role)
    await _record(exchange, "user.added", who, role=role)
    return Reply.saying(texts.people.let_in(name or who, who, role))


async def _add_group(exchange: Exchange, group: _Group, more: Sequence[str]) -> Reply:
    if more:
        raise NoSuchRole(texts.people.GROUP_WITHOUT_ROLE)
    if await groups.let_in(exchange.tx, group.chat_id, by=exchange.user.id):
        await _record(exchange, "group.added", group)
    return Reply.saying(texts.people.group_let_in(group.chat_id))


async def _set_role(exchange: Exchange, who: UserId | _Group, role: Role) -> Reply:
    if isinstance(who, _Group):
        raise NoSuchRole(texts.people.GROUP_WITHOUT_ROLE)
    before = await users.set_role(exchange.tx, who, role)
    if before.role is role:
        return Reply.saying(texts.people.in_role_already(before.name, role))
    await _record(exchange, "user.role_changed", who, before=before.role, role=role)
    return Reply.saying(texts.people.in_role(before.name, role, before.role))


async def _remove(exchange: Exchange, who: UserId | _Group) -> Reply:
    if UserId(str(who)) in exchange.services.fixed_users:
        raise _stands_in_settings(str(who))
    if isinstance(who, _Group):
        if not await groups.let_go(exchange.tx, who.chat_id):
            raise NoSuchUser(texts.people.group_not_let_in(who.chat_id))
        await _record(exchange, "group.removed", who)
        followed = await followings.of_chat(exchange.tx, _TELEGRAM, str(who.chat_id))
        await _end_following(exchange, followed, texts.people.THE_GROUP)
        exchange.to_wake.update(await expiry.remind_of_chat(exchange.tx, _TELEGRAM, str(who.chat_id)))
        return Reply.saying(texts.people.group_let_go(who.chat_id))
    member = await users.let_go(exchange.tx, who)
    if member.from_settings:
        raise _stands_in_settings(member.name)
    await _record(exchange, "user.removed", who, role=member.role)
    await _end_following(exchange, await followings.of_person(exchange.tx, who), member.name)
    exchange.to_wake.update(await expiry.remind_of_person(exchange.tx, who))
    return Reply.saying(texts.people.let_go(member.name, who))


async def _end_following(exchange: Exchange, followed: Sequence[Following], who: str) -> None:
    """Show no more of the logs that a stranger follows; where others are, they learn why."""
    for one in followed:
        if await followings.end(exchange.tx, one.session_id, one.number):
            told = ended(one.project, one.number, texts.logs.let_go(who), [])
            await sessions.say(
                exchange.tx,
                one.session_id,
                author="telewright",
                body=told.model_dump(mode="json"),
                trace_id=exchange.trace_id,
            )
            exchange.to_wake.add(one.session_id)


def _stands_in_settings(who: str) -> StandsInSettings:
    return StandsInSettings(texts.people.stands_in_settings(who), advice=texts.people.TAKE_OUT_OF_SETTINGS)


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
    return texts.people.IN_SETTINGS if fixed else ""


def _role(word: str) -> Role:
    try:
        return Role(word.lower())
    except ValueError:
        raise NoSuchRole(texts.people.no_such_role(word[:40])) from None


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
    raise NotAPerson(texts.people.nobodys_id(word[:40]))
