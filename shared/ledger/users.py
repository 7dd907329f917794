"""Who may talk to Telewright, and in which role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from psycopg.rows import class_row

from shared.database import Connection
from shared.errors import NotAllowed
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


class ViewersOnlyLook(NotAllowed):
    """You may look, but not change anything."""

    code = "viewers_only_look"


async def ensure(tx: Connection, user_id: UserId, *, name: str, role: Role) -> User:
    """Let a person in, or return them as they are known already.

    A person's role is not changed by meeting them again.
    """
    async with tx.cursor(row_factory=class_row(User)) as cursor:
        await cursor.execute(
            """
            INSERT INTO users (id, name, role) VALUES (%(id)s, %(name)s, %(role)s)
            ON CONFLICT (id) DO UPDATE SET name = users.name
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
        await cursor.execute("SELECT id, name, role FROM users WHERE id = %s", [user_id])
        return await cursor.fetchone()


def may_change_things(user: User) -> None:
    """Refuse somebody who may only look.

    Raises:
        ViewersOnlyLook: The person is a viewer.
    """
    if user.role is Role.VIEWER:
        raise ViewersOnlyLook
