"""Who may talk to Telewright, and in which role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from psycopg.rows import class_row

from shared.database import Connection
from shared.errors import Conflict, NotAllowed, NotFound
from shared.ids import UserId


class Role(StrEnum):
    """What a person may do; each role may do all that the next one may."""

    OWNER = "owner"
    OPERATOR = "operator"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class User:
    """A person who is let in."""

    id: UserId
    name: str
    role: Role

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


@dataclass(frozen=True, slots=True)
class Member:
    """A person who is let in, as the list of people has them."""

    id: UserId
    name: str
    role: Role
    from_settings: bool
    """Whether they stand in ALLOWED_USER_IDS."""
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


class NoSuchUser(NotFound):
    """Nobody of this id is let in."""

    code = "no_such_user"
    advice = "See /users for who is."


class LastOwner(Conflict):
    """There must be an owner, and this is the only one."""

    code = "last_owner"
    advice = "Make somebody else owner first: /users role <id> owner."


class ViewersOnlyLook(NotAllowed):
    """You may look, but not change anything."""

    code = "viewers_only_look"


async def ensure(tx: Connection, user_id: UserId, *, name: str, role: Role) -> User:
    """Let a person in, or return them as they are known already.

    A person's role is not changed by meeting them again, and who was let go stays so:
    `get` says whether they are let in. They get the name under which they come, unless an owner gave them one.
    """
    async with tx.cursor(row_factory=class_row(User)) as cursor:
        await cursor.execute(
            """
            INSERT INTO users (id, name, role) VALUES (%(id)s, %(name)s, %(role)s)
            ON CONFLICT (id) DO UPDATE
               SET name = CASE WHEN users.name_given THEN users.name ELSE excluded.name END
            RETURNING id, name, role
            """,
            {"id": user_id, "name": name, "role": role},
        )
        user = await cursor.fetchone()
    assert user is not None  # noqa: S101
    return user


async def get(tx: Connection, user_id: UserId) -> User | None:
    """Return the person, or nothing for a stranger."""
    async with tx.cursor(row_factory=class_row(User)) as cursor:
        await cursor.execute(
            "SELECT id, name, role FROM users WHERE id = %s AND removed_at IS NULL", [user_id]
        )
        return await cursor.fetchone()


async def everybody(tx: Connection) -> list[Member]:
    """Return who is let in: owners first, then by the time they came."""
    async with tx.cursor(row_factory=class_row(Member)) as cursor:
        await cursor.execute(
            """
            SELECT id, name, role, from_settings, created_at FROM users WHERE removed_at IS NULL
             ORDER BY role <> 'owner', created_at, id
            """
        )
        return await cursor.fetchall()


async def allow(tx: Connection, *, owner: UserId, operators: Sequence[UserId] = ()) -> None:
    """Let in whom the settings name, and nobody else whom they have named before.

    Args:
        tx: The transaction that must commit before anybody is heard.
        owner: Who is an owner, whatever they were.
        operators: Who else is let in; as operators, if they are new.
    """
    named = [owner, *operators]
    await tx.execute(
        """
        UPDATE users SET removed_at = now(), from_settings = false WHERE from_settings AND id <> ALL(%s)
        """,
        [named],
    )
    for user_id in sorted(named):
        await tx.execute(
            """
            INSERT INTO users (id, name, role, from_settings) VALUES (%(id)s, %(id)s, %(role)s, true)
            ON CONFLICT (id) DO UPDATE
               SET removed_at = NULL, from_settings = true,
                   role = CASE WHEN %(role)s = 'owner' THEN 'owner' ELSE users.role END
            """,
            {"id": user_id, "role": Role.OWNER if user_id == owner else Role.OPERATOR},
        )


async def let_in(tx: Connection, user_id: UserId, *, name: str, role: Role) -> bool:
    """Let a person in, also one who was let go; say whether that changed anything.

    Args:
        tx: A transaction.
        user_id: Who.
        name: What they are called from now on; their id, if that is not known.
        role: What they may do.
    """
    cursor = await tx.execute(
        """
        INSERT INTO users (id, name, role, name_given)
        VALUES (%(id)s, %(name)s, %(role)s, %(name)s <> %(id)s)
        ON CONFLICT (id) DO UPDATE SET removed_at = NULL, role = excluded.role,
               name = CASE WHEN excluded.name_given THEN excluded.name ELSE users.name END,
               name_given = users.name_given OR excluded.name_given
         WHERE users.removed_at IS NOT NULL
        """,
        {"id": user_id, "name": name, "role": role},
    )
    return cursor.rowcount == 1


async def set_role(tx: Connection, user_id: UserId, role: Role) -> Member:
    """Give a person another role, and return them as they were before.

    Raises:
        NoSuchUser: Nobody of this id is let in.
        LastOwner: There would be no owner any more.
    """
    member = await _locked(tx, user_id, stays_owner=role is Role.OWNER)
    await tx.execute("UPDATE users SET role = %s WHERE id = %s", [role, user_id])
    return member


async def let_go(tx: Connection, user_id: UserId) -> Member:
    """Make a person a stranger, and return them as they were; what they did stays theirs.

    Raises:
        NoSuchUser: Nobody of this id is let in.
        LastOwner: There would be no owner any more.
    """
    member = await _locked(tx, user_id, stays_owner=False)
    await tx.execute("UPDATE users SET removed_at = now() WHERE id = %s", [user_id])
    return member


async def _locked(tx: Connection, user_id: UserId, *, stays_owner: bool) -> Member:
    """Return a person; nobody else changes them, or any owner, until the transaction ends."""
    async with tx.cursor(row_factory=class_row(Member)) as cursor:
        await cursor.execute(
            """
            SELECT id, name, role, from_settings, created_at FROM users
             WHERE removed_at IS NULL AND (role = 'owner' OR id = %s) ORDER BY id FOR NO KEY UPDATE
            """,
            [user_id],
        )
        found = {member.id: member for member in await cursor.fetchall()}
    if user_id not in found:
        raise NoSuchUser(f"Nobody called {user_id} is let in.")
    others = [one for one in found.values() if one.role is Role.OWNER and one.id != user_id]
    if not stays_owner and found[user_id].role is Role.OWNER and not others:
        raise LastOwner(f"{found[user_id].name} is the only owner, and there must be one.")
    return found[user_id]


def may_change_things(user: User) -> None:
    """Refuse somebody who may only look.

    Raises:
        ViewersOnlyLook: The person is a viewer.
    """
    if user.role is Role.VIEWER:
        raise ViewersOnlyLook
