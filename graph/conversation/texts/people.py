"""Who is let in, in which role, and what a role may do: `/users` and `/whoami`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graph.conversation.texts.words import plural
from shared.ledger.users import Role

# -- What a role may do -----------------------------------------------------------------------------

YOU_MAY: Final[Mapping[Role, str]] = {
    Role.OWNER: "You may do everything, and decide what only an owner may.",
    Role.OPERATOR: "You may start work, and decide what operators may.",
    Role.VIEWER: "You may look, and change nothing.",
}

_IN_ROLE: Final[Mapping[Role, str]] = {
    Role.OWNER: "is let in as owner, and may do everything, and decide what only an owner may",
    Role.OPERATOR: "is let in as operator, and may start work, and decide what operators may",
    Role.VIEWER: "is let in as viewer, and may look, and change nothing",
}

_ROLE_FROM_NOW_ON: Final[Mapping[Role, str]] = {
    Role.OWNER: "is owner from now on, and may do everything, and decide what only an owner may",
    Role.OPERATOR: "is operator from now on, and may start work, and decide what operators may",
    Role.VIEWER: "is viewer from now on, and may look, and change nothing",
}

NAME: Final = "name"
ID: Final = "id"
ROLE: Final = "role"
FRONT: Final = "front"

# -- Who is let in ----------------------------------------------------------------------------------

MEMBER_COLUMNS: Final = ("name", "id", "role", "since", "")
GROUP_COLUMNS: Final = ("group", "id", "since", "")
IN_SETTINGS: Final = "in ALLOWED_USER_IDS"


def by(who: str) -> str:
    """Say who has let a group in."""
    return f"by {who}"


def are_let_in(number: int) -> str:
    """Say how many people are let in."""
    return plural(number, f"{number} person is let in.", f"{number} people are let in.")


# -- Letting in, letting go -------------------------------------------------------------------------


def let_in(name: str, who: str, role: Role) -> str:
    """Say that somebody is let in now, and how to change that."""
    return f"{name} {_IN_ROLE[role]}. To change that: /users role {who} <role>, or /users remove {who}."


def let_in_already(name: str, who: str, role: Role) -> str:
    """Say that somebody was let in before."""
    return f"{name} ({who}) is let in already, as {role}."


def to_change_role(who: str, role: Role) -> str:
    """Say how somebody who was let in before gets the role that was asked for."""
    return f"To change that: /users role {who} {role}"


def in_role_already(name: str, role: Role) -> str:
    """Say that somebody has a role already."""
    return f"{name} is {role} already."


def in_role(name: str, role: Role, before: Role) -> str:
    """Say that somebody has another role now."""
    return f"{name} {_ROLE_FROM_NOW_ON[role]}. Before: {before}."


def let_go(name: str, who: str) -> str:
    """Say that somebody is not let in any more."""
    return (
        f"{name} is a stranger from now on. What they have started goes on, and what they have decided "
        f"holds. To let them in again: /users add {who}"
    )


def group_let_in(chat_id: int) -> str:
    """Say that a group is let in now."""
    return f"The group {chat_id} is let in. There I hear people who are let in themselves, and nobody else."


def group_let_go(chat_id: int) -> str:
    """Say that a group is not let in any more."""
    return f"I listen no more in the group {chat_id}."


THE_GROUP: Final = "The group"


# -- What cannot be done ----------------------------------------------------------------------------

GROUP_WITHOUT_ROLE: Final = "A group has no role: each person in it has their own."
TAKE_OUT_OF_SETTINGS: Final = (
    "Take the id out of ALLOWED_USER_IDS, and start again: then they are a stranger."
)


def stands_in_settings(who: str) -> str:
    """Say that somebody is let in by the settings."""
    return f"{who} stands in ALLOWED_USER_IDS, and cannot be removed by command."


def group_not_let_in(chat_id: int) -> str:
    """Say that a group was not let in."""
    return f"The group {chat_id} is not let in."


def no_such_role(word: str) -> str:
    """Say that a word is no role."""
    return f"There is no role {word}."


def nobodys_id(word: str) -> str:
    """Say that a word is no id."""
    return f"“{word}” is nobody's id."
